"""Workers that share a send on PostgreSQL: how much faster several are than one, the limit that they share, and what it costs.

All workers run on this machine, and so share its processors and its disk. The question is therefore whether they wait for each
other: behind relays that make each connection wait, with few connections, so that none of them needs much of a processor.
Where the rates of one worker and of several are compared, PostgreSQL does not wait for the disk (`fsync=off`). In all other runs
it does, with its own defaults. Each run has a new database, and a list as long as its workers need for the same time.

A wait for a lock that is longer than LOCK_PATIENCE is in PostgreSQL's log. How many bytes of WAL and of tables a delivery takes
is measured with one worker and a relay that accepts at once.
"""

import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from benchmarks.machine import ROOT
from benchmarks.process import UnavailableError
from benchmarks.relay import proxy
from benchmarks.targets import Target
from benchmarks.workload import DISPATCH, LIST, SendOptions, reset_workspace, write_dispatch, write_readers
from mailer.app import App
from mailer.delivery.states import DeliveryState
from mailer.errors import MailerError
from mailer.service.cluster.handover import run_or_hand_over
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import start_send
from mailer.service.trial_postgresql import trial_postgresql

WORKERS = (1, 2, 3, 4)
RATE = 200  # messages a second, of all workers together
WINDOW = 10.0  # seconds
SECONDS = 40  # that a run should take
LEDGER_MESSAGES = 20_000
LOCK_PATIENCE = "1ms"  # the least that PostgreSQL accepts
SHARDS_EACH = 2  # that a worker gets in a run
_START = 60.0  # seconds until a worker has started
_BEGIN = 3.0  # seconds after the first message: until then the workers take their shares of the limits
_SAMPLE = 0.05  # seconds between two looks at the connections
_WAITED = re.compile(r"still waiting for (\w+) on (\w+(?: lock)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A kind of relay: `connections` of each worker, and how many messages a second such a connection sends, at most."""

    name: str
    delay: float = 0.0  # seconds, each way
    sleep: float = 0.0  # seconds before each acceptance
    connections: int
    pace: float


FAR = Link(name="50 ms away", delay=0.025, connections=4, pace=18)
SLOW = Link(name="5 ms a message", sleep=0.005, connections=1, pace=150)
PLENTY = Link(name="5 ms a message", sleep=0.005, connections=5, pace=150)
AT_ONCE = Link(name="accepts at once", connections=20, pace=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What a run is to do; `rate` 0: without a limit; `durable`: each commit waits for the disk; `shards`: of each worker."""

    link: Link
    workers: int
    messages: int
    rate: int = 0
    durable: bool = True
    shards: int = SHARDS_EACH


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRun:
    """One run. `seconds`: from the first acceptance to the last.

    `least`, `most`: messages a second over any WINDOW seconds in which all workers had their shares.
    `transactions` that wrote; `waited`, by the kind of lock, how many times one waited for longer than LOCK_PATIENCE.
    `wal`: bytes that PostgreSQL's log grew by during the send, `frozen_wal`: before it, by the list and the frozen recipients.
    `tables`: the bytes of each table in the end, with its indexes. `connections` to PostgreSQL, at most.
    """

    link: str
    workers: int
    messages: int
    seconds: float
    least: float | None
    most: float | None
    transactions: int
    waited: Mapping[str, int]
    wal: int
    frozen_wal: int
    tables: Mapping[str, int]
    connections: int

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    @property
    def waited_share(self) -> float:
        """The share of the transactions that waited for a lock."""
        return sum(self.waited.values()) / self.transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterResult:
    """`scaling`: one worker to four, no disk; `durable`: four, with the disk; `limited`: four with RATE; `ledger`: one."""

    scaling: Sequence[ClusterRun]
    durable: Sequence[ClusterRun]
    limited: ClusterRun
    ledger: ClusterRun

    def ratio(self, run: ClusterRun) -> float:
        """Returns the rate of `run` over that of one worker with the same link; of several such runs, of the medians."""
        one = [each.rate for each in self.scaling if (each.link, each.workers) == (run.link, 1)]
        same = [each.rate for each in self.scaling if (each.link, each.workers) == (run.link, run.workers)]
        return statistics.median(same) / statistics.median(one)

    @property
    def targets(self) -> Iterator[Target]:
        for run in self.scaling:
            if run.workers == max(WORKERS):
                yield Target(
                    what=f"{run.workers} workers, of the rate of one, {run.link}",
                    bound=3.6,
                    value=self.ratio(run),
                    unit="x",
                    at_most=False,
                )
        for run in self.durable:
            yield Target(
                what=f"commits that waited for a lock, {run.link}", bound=5, value=run.waited_share * 100, unit="%"
            )
        for what, value, at_most in (("most", self.limited.most, True), ("least", self.limited.least, False)):
            yield Target(
                what=f"{what} over any {WINDOW:.0f} s with RATE={RATE}",
                bound=RATE if at_most else 0.975 * RATE,
                value=value,
                unit="/s",
                at_most=at_most,
            )


def measure_cluster(folder: Path, log: Callable[[str], None], *, quick: bool = False) -> ClusterResult:
    """Measures all of it in `folder`. Raises UnavailableError without PostgreSQL."""
    seconds, messages = (SECONDS // 4, LEDGER_MESSAGES // 4) if quick else (SECONDS, LEDGER_MESSAGES)
    shutil.rmtree(folder, ignore_errors=True)
    with _Server() as server:
        runs: dict[bool, list[ClusterRun]] = {}
        for durable, numbers in ((False, WORKERS), (True, WORKERS[-1:])):
            runs[durable] = []
            for link, workers in product((FAR, SLOW), numbers):
                count = round(workers * link.connections * link.pace * seconds)
                log(f"cluster: {workers} workers, {link.name}, {count:,} messages")
                case = _Case(link=link, workers=workers, messages=count, durable=durable)
                runs[durable].append(_run(server, folder, case))
        log(f"cluster: {max(WORKERS)} workers, RATE={RATE}")
        count = round(RATE * (seconds / 2 + WINDOW))
        limited = _run(server, folder, _Case(link=PLENTY, workers=max(WORKERS), messages=count, rate=RATE, shards=1))
        log(f"cluster: one worker, {AT_ONCE.name}, {messages:,} messages")
        ledger = _run(server, folder, _Case(link=AT_ONCE, workers=1, messages=messages))
    return ClusterResult(scaling=runs[False], durable=runs[True], limited=limited, ledger=ledger)


def rates_in_windows(times: Sequence[float]) -> list[float]:
    """Returns the messages a second of each window of WINDOW seconds that begins with a message, after the beginning.

    The last second is left out: there the shards end, one after another.
    """
    times = sorted(times)
    rates, end = [], 0
    for begin, at in enumerate(times):
        if at < times[0] + _BEGIN or at + WINDOW > times[-1] - 1:
            continue
        while times[end] < at + WINDOW:
            end += 1
        rates.append((end - begin) / WINDOW)
    return rates


def _run(server: "_Server", folder: Path, case: _Case) -> ClusterRun:
    """Sends in a new database."""
    link, workers, messages, database = (
        case.link,
        case.workers,
        case.messages,
        server.new_database(durable=case.durable),
    )
    workspace = folder / "workspace"
    with ExitStack() as stack:
        relay = stack.enter_context(_SlowRelay(link.sleep))
        port = stack.enter_context(proxy(relay.port, delay=link.delay)).port if link.delay else relay.port
        if not (workspace / "dispatches").exists():
            write_readers(workspace, 1)
            write_dispatch(workspace, 16_000)
        write_readers(workspace, messages)
        reset_workspace(workspace, SendOptions(port=port, connections=link.connections * workers))
        with (workspace / ".env").open("a", encoding="utf-8") as file:
            file.write(f"MAILER_DATABASE_URL='{database}'\n")
            file.write(f"MAILER_SHARD_SIZE={math.ceil(messages / workers / case.shards)}\n")
            if case.rate:
                file.write(f"MAILER_RATE={case.rate}\n")
        watched = stack.enter_context(_Watch(server, database))
        app = stack.enter_context(App.open(workspace))
        plan = plan_send(app, DISPATCH, [LIST])
        stack.enter_context(_workers(folder, (workspace / ".env").read_bytes(), workers))
        send = start_send(app, plan)
        watched.begin()
        outcome = run_or_hand_over(app, send.id)
        counters = watched.stop()
        accepted = outcome.summary.count(DeliveryState.ACCEPTED)
        if accepted != messages:
            raise RuntimeError(f"only {accepted} of {messages} were accepted: {outcome.result}")
        times = relay.stop()
    rates = rates_in_windows(times)
    return ClusterRun(
        link=link.name,
        workers=workers,
        messages=messages,
        seconds=max(times) - min(times),
        least=min(rates, default=None),
        most=max(rates, default=None),
        **counters,
    )


@contextmanager
def _workers(folder: Path, settings: bytes, count: int) -> Iterator[None]:
    """Runs `count` workers, each in a folder of its own; returns when all wait for shards."""
    with ExitStack() as stack:
        started = []
        for number in range(count):
            own = folder / f"worker-{number + 1}"
            own.mkdir(parents=True, exist_ok=True)
            (own / ".env").write_bytes(settings)
            process = subprocess.Popen(
                [sys.executable, "-m", "mailer", "worker"], cwd=own, stderr=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
            started.append(process)
        for process in started:
            _wait_for_start(process)
        yield


def _wait_for_start(process: "subprocess.Popen[str]") -> None:
    """Returns when the worker waits for shards; what it prints later is read and dropped. Raises UnavailableError."""
    ready = threading.Event()
    lines: list[str] = []

    def read() -> None:
        assert process.stderr
        for line in process.stderr:
            lines.append(line)
            if "Waiting for shards" in line:
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    if not ready.wait(_START) or process.poll() is not None:
        raise UnavailableError(f"a worker does not start: {''.join(lines)[-300:]}")


class _SlowRelay:
    """A slow_relay in a process of its own."""

    def __init__(self, sleep: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.slow_relay", str(sleep)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def stop(self) -> list[float]:
        """Ends it, and returns when it accepted each message."""
        output, _ = self._process.communicate()
        times: list[float] = json.loads(output)
        return times

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


class _Server:
    """A PostgreSQL server of our own. Raises UnavailableError."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        try:
            self.url = self._stack.enter_context(trial_postgresql())
        except MailerError as error:
            raise UnavailableError(f"{error.message} {error.next_step}") from None
        self._count = 0
        with psycopg.connect(self.url, autocommit=True) as conn:
            for setting in ("log_lock_waits = on", f"deadlock_timeout = '{LOCK_PATIENCE}'"):
                conn.execute(f"ALTER SYSTEM SET {setting}")
            conn.execute("SELECT pg_reload_conf()")
            [(folder,)] = conn.execute("SHOW data_directory")
            self.log = Path(str(folder)) / "log"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def new_database(self, *, durable: bool) -> str:
        """Creates a database, and returns its URL; `durable`: from now on, each commit waits for the disk."""
        self._count += 1
        name = f"run_{self._count}"
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(f"ALTER SYSTEM SET fsync = {'on' if durable else 'off'}")
            conn.execute("SELECT pg_reload_conf()")
            conn.execute(f"CREATE DATABASE {name}")
        head, _, query = self.url.partition("?")
        return f"{head.rpartition('/')[0]}/{name}?{query}"


class _Watch:
    """What happens in a database from `begin` until `stop`."""

    def __init__(self, server: _Server, database: str) -> None:
        self._log = server.log
        self._conn = psycopg.connect(database, autocommit=True)
        self._connections = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._empty = self._counters()
        return self

    def begin(self) -> None:
        self._at = self._log.stat().st_size
        self._before = self._counters()
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.ident:
            self._thread.join()
        self._conn.close()

    def stop(self) -> dict[str, Any]:
        """Returns the counters of a ClusterRun."""
        self._over.set()
        self._thread.join()
        transactions, wal = (now - before for now, before in zip(self._counters(), self._before, strict=True))
        with self._log.open("rb") as file:
            file.seek(self._at)
            text = file.read().decode("utf-8", "replace")
        waited = Counter(f"{mode}, {kind}" for mode, kind in _WAITED.findall(text))
        return {
            "transactions": transactions,
            "waited": dict(waited),
            "wal": wal,
            "frozen_wal": self._before[1] - self._empty[1],
            "tables": self._tables(),
            "connections": self._connections,
        }

    def _tables(self) -> dict[str, int]:
        """Returns the bytes of the largest tables of the ledger."""
        rows = self._conn.execute(
            "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables WHERE schemaname = 'public'"
            " ORDER BY 2 DESC LIMIT 6"
        )
        return dict(rows.fetchall())

    def _counters(self) -> tuple[int, int]:
        row = self._conn.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
            " (pg_current_wal_insert_lsn() - '0/0')::bigint"
        ).fetchone()
        assert row
        return row[0], row[1]

    def _sample(self) -> None:
        """Counts the connections of the program, of the workers and of the command that follows them."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while not self._over.wait(_SAMPLE):
            row = self._conn.execute(query).fetchone()
            assert row
            self._connections = max(self._connections, row[0])
