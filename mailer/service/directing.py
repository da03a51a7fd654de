"""Sends steered by who does not carry them: the API, and whoever leaves that to `mailer serve`.

    go_on(newsroom, send)          a paused or overdue send is let go on
    resolve(newsroom, send, …)     what becomes of the uncertain ones
    refuse_strangers(…)            before that: every address is uncertain in this send

They only say in the ledger what is to be; who carries the send reads it there. Raises UnknownSendError, UndecidedError,
UsageError, LedgerError.
"""

from collections.abc import Sequence

from mailer.audience.address import parse_address
from mailer.delivery.state import DeliveryState, SendState
from mailer.errors import UndecidedError, UsageError
from mailer.ledger.records import Resolution, Send
from mailer.service.newsroom import Newsroom
from mailer.service.result import iso
from mailer.service.scheduling import due_now
from mailer.service.sending import start_due


def go_on(newsroom: Newsroom, send_id: int) -> Send:
    """Let a send go on that was paused, or start one that is overdue; one that goes on already, or is over, stays so."""
    due_now(newsroom)
    found = newsroom.ledger.sends.get(send_id)
    if found.state is SendState.SCHEDULED and (found.at or 0.0) > newsroom.clock():
        raise UndecidedError(
            f"Send {send_id} is scheduled for {iso(found.at)}.",
            "To send it at another time, cancel it and make it anew.",
        )
    if found.state in {SendState.SCHEDULED, SendState.OVERDUE}:
        return start_due(newsroom, found, carried=True)
    found = newsroom.ledger.sends.resume(send_id)
    newsroom.ledger.sends.entrust(send_id)
    return found


def resolve(newsroom: Newsroom, send_id: int, *, resend: bool, emails: Sequence[str] = ()) -> Resolution:
    """Decide the uncertain deliveries of a send, those of `emails` or all.

    What is resent goes out at once, but from a paused send with more to do: there it goes with the rest, when that goes on.
    """
    identities = [parse_address(text).identity for text in emails] if emails else None
    if identities is not None:
        refuse_strangers(newsroom, send_id, identities)
    sends = newsroom.ledger.sends
    before = sends.summary(send_id)
    done = sends.resolve(send_id, resend=resend, identities=identities)
    if resend and done.resolved and not (before.send.state is SendState.PAUSED and before.undone):
        sends.resume(send_id)
        sends.entrust(send_id)
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
