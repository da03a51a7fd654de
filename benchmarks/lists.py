"""A list of a million rows: the time of its first sync and of the next, beside plain reading and storing; then the time to find
one reader by the index of the members, beside reading the file because it was changed.

Plain is: one pass of csv.reader over the file, one pass that inserts each row into a new SQLite table, a unique index on the
addresses. Each side is a program of its own; the plain side runs before and after, and its mean counts, so that the drift of the
machine cancels:

    python -m benchmarks.lists plain WORKSPACE      python -m benchmarks.lists sync WORKSPACE
    python -m benchmarks.lists find WORKSPACE       finds some readers; leaves a blank line at the end of the file

each of which prints one JSON object of seconds.
"""

import csv
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.process import ProcessResult, run
from benchmarks.targets import Target
from benchmarks.workload import LIST, SendOptions, reset_workspace
from mailer.addresses import Address, parse_address
from mailer.app import App
from mailer.service.lists.sync import sync_list
from mailer.service.subscribers.personal_data import lists_with

ROWS = 1_000_000
HEADER = ("email", "name", "first_name", "city", "country", "language", "joined", "interests")
PATIENCE = 1_200.0  # seconds
FOUND = 10  # readers that are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """Seconds: of reading and storing the list plainly, of its first sync, of the next; `peak` memory, in octets.

    `by_index`, `by_file`: of finding one reader, the median, while the file is unchanged and after it was changed.
    """

    rows: int
    plain: float
    first: float
    again: float
    peak: int
    by_index: float
    by_file: float

    @property
    def targets(self) -> list[Target]:
        return [
            Target(
                what=f"first sync, of storing it plainly, {self.rows:,} rows",
                bound=2.5,
                value=self.first / self.plain,
                unit="x",
            ),
            Target(what=f"sync of an unchanged list, {self.rows:,} rows", bound=1, value=self.again, unit="s"),
            Target(what=f"memory of a sync, {self.rows:,} rows", bound=200, value=self.peak / 1e6, unit="MB"),
            Target(what=f"finding one reader, {self.rows:,} rows", bound=10, value=self.by_index * 1e3, unit="ms"),
            Target(
                what=f"finding one reader, of reading the file, {self.rows:,} rows",
                bound=0.02,
                value=self.by_index / self.by_file,
                unit="x",
            ),
        ]


def measure_lists(folder: Path, rows: int, log: Callable[[str], None]) -> SyncResult:
    """Make a list of `rows`, and measure it."""
    log(f"lists: {rows:,} rows")
    (folder / "subscribers").mkdir(parents=True, exist_ok=True)
    with _file(folder).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_row(number, rows) for number in range(rows))
    reset_workspace(folder, SendOptions(port=25, connections=1))
    before = _plain_seconds(folder)
    synced = _program("sync", folder)
    seconds = json.loads(synced.output)
    plain = (before + _plain_seconds(folder)) / 2
    found = json.loads(_program("find", folder).output)
    return SyncResult(rows=rows, plain=plain, peak=synced.peak, **seconds, **found)


def _row(number: int, rows: int) -> tuple[str, ...]:
    """Addresses in no order, as they come; names and towns that repeat."""
    which = number * 7_919 % rows
    return (
        f"reader.{which}@mail{number % 97}.example",
        f"Reader Number {which}",
        f"Reader{which % 1_000}",
        f"Porto Novo {number % 50}",
        "Portugal",
        "pt",
        f"202{number % 6}-0{number % 9 + 1}-1{number % 10}",
        "harbour, tides" if number % 3 else "",
    )


def _file(folder: Path) -> Path:
    return folder / "subscribers" / f"{LIST}.csv"


def _program(what: str, folder: Path) -> ProcessResult:
    return run([sys.executable, "-m", "benchmarks.lists", what, folder.resolve()], timeout=PATIENCE, folder=ROOT)


def _plain_seconds(folder: Path) -> float:
    return float(sum(json.loads(_program("plain", folder).output).values()))


def _plain(folder: Path) -> dict[str, float]:
    path = _file(folder)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, path.open(encoding="utf-8", newline="") as file:
        start = time.monotonic()
        for _ in csv.reader(file):
            pass
        read = time.monotonic()
        file.seek(0)
        rows = csv.reader(file)
        conn = sqlite3.connect(Path(scratch) / "plain.db")
        conn.execute(f"CREATE TABLE reader ({', '.join(next(rows))})")
        conn.executemany(f"INSERT INTO reader VALUES ({', '.join('?' * len(HEADER))})", rows)
        conn.commit()
        inserted = time.monotonic()
        conn.execute("CREATE UNIQUE INDEX reader_email ON reader (email)")
        conn.commit()
        indexed = time.monotonic()
        conn.close()
    return {"reading": read - start, "inserting": inserted - read, "indexing": indexed - inserted}


def _sync(folder: Path) -> dict[str, float]:
    with App.open(folder) as app:
        _ = app.ledger
        start = time.monotonic()
        sync_list(app, LIST)
        first = time.monotonic()
        sync_list(app, LIST)
        return {"first": first - start, "again": time.monotonic() - first}


def _find(folder: Path) -> dict[str, float]:
    """Some readers from the beginning of the file to its end; the first of them pays for opening the ledger."""
    path = _file(folder)
    with path.open(encoding="utf-8", newline="") as file:
        addresses = [parse_address(row["email"]) for row in csv.DictReader(file)]
    first, *some = addresses[:: max(1, len(addresses) // FOUND)]
    with App.open(folder) as app:

        def seconds(address: Address) -> float:
            start = time.perf_counter()
            assert lists_with(app, address) == (LIST,)
            return time.perf_counter() - start

        seconds(first)
        by_index = statistics.median(map(seconds, some))
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
        seconds(first)
        return {"by_index": by_index, "by_file": statistics.median(map(seconds, some))}


if __name__ == "__main__":
    print(json.dumps({"plain": _plain, "sync": _sync, "find": _find}[sys.argv[1]](Path(sys.argv[2]))))
