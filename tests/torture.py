"""`make torture`: every fault in full, and the table of docs/reliability.md written from what came of it.

python -m tests.torture [ARGUMENTS OF PYTEST]
"""

import datetime as dt
import os
import platform
import re
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.rows import ROWS, Row

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- written by make torture: begin -->", "<!-- written by make torture: end -->"


@dataclass(slots=True)
class Outcome:
    """What came of one test with one set of parameters."""

    seconds: float = 0.0
    failed: bool = False
    skipped: str = ""
    properties: dict[str, int] = field(default_factory=dict)


class Recorder:
    """Listens to pytest."""

    def __init__(self) -> None:
        self.outcomes: defaultdict[str, Outcome] = defaultdict(Outcome)
        self.collected: set[str] = set()

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.collected.update(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = self.outcomes[report.nodeid]
        outcome.seconds += report.duration
        outcome.failed |= report.failed
        if report.skipped and isinstance(report.longrepr, tuple):
            outcome.skipped = report.longrepr[2]
        if report.when == "call":
            outcome.properties.update(report.user_properties)  # type: ignore[arg-type]

    def of(self, row: Row) -> list[Outcome]:
        """The outcomes of the row's tests that came to an end."""
        return [outcome for name, outcome in self.outcomes.items() if _is_of(row, name)]

    def unfinished(self, row: Row) -> int:
        """How many of its tests did not come to an end: the run was interrupted."""
        return sum(_is_of(row, name) for name in self.collected - set(self.outcomes))


def _is_of(row: Row, name: str) -> bool:
    return any(re.match(rf"{re.escape(test)}(\[|::|\Z)", name) for test in row.tests)


def line(row: Row, recorder: Recorder) -> str:
    """A row of the table."""
    outcomes, unfinished = recorder.of(row), recorder.unfinished(row)
    if not outcomes:
        return f"| {row.fault} | {row.how} | 0 | not run | | |"
    runs = sum(outcome.properties.get("runs", 1) for outcome in outcomes)
    seeds = sorted({str(outcome.properties["seed"]) for outcome in outcomes if "seed" in outcome.properties})
    uncertain = [outcome.properties["uncertain"] for outcome in outcomes if "uncertain" in outcome.properties]
    skipped = {outcome.skipped for outcome in outcomes if outcome.skipped}
    result = "FAILED" if any(outcome.failed for outcome in outcomes) else "held"
    if uncertain:
        result += f"; {sum(uncertain):,} uncertain, all named"
    if unfinished:
        result += f"; {unfinished} of {unfinished + len(outcomes)} cases not finished in this run"
    if skipped:
        result += f"; not run: {', '.join(sorted(skipped))}"
    seconds = sum(outcome.seconds for outcome in outcomes)
    return f"| {row.fault} | {row.how} | {runs:,} | {result} | {', '.join(seeds)} | {seconds:,.0f} |"


def written(recorder: Recorder, seconds: float, jobs: str) -> Iterator[str]:
    """The generated part of the page."""
    begun = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")
    yield BEGIN
    yield ""
    yield (
        f"Run of {begun}: {seconds:,.0f} s with {jobs} processes at a time on {os.cpu_count()} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, PostgreSQL 18."
    )
    yield ""
    yield "| fault | how it was done | runs | result | seed | seconds |"
    yield "|---|---|---|---|---|---|"
    yield from (line(row, recorder) for row in ROWS)
    yield ""
    yield END


def inventory() -> Iterator[str]:
    """Which tests each row is, for the page."""
    yield "| fault | tests |"
    yield "|---|---|"
    for row in ROWS:
        names = ", ".join(f"`{test.rpartition('/')[2]}`" for test in row.tests)
        yield f"| {row.fault} | {names} |"


def main(arguments: list[str]) -> int:
    tests = list(dict.fromkeys(test for row in ROWS for test in row.tests))
    jobs = os.environ.get("JOBS", "2")
    recorder = Recorder()
    begun = dt.datetime.now(dt.UTC)
    code = pytest.main(["--torture", "-q", "-n", jobs, "--dist", "worksteal", *arguments, *tests], plugins=[recorder])
    seconds = (dt.datetime.now(dt.UTC) - begun).total_seconds()
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + "\n".join(written(recorder, seconds, jobs)) + after, "utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
