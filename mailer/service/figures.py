"""The figures of a send's report: what became of everybody and why, beside the sends before it.

    report_of(newsroom, look) -> SendReport

Raises UnknownSendError, LedgerError.
"""

from dataclasses import dataclass

from mailer.delivery.state import DeliveryState
from mailer.ledger.types_deliveries import ReasonCount
from mailer.ledger.types_sends import Summary
from mailer.service.newsroom import Newsroom
from mailer.service.result import proof_line
from mailer.service.watching import Look

EARLIER = 5
_NOT_ACCEPTED = (DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.DEFERRED, DeliveryState.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """`proof` is the line that `mailer report` has; `reasons` those of all who are not accepted; `earlier`: the newest first."""

    look: Look
    proof: str
    assumed: int
    reasons: tuple[ReasonCount, ...]
    earlier: tuple[Summary, ...]

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """This send and those before it."""
        return (self.look.summary, *self.earlier)


def report_of(newsroom: Newsroom, look: Look) -> SendReport:
    """The report of the send that `look` saw."""
    ledger, send_id = newsroom.ledger, look.send.id
    return SendReport(
        look=look,
        proof=proof_line(look.summary),
        assumed=ledger.report.assumed(send_id),
        reasons=ledger.report.reasons(send_id, *_NOT_ACCEPTED),
        earlier=ledger.sends.ended_before(send_id, limit=EARLIER),
    )
