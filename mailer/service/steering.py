"""What a person does with a send that is there: pause it, let it go on, decide its uncertain ones.

The same for both doors. The ledger moves the send; the process that sends it, whichever it is, sees that and obeys.
Raises UnknownSendError, SendStateError, UndecidedError, LedgerError.
"""

from collections.abc import Collection

from mailer.delivery.state import SendState
from mailer.errors import UndecidedError
from mailer.ledger.records import Resolution, Send
from mailer.service.newsroom import Newsroom


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
    found = newsroom.ledger.sends.resume(send_id)
    newsroom.ledger.sends.entrust(send_id)
    return found


def decide(newsroom: Newsroom, send_id: int, *, resend: bool, identities: Collection[str] | None) -> Resolution:
    """Decide the uncertain ones of a send, all or those named: sent again by this `mailer serve`, or counted as sent."""
    before = newsroom.ledger.sends.summary(send_id)
    done = newsroom.ledger.sends.resolve(send_id, resend=resend, identities=identities)
    paused_amid = before.send.state is SendState.PAUSED and before.undone
    if resend and done.resolved and not paused_amid:
        hand_over(newsroom, send_id)
    return done
