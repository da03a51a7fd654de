"""The clock is set back an hour or forward a day during a send: the order is kept, nothing is early, nothing stalls."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailer.app import App
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.run_result import StopReason
from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from mailer.delivery.throttle import RateLimits
from mailer.service.sends.plan import plan_send
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.start import start_scheduled, start_send
from mailer.service.sends.verify import verify_send
from tests.faults.test_sender import OPTIONS, SendRun, counts
from tests.support.patience import until_holds
from tests.support.scripted import Scripted
from tests.support.workspaces import make_workspace

HOUR, DAY = 3600.0, 86_400.0
jumps = pytest.mark.parametrize("jump", [-HOUR, DAY], ids=["back an hour", "forward a day"])


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


def jump_amid(stage: SendRun, server: Scripted, clock: Clock, jump: float, after: int = 5) -> None:
    """Makes the clock of `stage` jump when the server has so many messages."""

    async def meanwhile() -> None:
        await until_holds(lambda: len(server.messages) >= after)
        clock.offset += jump

    stage.meanwhile = meanwhile


def is_proven(folder: Path, clock: Callable[[], float]) -> bool:
    with App.open(folder, clock) as app:
        return verify_send(app, 1).ok


@jumps
def test_a_running_send_goes_on_at_its_rate_and_in_order(tmp_path: Path, database_url: str, jump: float) -> None:
    """Rates, backoffs and windows use a monotonic clock."""
    clock, server = Clock(), Scripted(MAIL=["250 ok"] * 4 + ["421 4.3.2 enough"] * 3)
    options = replace(OPTIONS, connections=1, limits=RateLimits(rate=20))
    stage = SendRun(tmp_path, 20, server, options=options, clock=clock, DATABASE_URL=database_url)
    jump_amid(stage, server, clock, jump, after=3)
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 20})
    assert [line for line in server.log if line.startswith("RCPT")][-1] == "RCPT TO:<reader19@example.com>"
    assert result["seconds"] >= 0  # type: ignore[operator]
    assert is_proven(tmp_path, clock)


@jumps
def test_a_relay_that_fails_as_the_clock_jumps_is_neither_excluded_nor_backed_off_for_hours(
    tmp_path: Path, jump: float
) -> None:
    clock, server = Clock(), Scripted(CONNECT=["421 4.3.2 busy"] * 3)
    stage = SendRun(tmp_path, 5, server, clock=clock)

    async def meanwhile() -> None:
        await until_holds(lambda: stage.sender and stage.sender.progress.last_error)
        clock.offset += jump

    stage.meanwhile = meanwhile
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 5})


def test_a_deferred_delivery_is_not_early_when_the_clock_goes_back(tmp_path: Path, database_url: str) -> None:
    clock, server = Clock(), Scripted(RCPT=["450 4.2.0 later"])
    options = replace(OPTIONS, connections=1, retry=RetryPolicy(delays=(600,), lifetime=DAY))
    stage = SendRun(tmp_path, 8, server, options=options, clock=clock, DATABASE_URL=database_url)
    jump_amid(stage, server, clock, -HOUR)
    ending, result = stage.run(wait=False)
    assert (ending.end, counts(result)) == (StopReason.WAITING, {"accepted": 7, "deferred": 1})
    assert ending.next_at
    assert ending.next_at - clock() > 600
    assert is_proven(tmp_path, clock)


def test_a_deferred_delivery_is_tried_again_when_the_clock_goes_beyond_its_lifetime(
    tmp_path: Path, database_url: str
) -> None:
    clock, server = Clock(), Scripted(RCPT=["450 4.2.0 later"])
    options = replace(OPTIONS, connections=1, retry=RetryPolicy(delays=(600,), lifetime=DAY / 2))
    stage = SendRun(tmp_path, 8, server, options=options, clock=clock, DATABASE_URL=database_url)
    jump_amid(stage, server, clock, DAY)
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 8})
    assert is_proven(tmp_path, clock)


@pytest.fixture
def scheduled(tmp_path: Path, database_url: str) -> Callable[[Clock], App]:
    """An app whose send 1 is due in two hours."""

    def make(clock: Clock) -> App:
        app = App.open(make_workspace(tmp_path, DATABASE_URL=database_url), clock)
        start_send(app, plan_send(app, "tide", ["readers"]), at=clock() + 2 * HOUR)
        return app

    return make


def test_a_scheduled_send_is_not_early_when_the_clock_goes_back(scheduled: Callable[[Clock], App]) -> None:
    clock = Clock()
    with scheduled(clock) as app:
        clock.offset += 1.5 * HOUR
        assert due_sends(app) == ()
        clock.offset -= HOUR
        assert due_sends(app) == ()
        clock.offset += HOUR
        assert due_sends(app) == ()
        clock.offset += 0.6 * HOUR
        (due,) = due_sends(app)
        assert start_scheduled(app, due).state is SendState.RUNNING
        clock.offset -= HOUR
        assert due_sends(app) == (), "a started send is not started again"


def test_a_scheduled_send_is_overdue_when_the_clock_goes_a_day_forward(scheduled: Callable[[Clock], App]) -> None:
    clock = Clock()
    with scheduled(clock) as app:
        clock.offset += DAY
        assert due_sends(app) == ()
        assert app.ledger.sends.get(1).state is SendState.OVERDUE
        clock.offset -= DAY
        assert due_sends(app) == (), "an overdue send waits for a decision"
        assert app.ledger.sends.summary(1).count(S.ACCEPTED) == 0
