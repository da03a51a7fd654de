"""Jobs that one server does for all: which one does them, and whether there was a server before."""

import asyncio
from unittest.mock import patch

import pytest

from mailer.app import App
from mailer.service import one_server_jobs
from mailer.service.one_server_jobs import run_on_one_server
from tests.support.patience import PATIENCE


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_only_a_server_that_no_other_one_served_before_is_the_first(desk):
    log, turns = [], asyncio.Queue()

    def job(name):
        async def work(turn):
            turns.put_nowait((name, turn.is_first))
            await turn.over.wait()

        return work

    async def scenario():
        async with asyncio.timeout(PATIENCE):
            with App.open(desk.app.workspace.root) as second:
                first_ends, second_ends = asyncio.Event(), asyncio.Event()
                one = asyncio.create_task(run_on_one_server(desk.app, [job("first")], first_ends, log.append))
                assert await turns.get() == ("first", True)
                other = asyncio.create_task(run_on_one_server(second, [job("second")], second_ends, log.append))
                while not log:
                    await asyncio.sleep(0.01)
                first_ends.set()
                assert await turns.get() == ("second", False), "what could be undone at the second server still can"
                second_ends.set()
                await asyncio.gather(one, other)

    with patch.object(one_server_jobs, "LOOK_EVERY", 0.05):
        asyncio.run(scenario())
