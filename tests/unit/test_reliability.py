"""docs/reliability.md is held against the tests: each row is one, and what the page tells of the last run is of these rows."""

import re
from pathlib import Path

import pytest

from tests.support.rows import ROWS, Row
from tests.torture import BEGIN, END, PAGE, Outcome, Recorder, inventory, line

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_each_row_names_tests_that_there_are(row: Row) -> None:
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        assert re.search(rf"^(def )?{name}\b", (ROOT / file).read_text("utf-8"), re.MULTILINE), test


def test_the_page_names_the_tests_of_each_row() -> None:
    assert "\n".join(inventory()) in PAGE.read_text("utf-8")


def test_the_page_tells_what_came_of_every_row() -> None:
    told = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [each.split("|")[1:-1] for each in told.splitlines() if each.startswith("|")][2:]
    assert [row[0].strip() for row in rows] == [row.fault for row in ROWS]
    assert all(row[3].strip().startswith(("held", "FAILED")) for row in rows)


def test_a_row_shows_the_result_of_its_tests() -> None:
    row = Row("kill", "somehow", ("tests/x.py::test_kill", "tests/x.py::test_other"))
    recorder = Recorder()
    properties = {"runs": 6, "seed": 1, "uncertain": 3}
    recorder.outcomes["tests/x.py::test_kill[sqlite]"] = Outcome(seconds=2.4, properties=properties)
    recorder.outcomes["tests/x.py::test_kill_more[sqlite]"] = Outcome(seconds=100, failed=True)
    recorder.outcomes["tests/x.py::test_other::runTest"] = Outcome(seconds=1.0)
    assert line(row, recorder) == "| kill | somehow | 7 | held; 3 uncertain, all named | 1 | 3 |"
    recorder.collected = {
        *recorder.outcomes,
        "tests/x.py::test_kill[postgresql]",
        "tests/x.py::test_kill_more[postgresql]",
    }
    assert "1 of 3 cases not finished in this run" in line(row, recorder)
    recorder.outcomes["tests/x.py::test_other::runTest"] = Outcome(failed=True)
    assert "| FAILED" in line(row, recorder)
    assert line(row, Recorder()) == "| kill | somehow | 0 | not run | | |"
