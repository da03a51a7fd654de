"""The loop of the background jobs of `mailer serve`."""

import asyncio

import pytest

from mailer.app import App
from mailer.errors import UsageError
from mailer.service.periodic_jobs import run_every
from tests.support.workspaces import KEY, make_workspace


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("news")
    make_workspace(folder)
    with App.open(folder) as made:
        yield made


def run(app, step, *, interval=0.0, after_error=None):
    """The job until `step` has stopped it; what it logged."""
    logged = []

    async def main():
        stop = asyncio.Event()
        async with asyncio.timeout(60):
            await run_every(
                interval,
                lambda: step(stop),
                stop,
                logged.append,
                app=app,
                name="letters",
                after_error=after_error,
            )

    asyncio.run(main())
    return logged


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UsageError("The disk is full.", "Make room."), "letters wait: The disk is full."),
        (KeyError(f"not here: {KEY}"), "letters wait, because of a bug in mailer: Traceback"),
    ],
)
def test_an_error_ends_a_round_and_not_the_job(app, error, said):
    rounds = []

    async def step(stop):
        rounds.append(1)
        if len(rounds) == 1:
            raise error
        stop.set()

    line, back = run(app, step)
    assert line.startswith(said)
    assert back == "letters go on"
    assert KEY not in line
    assert len(rounds) == 2


def test_an_error_that_lasts_is_logged_once_and_so_is_its_end(app):
    rounds = []

    async def step(stop):
        rounds.append(1)
        if len(rounds) <= 100:
            raise UsageError("The database cannot be reached.")
        if len(rounds) == 102:
            raise UsageError("The database cannot be reached.")
        if len(rounds) == 104:
            stop.set()

    wait = "letters wait: The database cannot be reached."
    assert run(app, step) == [wait, "letters go on", wait, "letters go on"]


def test_a_step_may_ask_for_another_pause(app):
    rounds = []

    async def step(stop):
        rounds.append(1)
        if len(rounds) == 3:
            stop.set()
        return 0.0

    assert run(app, step, interval=3600.0) == []
    assert len(rounds) == 3


def test_a_stop_ends_the_pause_at_once(app):
    async def step(stop):
        asyncio.get_running_loop().call_later(0.01, stop.set)
        raise UsageError("Not now.")

    assert run(app, step, interval=3600.0, after_error=3600.0) == ["letters wait: Not now."]


def test_a_job_that_is_stopped_before_it_starts_does_nothing(app):
    async def main():
        stop = asyncio.Event()
        stop.set()
        await run_every(0.0, pytest.fail, stop, pytest.fail, app=app, name="letters")

    asyncio.run(main())
