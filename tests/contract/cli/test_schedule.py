"""Sends for later: `--at`, `--wait`, `serve`, overdue (contract 3)."""

import datetime as dt
import re
import signal
import time
from zoneinfo import ZoneInfo

import httpx
import pytest

from mailer.app import App
from mailer.delivery.states import SendState
from mailer.errors import UsageError
from mailer.service.sends.plan import plan_send
from mailer.service.sends.schedule_time import parse_schedule_time
from mailer.service.sends.start import start_send
from tests.support.patience import PATIENCE, until
from tests.support.workspaces import make_workspace, start_mailer

LISBON = ZoneInfo("Europe/Lisbon")
SEND = ("send", "tide", "--to", "readers", "--yes")
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC).timestamp()


def soon(seconds: float) -> str:
    return dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC).isoformat()


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-06-01 10:00", "2026-06-01T09:00"),
        ("2026-06-01T10:00", "2026-06-01T09:00"),
        ("2026-12-01 10:00", "2026-12-01T10:00"),
        (" 2026-06-01T10:00+03:00 ", "2026-06-01T07:00"),
        ("2026-06-01T10:00Z", "2026-06-01T10:00"),
        ("2026-10-25T01:30+00:00", "2026-10-25T01:30"),
    ],
)
def test_a_time_is_read_in_the_time_zone_of_the_settings(text, utc):
    assert parse_schedule_time(text, LISBON, now=NOW) == dt.datetime.fromisoformat(f"{utc}+00:00").timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow", "is not a time"),
        ("", "is not a time"),
        ("2026-12-01", "has no time"),
        (" 20261201 ", "has no time"),
        ("2026-W49-2", "has no time"),
        ("2026-13-01 10:00", "is not a time"),
        ("2026-02-28 10:00", "is in the past"),
        ("0001-01-01T00:00+14:00", "is not a time"),
        ("0001-01-01 00:00", "is in the past"),
        ("9999-12-31T23:59-12:00", "is not a time"),
        ("2026-03-29 01:30", "does not exist in"),
        ("2026-10-25 01:30", "happens twice in"),
    ],
)
def test_a_time_that_is_none_is_refused_with_what_to_write(text, expected):
    with pytest.raises(UsageError, match=expected) as caught:
        parse_schedule_time(text, LISBON, now=NOW)
    assert caught.value.next_step


def test_scheduled_it_returns_at_once_freezes_the_edition_and_warns_when_nobody_would_start_it(here, catcher):
    make_workspace(here.folder, port=catcher.port, TIMEZONE="Europe/Lisbon")
    ran = here(*SEND, "--at", "2999-06-01 10:00", "--json")
    assert ran.code == 0
    assert "mailer serve is not running. Start it before 2999-06-01 10:00 (Europe/Lisbon, UTC+0100)" in ran.err
    assert "it starts at 2999-06-01 10:00 (Europe/Lisbon, UTC+0100)" in ran.err
    sent = ran.json()
    assert (sent["state"], sent["frozen"], sent["at"]) == ("scheduled", 0, "2999-06-01T09:00:00Z")
    assert here("status", "1").code == 0
    assert here(*SEND).code == 4, "it is unfinished"
    early = here("resume", "1")
    assert early.code == 4
    assert "2999-06-01 10:00 (Europe/Lisbon, UTC+0100)" in early.err
    assert here("pause", "1").code == 4
    assert here.json("cancel", "1")["state"] == "cancelled"
    assert not catcher.received()


@pytest.mark.parametrize("arguments", [("--at", "2020-01-01 10:00"), ("--at", "noon"), ("--wait",), ("--at", "")])
def test_a_wrong_time_is_wrong_usage(here, arguments):
    make_workspace(here.folder, ledger=False)
    assert here(*SEND, *arguments).code == 2
    assert here.json("status") == {"sends": []}


def test_wait_stays_and_starts_it(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    started = time.time()
    ran = here(*SEND, "--at", soon(10), "--wait", "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["accepted"] == 1
    assert catcher.received()[0]["at"] >= started + 10


def test_interrupted_while_it_waits_it_stays_scheduled(here, programs):
    make_workspace(here.folder)
    process = programs.start(here.folder, *SEND, "--at", "2999-01-01 10:00", "--wait")
    process.said(r"Waiting until 2999-01-01 10:00 \(UTC\)")
    process.send_signal(signal.SIGINT)
    ran = process.wait()
    assert ran.code == 4
    assert "stays scheduled" in ran.err
    assert here.json("status", "1")["state"] == "scheduled"


def test_a_send_that_missed_its_time_is_overdue_and_waits_for_resume(here, catcher):
    make_workspace(here.folder, port=catcher.port, SCHEDULE_GRACE="0")
    an_hour_ago = time.time() - 3600
    with App.open(here.folder, lambda: an_hour_ago) as app:
        start_send(app, plan_send(app, "tide", ["readers"]), at=an_hour_ago + 60)
    assert here.json("status", "1")["state"] == "overdue"
    status = here("status", "1")
    assert status.code == 4
    assert "mailer resume 1" in status.err
    assert here(*SEND).code == 4
    assert here.json("resume", "1")["state"] == "finished"
    assert len(catcher.received()) == 1


def test_serve_starts_what_is_due_with_the_readers_of_that_moment(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    process = start_mailer(here.folder, "serve", "--port", "0")
    try:
        assert process.stderr
        line = next(line for line in process.stderr if line.startswith("Serving"))
        url = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert url, line
        assert httpx.get(f"{url[0]}/healthz", timeout=PATIENCE).status_code == 200
        ran = here(*SEND, "--at", soon(20))
        assert ran.code == 0
        assert "mailer serve is not running" not in ran.err
        (here.folder / "subscribers" / "readers.csv").write_text("email\nana@example.com\nlate@example.com\n")
        with App.open(here.folder) as app:
            until(lambda: app.ledger.sends.summary(1).send.state is SendState.FINISHED)
        assert sorted(line["recipient"] for line in catcher.received()) == ["ana@example.com", "late@example.com"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert "send 1 finished: 2 recipients = 2 accepted" in err
    finally:
        process.kill()
        process.communicate()


def test_a_second_serve_is_refused(here, programs):
    make_workspace(here.folder)
    process = programs.start(here.folder, "serve", "--port", "0")
    try:
        process.said("Serving")
        second = here("serve", "--port", "0")
        assert second.code == 4
        assert str(process.pid) in second.err
    finally:
        process.kill()
        process.wait()
