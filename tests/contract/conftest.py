"""The databases that a ledger runs on: every contract test runs on each."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.ledger.ledger import Ledger, open_ledger

DATABASES = ("sqlite",)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh database, migrated once for all tests."""
    folder = tmp_path_factory.mktemp("ledger")
    open_ledger("sqlite:///mailer.db", folder / ".mailer").close()
    return folder / "mailer.db"


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path, empty_sqlite: Path) -> str:
    assert request.param == "sqlite"
    shutil.copy(empty_sqlite, tmp_path / "mailer.db")
    return "sqlite:///mailer.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_here(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Ledger]]:
    """Opens the test's ledger, as often as wanted: each is like a process of its own."""
    opened: list[Ledger] = []

    def open_one() -> Ledger:
        opened.append(open_ledger(database_url, tmp_path / ".mailer", clock=clock))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def ledger(open_here: Callable[[], Ledger]) -> Ledger:
    return open_here()
