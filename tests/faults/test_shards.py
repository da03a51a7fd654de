"""A send of several shards, on PostgreSQL, under faults."""

from collections.abc import Callable

import pytest

from mailer.delivery.states import DeliveryState as S
from tests.support.siege import CONNECTIONS, SEND, Siege

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@POSTGRESQL
def test_a_command_sends_one_shard_after_another_through_a_kill_and_greylisting(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=110, SHARD_SIZE="25", RETRY="1", judge={"refuse_share": 0.05, "greylist_share": 0.2})
    killed = siege.start(*SEND)
    with siege.judge.holding(150):
        killed.kill()
        killed.wait()
    siege.finish()
    proof = siege.prove(uncertain_at_most=CONNECTIONS)
    assert proof.count(S.FAILED) == sum(siege.judge.refuses(address) for address in siege.everybody) > 0
    assert siege.judge.greylisted
