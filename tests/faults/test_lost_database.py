"""The database goes away under `mailer serve`: an answered unsubscribe request has taken effect, and it is well again by itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from mailer.app import App
from mailer.ledger.ledger import open_ledger
from mailer.ledger.store.restore_detection import RestoredError
from mailer.link_tokens import Purpose
from tests.support.patience import PATIENCE, until
from tests.support.postgres import Server, server
from tests.support.programs import Process, Programs
from tests.support.siege import SEND, Siege

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server for tests that stop it."""
    with server() as running:
        yield running


@contextmanager
def serving(programs: Programs, folder: Path) -> Iterator[tuple[Process, httpx.Client]]:
    process = programs.start(folder, "serve", "--port", "0")
    try:
        url = process.said(r"Serving .* at (http://\S+)")[1]
        with httpx.Client(base_url=url, timeout=PATIENCE) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def links(folder: Path) -> list[str]:
    """The unsubscribe link of each recipient."""
    with App.open(folder) as app:
        return [f"/u/{app.keys.issue(Purpose.UNSUBSCRIBE, row.delivery_id)}" for row in app.ledger.report.rows(1)]


def suppressed(folder: Path) -> int:
    with App.open(folder) as app:
        return sum(app.ledger.suppressions.get(row.email) is not None for row in app.ledger.report.rows(1))


@POSTGRESQL
def test_connections_that_were_ended_lose_no_unsubscribe_request(
    besiege: Callable[..., Siege], programs: Programs, postgres: Server, tmp_path: Path, full: bool
) -> None:
    times = 20 if full else 3
    siege = besiege(readers=times)
    assert siege.run(*SEND).code == 0
    found = links(tmp_path)
    with serving(programs, tmp_path) as (_, client):
        for link in found:
            assert client.get(link).status_code == 200  # connections of readers and of the writer are open
            postgres.kill_backends()
            assert client.post(link, data=ONE_CLICK).status_code == 200
    assert suppressed(tmp_path) == times


def test_a_server_that_is_back_takes_unsubscribe_requests_at_once(
    besiege_at: Callable[..., Siege], programs: Programs, mortal: Server, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        siege = besiege_at(stack.enter_context(mortal.database()), readers=2)
        assert siege.run(*SEND).code == 0
        first, second = links(tmp_path)
        process, client = stack.enter_context(serving(programs, tmp_path))
        assert client.post(first, data=ONE_CLICK).status_code == 200
        mortal.stop()
        assert client.post(second, data=ONE_CLICK).status_code == 503
        process.said("due sends wait: ")
        mortal.start()
        assert client.post(second, data=ONE_CLICK).status_code == 200
        process.said("due sends go on")
        until(lambda: client.get("/healthz").status_code == 200)
        process.kill()
        said = process.wait().err
        assert said.count("due sends wait: ") <= 2, "a lost database fills no log"
        assert suppressed(tmp_path) == 2


def test_files_of_a_server_that_were_put_back_are_refused(mortal: Server, tmp_path: Path) -> None:
    with mortal.database() as url:
        with open_ledger(url, tmp_path / "used") as ledger:
            ledger.try_write().result()
            with mortal.files_put_back():
                for _ in range(10):  # fewer than PostgreSQL logs a sequence ahead
                    ledger.try_write().result()
            with pytest.raises(RestoredError, match="is older than the last one used here"):
                ledger.try_write().result()
        for folder, options in (("used", {}), ("new", {}), ("worker", {"is_worker": True})):
            with pytest.raises(RestoredError):
                open_ledger(url, tmp_path / folder, **options)


@SQLITE
@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_file_that_was_moved_takes_no_unsubscribe_request_until_it_is_back(
    besiege: Callable[..., Siege], programs: Programs, tmp_path: Path, replaced: bool
) -> None:
    siege = besiege(readers=2)
    assert siege.run(*SEND).code == 0
    first, second = links(tmp_path)
    with serving(programs, tmp_path) as (process, client):
        assert client.post(first, data=ONE_CLICK).status_code == 200
        files = [path for path in tmp_path.glob("mailer.db*") if path.is_file()]
        copy = (tmp_path / "mailer.db").read_bytes()
        for path in files:
            path.rename(tmp_path / f"away-{path.name}")
        if replaced:
            (tmp_path / "mailer.db").write_bytes(copy)
        assert client.post(second, data=ONE_CLICK).status_code == 503
        until(lambda: client.get("/healthz").status_code == 503)
        process.said("was replaced while" if replaced else "was moved or deleted while")
        for path in files:
            (tmp_path / f"away-{path.name}").rename(path)
        assert client.post(second, data=ONE_CLICK).status_code == 200
        until(lambda: client.get("/healthz").status_code == 200)
    assert suppressed(tmp_path) == 2
