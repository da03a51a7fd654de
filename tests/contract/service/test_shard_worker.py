"""A worker of the cluster in this process: what its own loops do. Sends under faults are in tests/faults/test_cluster.py."""

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from sqlalchemy import text

from mailer import database_clock
from mailer.app import App
from mailer.ledger.sends.workers import Workers
from mailer.ledger.types.errors import LedgerError
from tests.support.ledger_cases import new_send, readers
from tests.support.patience import PATIENCE


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_bug_in_a_loop_ends_the_worker_instead_of_leaving_it_half_alive(desk):
    from mailer.service.cluster import worker

    beats = iter([None])

    def beat(*_arguments, **_options):
        for _ in beats:
            return
        raise KeyError("a bug")

    async def scenario():
        async with asyncio.timeout(PATIENCE):
            await worker.ShardWorker(desk.app, queue="mailer", shards=1, log=print).run(asyncio.Event())

    with (
        patch.object(Workers, "beat", beat),
        patch.object(worker, "BEAT", 0.01),
        pytest.raises(KeyError, match="a bug"),
    ):
        asyncio.run(scenario())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_clock_of_a_worker_is_that_of_the_database(desk):
    """A worker whose clock is ahead would otherwise defer readers until the clocks of the others get there."""
    from mailer.service.cluster.worker import ShardWorker

    async def scenario(app):
        stop = asyncio.Event()
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await ShardWorker(app, queue="mailer", shards=1, log=print).run(stop)

    machine = SimpleNamespace(time=lambda: time.time() + 3600)
    with (
        patch.object(database_clock, "time", machine),
        App(desk.app.workspace, desk.app.settings, database_clock.DatabaseClock()) as app,
    ):
        asyncio.run(scenario(app))
        assert abs(app.ledger.context.clock() - time.time()) < 60


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_tables_of_jobs_that_are_broken_are_named_and_no_bug_of_ours(desk):
    from mailer.service.cluster.jobs import defer_due_shards

    send = desk.app.ledger.creator.create(replace(new_send(), queue="mailer"), readers(1))
    desk.app.ledger.workers.require(send.id, "{}")
    run = desk.app.ledger.context.writer.call
    jobs = "procrastinate.procrastinate_jobs"
    run(lambda conn: conn.execute(text(f"ALTER TABLE {jobs} ADD CONSTRAINT broken CHECK (id < 0) NOT VALID"))).result()
    try:
        with pytest.raises(LedgerError, match=r"cannot be queued \(.*broken"):
            defer_due_shards(desk.app, "mailer")
    finally:
        run(lambda conn: conn.execute(text(f"ALTER TABLE {jobs} DROP CONSTRAINT broken"))).result()
    assert defer_due_shards(desk.app, "mailer") == 1
