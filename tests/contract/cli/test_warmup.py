"""A send under a warm-up plan, from the command line and in `serve`."""

import asyncio
import datetime as dt

import pytest

from mailer.app import App
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.states import SendState
from mailer.service.sends.plan import plan_send
from mailer.service.sends.progress_tracker import ProgressTracker, log_changes
from mailer.service.sends.run import run_send_async
from mailer.service.sends.start import start_send
from mailer.settings.settings import load_settings
from mailer.workspace import Workspace
from tests.support.workspaces import make_workspace

SEND = ("send", "tide", "--to", "readers", "--yes")
ROWS = tuple(f"reader{number}@example.com,R,Town" for number in range(6))


class Almanac:
    """A clock that can be turned on."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def zone_at_noon() -> str:
    """A time zone in which no day turns during a test. Their names have the sign of POSIX: Etc/GMT-2 is east."""
    return f"Etc/GMT{dt.datetime.now(dt.UTC).hour - 12:+}"


@pytest.fixture
def here_warming(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=ROWS, ledger=False, WARMUP="2,3", TIMEZONE=zone_at_noon())
    return here


def test_the_plan_says_how_many_days_it_takes(here_warming):
    ran = here_warming("send", "tide", "--to", "readers", "--dry-run")
    assert "Warm-up  2 today, 3 on " in ran.err
    assert ": 3 days" in ran.err


def test_a_scheduled_send_s_days_begin_when_it_does(here_warming):
    ran = here_warming("send", "tide", "--to", "readers", "--dry-run", "--at", "2999-12-30 07:00")
    assert "2 on 30 December 2999, 3 on 31 December 2999, the last 1 on 1 January 3000: 3 days" in ran.err


def test_without_a_plan_there_is_no_warm_up_line(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=ROWS, ledger=False)
    assert "Warm-up" not in here("send", "tide", "--to", "readers", "--dry-run").err


def test_what_a_day_does_not_bear_is_left_waiting(here_warming):
    ran = here_warming(*SEND, "--no-wait", "--json")
    assert ran.code == 4
    found = ran.json()
    assert (found["state"], found["accepted"], found["pending"]) == ("waiting", 2, 4)
    assert "held back by MAILER_WARMUP and continues at 2" in ran.err
    shown = here_warming("status", "1")
    assert shown.code == 4
    assert "time left: the rest on " in shown.out
    assert ", over 2 days" in shown.out
    again = here_warming("resume", "1", "--no-wait", "--json")
    assert again.code == 4
    assert again.json()["accepted"] == 2
    assert here_warming("verify", "1").code == 4, "consistent, but not complete"


def test_a_test_gets_through_on_a_day_that_is_used_up(here_warming):
    here_warming(*SEND, "--no-wait")
    assert here_warming("test", "tide", "me@example.com").code == 0


def test_a_new_relay_or_sender_begins_anew(tmp_path, catcher):
    def sender(**settings: str) -> str:
        make_workspace(tmp_path, ledger=False, **settings)
        return App(Workspace(tmp_path), load_settings(tmp_path, {})).warmup.sender

    assert sender() == "example.org by 127.0.0.1"
    assert sender(RELAY="smtps://b.example.org") == "example.org by b.example.org"
    assert sender(FROM="News <news@letters.example.org>") == "letters.example.org by 127.0.0.1"


def test_a_send_waits_for_its_days_and_says_so(tmp_path, catcher):
    """The clock is turned on to the next day whenever the send rests."""
    make_workspace(tmp_path, port=catcher.port, rows=ROWS, ledger=False, WARMUP="2,3", TIMEZONE="Europe/Berlin")
    clock = Almanac(1_774_695_600.0)  # noon, on the day before the clocks are set to summer time
    told: list[str] = []
    with App(Workspace(tmp_path), load_settings(tmp_path, {}), clock) as app:
        send = start_send(app, plan_send(app, "tide", ("readers",)))
        news = log_changes(ProgressTracker(app, app.ledger.sends.summary(send.id)), told.append)

        def watch(progress: SendProgress) -> None:
            news(progress)
            if progress.held_until is not None:
                clock.now = progress.held_until

        run = asyncio.run(run_send_async(app, send.id, watch=watch))
        assert run.summary.send.state is SendState.FINISHED
        assert run.summary.counts == {"accepted": 6}
    assert told == [
        "the rest is held back by MAILER_WARMUP until 2026-03-28T23:00:00Z (the rest on Sunday from 00:00, over 2 days)",
        "the rest is held back by MAILER_WARMUP until 2026-03-29T22:00:00Z (the rest on Monday from 00:00)",
    ]
