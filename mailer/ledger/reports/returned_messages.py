"""Counts the messages of a send that came back, and the complaints about it.

A message that came back is still accepted: both are facts. Only what is proven counts, each delivery once, without delays.
Raises LedgerError.
"""

from sqlalchemy import func, select

from mailer.feedback.model import FeedbackKind
from mailer.feedback.policy import Effect
from mailer.ledger.reports.stats import domain_of
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import feedback
from mailer.ledger.types.feedback import FeedbackProof, ReturnedGroup
from mailer.smtp.refusal_reason import Reason

_COUNT = func.count(feedback.c.delivery_id.distinct())
_BOUNCES = (
    feedback.c.kind == FeedbackKind.BOUNCE,
    feedback.c.delayed.is_(False),
    feedback.c.proof.in_([proof for proof in FeedbackProof if proof.is_proof]),
)
_COMPLAINTS = (feedback.c.kind == FeedbackKind.COMPLAINT, feedback.c.effect == Effect.SUPPRESSED)


class ReturnedMessages:
    """Reads what came back of one send."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def count(self, send_id: int) -> int:
        """Counts the deliveries that came back."""
        with self._context.database.reading() as conn:
            return conn.execute(select(_COUNT).where(feedback.c.send_id == send_id, *_BOUNCES)).scalar_one()

    def groups(self, send_id: int) -> tuple[ReturnedGroup, ...]:
        """Counts the deliveries that came back by domain and reason, the most frequent first."""
        domain = domain_of(feedback.c.identity)
        query = (
            select(domain, feedback.c.reason, _COUNT, func.max(feedback.c.words))
            .where(feedback.c.send_id == send_id, *_BOUNCES)
            .group_by(domain, feedback.c.reason)
            .order_by(_COUNT.desc(), domain, feedback.c.reason)
        )
        with self._context.database.reading() as conn:
            return tuple(
                ReturnedGroup(domain=name, reason=Reason(reason), count=count, words=words)
                for name, reason, count, words in conn.execute(query)
            )

    def complaints(self, send_id: int) -> dict[str, int]:
        """Counts the recipients who complained, by the domain of their address."""
        domain = domain_of(feedback.c.identity)
        query = select(domain, _COUNT).where(feedback.c.send_id == send_id, *_COMPLAINTS).group_by(domain)
        with self._context.database.reading() as conn:
            return {row[0]: row[1] for row in conn.execute(query)}
