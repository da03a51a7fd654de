"""A send through a server that refuses, greylists and closes: every recipient is accounted for, exactly."""

from collections.abc import Callable

from mailer.delivery.states import DeliveryState as S
from tests.support.siege import SEND, Siege


def test_every_recipient_is_accounted_for_and_none_is_mailed_twice(besiege: Callable[..., Siege]) -> None:
    closing = (["250 ok"] * 50 + ["421 4.3.2 enough"]) * 10
    siege = besiege(readers=600, judge={"refuse_share": 0.02, "greylist_share": 0.05, "MAIL": closing})
    ran = siege.run(*SEND)
    assert ran.code == 1, ran.err
    proof = siege.prove()
    refused = {address for address in siege.everybody if siege.judge.refuses(address)}
    assert {address for address, state in proof.states.items() if state is S.FAILED} == refused != set()
    assert set(proof.accepted) == set(siege.everybody) - refused
    assert siege.judge.greylisted
