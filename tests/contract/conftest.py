"""A ledger on each database, and the command line with a server that catches."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.app import App
from mailer.ledger.ledger import Ledger, open_ledger
from mailer.smtp.debug_server import DebugSmtpServer, ServerBehaviour
from tests.support.commands import Commands
from tests.support.desk import Desk
from tests.support.workspaces import make_workspace


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> float:
        self.now += seconds
        return self.now


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


@pytest.fixture
def desk(tmp_path: Path, database_url: str, clock: Clock) -> Iterator[Desk]:
    """A workspace with a list, `readers`, whose clock stands."""
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    make_workspace(tmp_path, DATABASE_URL=url)
    with App.open(tmp_path, clock) as app:
        yield Desk(app)


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands run in this test's workspace, which is still to be made."""
    return Commands(tmp_path, capsys)


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[DebugSmtpServer]:
    """An SMTP server that takes everything but refuse@example.com, and greylist@example.com at first."""
    folder = tmp_path / "caught"
    folder.mkdir()
    behaviour = ServerBehaviour(refuse=frozenset({"refuse@example.com"}), greylist=frozenset({"greylist@example.com"}))
    with DebugSmtpServer(tmp_path / "caught.jsonl", behaviour=behaviour, folder=folder) as running:
        yield running
