"""People unsubscribe while a send runs and the server is killed: every answered request has taken effect."""

import asyncio
import signal
import sqlite3
from contextlib import contextmanager

import pytest

from benchmarks.unsubscribe import post_tokens
from mailer.app import App
from mailer.link_tokens import Purpose
from mailer.smtp.debug_server import DebugSmtpServer
from mailer.web.server import free_port
from tests.support.patience import until
from tests.support.workspaces import make_workspace

READERS = 300


@contextmanager
def served(programs, workspace, port):
    process = programs.start(workspace, "serve", "--port", str(port))
    try:
        process.said("Serving")
        yield process
    finally:
        process.kill()
        process.wait()


def query(workspace, sql):
    with sqlite3.connect(workspace / "mailer.db") as database:
        return database.execute(sql).fetchall()


def is_frozen(workspace):
    try:
        return query(workspace, "select count(*) from delivery")[0][0] == READERS
    except sqlite3.OperationalError:  # no table yet
        return False


def tokens(workspace):
    with App.open(workspace) as app:
        rows = app.ledger.report.rows(1)
        return {app.keys.issue(Purpose.UNSUBSCRIBE, row.delivery_id): row.email for row in rows}


async def _post_and_kill(port, wanted, process, after):
    """POSTs until the server is killed, `after` seconds from now; returns the tokens that were answered."""
    asyncio.get_running_loop().call_later(after, process.send_signal, signal.SIGKILL)
    return await post_tokens(port, wanted, 40)


@pytest.mark.parametrize("kills", [2])
def test_an_answered_unsubscribe_request_survives_a_kill_of_the_server(tmp_path, programs, kills, full):
    kills = 20 if full else kills
    with DebugSmtpServer(tmp_path / "accepted.jsonl") as catcher:
        make_workspace(
            tmp_path,
            port=catcher.port,
            rows=[f"r{n}@example.com,R{n},X" for n in range(READERS)],
            RATE="40",
            CONNECTIONS="8",
        )
        send = programs.start(tmp_path, "send", "tide", "--to", "readers", "--yes")
        until(lambda: is_frozen(tmp_path))
        people, port = tokens(tmp_path), free_port()
        waiting, answered = list(people), set()
        for kill in range(kills):
            with served(programs, tmp_path, port) as process:
                after = 0.05 + 0.3 * kill / kills
                answered_now = asyncio.run(_post_and_kill(port, waiting[: READERS // 2], process, after))
            answered |= {people[token] for token in answered_now}
            gone = {row[0] for row in query(tmp_path, "select identity from suppression")}
            assert answered <= gone
            waiting = [token for token in waiting if token not in answered_now]
        with served(programs, tmp_path, port):
            answered_now = asyncio.run(post_tokens(port, waiting, 40))
            assert len(answered_now) == len(waiting)
        send.wait()
    assert query(tmp_path, "select count(*) from suppression") == [(READERS,)]
    states = dict(query(tmp_path, "select state, count(*) from delivery group by state"))
    assert set(states) <= {"accepted", "skipped"}
    assert sum(states.values()) == READERS
    assert len(catcher.received()) == states.get("accepted", 0)
    after_the_no = """select count(*) from attempt a join delivery d on d.id = a.delivery_id
        join suppression s on s.identity = d.identity where d.state = 'accepted' and a.opened_at > s.at"""
    assert query(tmp_path, after_the_no) == [(0,)]
