"""Sends of `mailer serve` that cannot start, or whose relay is out of reach: they keep their reason, and go on by themselves."""

import asyncio
import socket
from contextlib import closing

import pytest

from mailer.app import App
from mailer.cli.sends.status import show_line, show_send
from mailer.delivery.states import SendState
from mailer.service.sends import run as running
from mailer.service.sends import scheduler
from mailer.service.sends.control import pause_send
from mailer.service.sends.plan import plan_send
from mailer.service.sends.progress_tracker import describe_time_left
from mailer.service.sends.run import run_send_async
from mailer.service.sends.scheduler import start_sends_when_due
from mailer.service.sends.start import start_send
from mailer.smtp.debug_server import DebugSmtpServer, read_journal
from tests.support.ledger_cases import new_send
from tests.support.patience import until_holds
from tests.support.workspaces import make_workspace

ROWS = tuple(f"r{n}@example.com,R{n},Lisbon" for n in range(20))


@pytest.fixture
def silent_port():
    """A port on which nothing listens yet."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """What takes minutes takes moments; how long `serve` waits for a relay is not changed."""
    monkeypatch.setattr(running, "OUTAGE_AFTER", 0.2)
    monkeypatch.setattr(running, "NOTE_EVERY", 0.05)
    monkeypatch.setattr(scheduler, "REST", 0.2)
    monkeypatch.setattr(scheduler, "LOOK_EVERY", 0.05)
    options = running.PoolOptions
    monkeypatch.setattr(
        running, "PoolOptions", lambda **rest: options(connect_patience=0.6, first_patience=0.3, **rest)
    )


@pytest.fixture
def open_app(tmp_path, database_url):
    opened = []

    def open_one(**settings):
        make_workspace(tmp_path, rows=ROWS, DATABASE_URL=database_url, **settings)
        opened.append(App.open(tmp_path))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def schedule(app):
    return start_send(app, plan_send(app, "tide", ["readers"]), at=app.clock() + 0.1).id


async def served_until(app, log, *steps):
    """Runs the scheduler of `serve`, and the steps one after the other."""
    stop = asyncio.Event()
    serving = asyncio.create_task(start_sends_when_due(app, stop, log.append))
    try:
        for step in steps:
            await step()
    finally:
        stop.set()
        await serving


def state_is(app, send, state):
    async def wait():
        await until_holds(lambda: app.ledger.sends.get(send).state is state)

    return wait


def reason_has(app, send, words):
    async def wait():
        await until_holds(lambda: words in app.ledger.sends.get(send).reason)

    return wait


def shown(capsys, app, send):
    summary = app.ledger.sends.summary(send)
    show_line(app, summary)
    show_send(app, summary)
    return capsys.readouterr().out


def test_a_scheduled_send_whose_relay_is_down_goes_on_when_the_relay_is_back(open_app, silent_port, tmp_path, capsys):
    app, log = open_app(RELAY=f"smtp://127.0.0.1:{silent_port}"), []
    send = schedule(app)

    async def check_and_open():
        out = shown(capsys, app, send)
        assert out.count("no relay reachable since 20") == 2
        assert "refused" in out
        assert describe_time_left(app, app.ledger.sends.summary(send)) == ""
        assert [each.id for each in app.ledger.sends.hindered()] == [send]
        await asyncio.sleep(1.5)  # longer than a command that a person watches would wait
        assert app.ledger.sends.get(send).state is SendState.RUNNING
        relay.__enter__()

    relay = DebugSmtpServer(tmp_path / "caught.jsonl", port=silent_port)
    steps = (reason_has(app, send, "no relay reachable"), check_and_open, state_is(app, send, SendState.FINISHED))
    try:
        asyncio.run(served_until(app, log, *steps))
    finally:
        relay.__exit__(None, None, None)
    assert len(read_journal(tmp_path / "caught.jsonl")) == len(ROWS)
    assert app.ledger.sends.get(send).reason == ""
    assert app.ledger.sends.hindered() == ()


def test_a_send_that_a_person_paused_stays_paused_although_the_relay_is_back(open_app, silent_port, tmp_path):
    app, log = open_app(RELAY=f"smtp://127.0.0.1:{silent_port}"), []
    send = schedule(app)

    async def pause():
        await asyncio.to_thread(pause_send, app, send)

    async def stay_paused():
        with DebugSmtpServer(tmp_path / "caught.jsonl", port=silent_port):
            await asyncio.sleep(1)
        found = app.ledger.sends.get(send)
        assert (found.state, found.reason) == (SendState.PAUSED, "paused by hand")

    asyncio.run(served_until(app, log, reason_has(app, send, "no relay reachable"), pause, stay_paused))
    assert read_journal(tmp_path / "caught.jsonl") == []


def test_before_the_first_message_the_wait_for_a_relay_ends_with_the_grace_of_the_schedule(open_app, silent_port):
    app, log = open_app(RELAY=f"smtp://127.0.0.1:{silent_port}", SCHEDULE_GRACE="1"), []
    send = schedule(app)
    asyncio.run(served_until(app, log, state_is(app, send, SendState.PAUSED)))
    assert "refused" in app.ledger.sends.get(send).reason


def test_a_command_gives_up_soon(open_app, silent_port):
    app = open_app(RELAY=f"smtp://127.0.0.1:{silent_port}")
    send = start_send(app, plan_send(app, "tide", ["readers"])).id
    asyncio.run(run_send_async(app, send))
    assert app.ledger.sends.get(send).state is SendState.PAUSED


def test_a_scheduled_send_that_cannot_start_shows_why_until_it_can(open_app, catcher, tmp_path, capsys):
    app, log = open_app(RELAY=f"smtp://127.0.0.1:{catcher.port}"), []
    send = schedule(app)
    readers = tmp_path / "subscribers" / "readers.csv"
    whole = readers.read_text("utf-8")
    readers.write_text("\n".join(whole.splitlines()[:5]) + "\n", "utf-8")

    async def check_and_restore():
        assert app.ledger.sends.get(send).state is SendState.SCHEDULED
        assert shown(capsys, app, send).count("readers") > 2
        assert [each.id for each in app.ledger.sends.hindered()] == [send]
        await asyncio.sleep(1)
        assert len([line for line in log if "would" in line or "removed" in line or "leave" in line]) == 1, (
            "logged once"
        )
        readers.write_text(whole, "utf-8")

    steps = (reason_has(app, send, "readers"), check_and_restore, state_is(app, send, SendState.FINISHED))
    asyncio.run(served_until(app, log, *steps))
    assert len(catcher.received()) == len(ROWS)


def test_a_send_that_could_not_start_keeps_the_reason_when_it_becomes_overdue(ledger, clock):
    send = ledger.creator.create(new_send(at=clock.now + 60)).id
    ledger.sends.note_hindrance(send, "the list shrank")
    clock.forward(3600)
    assert ledger.sends.due(grace=0) == ()
    found = ledger.sends.get(send)
    assert (found.state, found.reason) == (SendState.OVERDUE, "the list shrank")
    assert [each.id for each in ledger.sends.hindered()] == [send]
