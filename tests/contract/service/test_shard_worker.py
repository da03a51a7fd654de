"""A worker of the cluster in this process: what its own loops do. Sends under faults are in tests/faults/test_cluster.py."""

import asyncio
from unittest.mock import patch

import pytest

from mailer.ledger.sends.workers import Workers
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
