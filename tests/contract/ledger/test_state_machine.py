"""Any order of claims, marks, results, crashes and unsubscribes keeps the invariants of a send."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from mailer.delivery.states import OPEN_STATES, SendState
from mailer.delivery.states import DeliveryState as S
from mailer.ledger.ledger import open_ledger
from mailer.ledger.types.errors import SendStateError
from tests.support.ledger_cases import delivery_result, die, new_send, readers, session

READERS = 8
OUTCOMES = st.sampled_from([S.ACCEPTED, S.DEFERRED, S.FAILED, S.UNCERTAIN])


class OneSend(RuleBasedStateMachine):
    """A send, its owner, and what a server saw: `sent` counts dots by delivery."""

    claims = Bundle("claims")
    committed = Bundle("committed")

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = 1_800_000_000.0
        self.ledger = open_ledger("sqlite:///mailer.db", self.folder / ".mailer", clock=lambda: self.now)
        self.loop = asyncio.new_event_loop()
        self.accepted, self.left, self.generation = set(), {}, 0

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    @initialize()
    def create(self):
        self.send = self.ledger.creator.create(new_send(), readers(READERS))
        self.owner = session(self.ledger, self.send)

    @rule(target=claims, limit=st.integers(1, 3))
    def claim(self, limit):
        self.now += 61
        taken = self.run(self.owner.claim(limit, self.now))
        for claim in taken:
            assert claim.identity not in self.left, "who left is not claimed"
            assert claim.delivery_id not in self.accepted, "who got it is not claimed"
        return multiple(*((claim, self.generation) for claim in taken))

    @rule(target=committed, held=consumes(claims))
    def commit(self, held):
        claim, generation = held
        allowed = self.run(self.owner.begin_sending(claim)) if generation == self.generation else False
        assert not (allowed and claim.identity in self.left), "who left before the commit is not mailed"
        return multiple(held) if allowed else multiple()

    @rule(held=consumes(claims))
    def release(self, held):
        claim, generation = held
        if generation == self.generation:
            self.run(self.owner.release([claim], self.now))

    @rule(held=consumes(committed), outcome=OUTCOMES)
    def settle(self, held, outcome):
        claim, generation = held
        if generation == self.generation:
            self.run(self.owner.record(delivery_result(claim, outcome, self.now)))
            if outcome is S.ACCEPTED:
                self.accepted.add(claim.delivery_id)

    @rule(number=st.integers(0, READERS - 1))
    def unsubscribe(self, number):
        identity = f"reader{number}@example.net"
        self.ledger.suppressions.unsubscribe(identity, source="page")
        self.left[identity] = True

    @rule(resend=st.booleans())
    def crash(self, resend):
        die(self.owner)
        self.owner = session(self.ledger, self.send, resend_uncertain=resend)
        self.generation += 1
        counts = self.ledger.sends.summary(self.send.id).counts
        assert not counts.get(S.CLAIMED)
        assert not counts.get(S.SENDING)

    @rule()
    def pause_or_resume(self):
        if self.ledger.sends.get(self.send.id).state is SendState.PAUSED:
            self.ledger.sends.resume(self.send.id)
        else:
            try:
                self.ledger.sends.pause(self.send.id)
            except SendStateError:
                assert self.ledger.sends.get(self.send.id).is_ended

    @rule(resend=st.booleans())
    def resolve(self, resend):
        summary = self.ledger.sends.summary(self.send.id)
        if summary.send.state is not SendState.CANCELLED:
            self.ledger.sends.resolve_uncertain(self.send.id, resend=resend)

    @rule()
    def look(self):
        self.run(self.owner.status())

    @invariant()
    def every_delivery_is_accounted_for(self):
        if not hasattr(self, "send"):
            return
        summary = self.ledger.sends.summary(self.send.id)
        assert summary.frozen == READERS
        if summary.send.is_ended:
            assert summary.count(*OPEN_STATES) == 0
        accepted = {row.delivery_id for row in self.ledger.report.rows(self.send.id, S.ACCEPTED)}
        assert self.accepted <= accepted, "a recorded 250 stays one"

    def teardown(self):
        self.owner.close()
        self.ledger.close()
        self.loop.close()
        shutil.rmtree(self.folder)


OneSend.TestCase.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
test_one_send = OneSend.TestCase
