"""What a person does with a send that is there: pause it, let it go on, decide its uncertain ones.

The same for both doors. The ledger moves the send; the process that sends it, whichever it is, sees that and obeys.
Raises UnknownSendError, SendStateError, UndecidedError, LedgerError.
"""

from collections.abc import Collection, Sequence

from mailer.audience.address import parse_address
from mailer.delivery.state import DeliveryState, SendState
from mailer.errors import UndecidedError, UsageError
from mailer.ledger.types_sends import Resolution, Send
from mailer.service.newsroom import Newsroom
from mailer.service.scheduling import due_now
from mailer.service.sending import start_due
from mailer.timestamps import iso


def pause(newsroom: Newsroom, send_id: int, *, by: str = "by hand") -> Send:
    """Stop a send: nothing more leaves, whoever sends it. `by`: what the reason says."""
    found = newsroom.ledger.sends.get(send_id)
    if found.state in {SendState.SCHEDULED, SendState.OVERDUE}:
        raise UndecidedError(
            f"Send {send_id} is {found.state}: nothing of it leaves.", f"To drop it: mailer cancel {send_id}"
        )
    if found.is_ended:
        raise UndecidedError(f"Send {send_id} is {found.state}; there is nothing left to pause.")
    return newsroom.ledger.sends.pause(send_id, reason=f"paused {by}")


def hand_over(newsroom: Newsroom, send_id: int) -> Send:
    """Let a send go on, carried by `mailer serve` within the second, as soon as no other process is at it."""
    return newsroom.ledger.sends.resume(send_id, carried=True)


def go_on(newsroom: Newsroom, send_id: int) -> Send:
    """Hand over a send that is paused, or start one that is overdue; one that goes on already, or is over, stays so."""
    due_now(newsroom)
    found = newsroom.ledger.sends.get(send_id)
    if found.state is SendState.SCHEDULED and (found.at or 0.0) > newsroom.clock():
        raise UndecidedError(
            f"Send {send_id} is scheduled for {iso(found.at)}.",
            "To send it at another time, cancel it and make it anew.",
        )
    if found.state in {SendState.SCHEDULED, SendState.OVERDUE}:
        return start_due(newsroom, found, carried=True)
    return hand_over(newsroom, send_id)


def decide(newsroom: Newsroom, send_id: int, *, resend: bool, identities: Collection[str] | None) -> Resolution:
    """Decide the uncertain ones of a send, all or those named: sent again by this `mailer serve`, or counted as sent."""
    before = newsroom.ledger.sends.summary(send_id)
    done = newsroom.ledger.sends.resolve(send_id, resend=resend, identities=identities, carried=resend)
    paused_at_its_end = before.send.state is SendState.PAUSED and not before.undone
    if resend and done.resolved and paused_at_its_end:
        hand_over(newsroom, send_id)
    return done


def refuse_strangers(newsroom: Newsroom, send_id: int, identities: Sequence[str]) -> None:
    """Raise UsageError for an address that is not uncertain, before anything is decided about the others."""
    rows = newsroom.ledger.report.rows(send_id, DeliveryState.UNCERTAIN)
    uncertain = {parse_address(row.email).identity for row in rows if "@" in row.email}
    strangers = [identity for identity in identities if identity not in uncertain]
    if strangers:
        raise UsageError(
            f"{', '.join(strangers)}: not uncertain in send {send_id}; nothing was decided.",
            f"Those that are stand in: mailer report {send_id}",
        )
