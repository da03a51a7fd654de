"""What owner and workers tell each other arrives whole, in order, and as what it was."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.delivery.channel import (
    Channel,
    Word,
    pack_claim,
    pack_failure,
    pack_outcome,
    unpack_claim,
    unpack_failure,
    unpack_outcome,
)
from mailer.delivery.connection import ConnectionFailure
from mailer.delivery.lane import WITHHELD, Outcome
from mailer.delivery.records import Claim, Reply, Stage
from mailer.delivery.verdict import deserted, lost, not_offered, verdict

claims = st.builds(
    Claim,
    delivery_id=st.integers(1, 2**53),
    identity=st.text(),
    address=st.text(),
    fields=st.dictionaries(st.text(), st.text(st.characters())),
    attempt=st.integers(1, 99),
    date=st.floats(0, 1e11),
    opened_at=st.floats(0, 1e11),
)
replies = st.builds(Reply, code=st.integers(200, 599), enhanced=st.sampled_from(["", "5.1.1", "4.2.0"]), text=st.text())
stages = st.sampled_from(Stage)
outcomes = st.one_of(
    st.builds(lambda reply, stage: Outcome(verdict=verdict(reply, stage), stage=stage, reply=reply), replies, stages),
    st.builds(lambda stage, why: Outcome(verdict=lost(stage, why), stage=stage), stages, st.text()),
    st.builds(lambda committed: Outcome(verdict=deserted(committed=committed), stage=Stage.TEXT), st.booleans()),
    st.just(Outcome(verdict=not_offered("SMTPUTF8"), stage=Stage.MAIL)),
    st.just(Outcome(verdict=WITHHELD, stage=Stage.DATA, withheld=True)),
)


class Wired(asyncio.Transport):
    """Keeps what is written, to be delivered in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


def talk(notes: Sequence[tuple[Any, ...]], cut: int, orders: bytes | None = None) -> tuple[list[bytes], list[Any]]:
    """What comes out at the other end of `notes`, told in two turns of the loop, when it comes in pieces of `cut` octets."""
    ordered: list[bytes] = []
    came: list[Any] = []

    async def run() -> None:
        wired = Wired()
        teller = Channel(lambda *_: None, lambda: None)
        teller.connection_made(wired)
        if orders is not None:
            teller.order(orders)
        for place, note in enumerate(notes):
            teller.tell(*note)
            if place == len(notes) // 2:
                await asyncio.sleep(0)
        teller.close()
        assert wired.closing
        hearer = Channel(
            lambda word, arguments: came.append((word, *arguments)),
            lambda: None,
            on_orders=ordered.append if orders is not None else None,
        )
        for start in range(0, len(wired.written), cut):
            hearer.data_received(wired.written[start : start + cut])

    asyncio.run(run())
    return ordered, came


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Word), st.integers(), st.text())), st.integers(1, 200), st.binary())
def test_notes_come_whole_and_in_order_however_they_are_cut(notes, cut: int, orders: bytes) -> None:
    assert talk(notes, cut) == ([], notes)
    assert talk(notes, cut, orders) == ([orders], notes)


@settings(deadline=None)
@given(st.one_of(st.none(), claims))
def test_a_claim_arrives_as_it_was(claim: Claim | None) -> None:
    ((_, packed),) = talk([(Word.CARRY, pack_claim(claim))], 4096)[1]
    assert unpack_claim(packed) == claim


@settings(deadline=None)
@given(outcomes)
def test_an_outcome_arrives_as_it_was(outcome: Outcome) -> None:
    ((_, packed),) = talk([(Word.OUTCOME, pack_outcome(outcome))], 4096)[1]
    assert unpack_outcome(packed) == outcome


@pytest.mark.parametrize("reply", [None, Reply(code=554, enhanced="5.7.1", text="no")])
@pytest.mark.parametrize("fatal", [True, False])
def test_a_failure_to_connect_arrives_as_it_was(reply: Reply | None, fatal: bool) -> None:
    failure = ConnectionFailure(Stage.AUTH, "refused at auth", reply, fatal=fatal)
    ((_, packed),) = talk([(Word.UNOPENED, pack_failure(failure))], 4096)[1]
    came = unpack_failure(packed)
    assert (came.stage, str(came), came.reply, came.fatal) == (Stage.AUTH, "refused at auth", reply, fatal)


def test_infinity_travels() -> None:
    assert talk([(Word.BEAT, float("inf"))], 4096)[1] == [(Word.BEAT, float("inf"))]


def test_what_is_told_to_somebody_who_is_gone_is_dropped() -> None:
    async def run() -> bytes:
        wired = Wired()
        channel = Channel(lambda *_: None, lambda: None)
        channel.tell(Word.READY)
        channel.connection_made(wired)
        wired.closing = True
        channel.close()
        return wired.written

    assert asyncio.run(run()) == b""
