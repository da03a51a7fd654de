"""Unsubscribes by mail to MAILER_UNSUBSCRIBE_ADDRESS, one message at a time.

Only the token in the message counts, as with the link; the sender of the message does not. Raises LedgerError.
"""

from enum import StrEnum

from mailer.app import App
from mailer.feedback.reader import read_feedback
from mailer.link_tokens import Purpose, is_inert

BY_MAIL = "mail"


class UnsubscribeMailResult(StrEnum):
    """The result of a message."""

    UNSUBSCRIBED = "unsubscribed"
    ALREADY = "already"  # opted out before, or suppressed for a stronger reason
    AUTOMATIC = "automatic"  # an automatic reply, not a request
    NO_TOKEN = "no token"  # no valid token  # noqa: S105 - no secret


def process_unsubscribe_mail(app: App, raw: bytes) -> UnsubscribeMailResult:
    """Unsubscribes the subscriber whose token is in the message `raw`."""
    feedback = read_feedback(raw)
    if feedback.automatic:
        return UnsubscribeMailResult.AUTOMATIC
    for token in feedback.requests:
        number = None if is_inert(token) else app.keys.read(Purpose.UNSUBSCRIBE, token)
        if number is None:
            continue
        done = app.ledger.suppressions.unsubscribe_delivery(number, source=BY_MAIL).result()
        if done is not None:
            return UnsubscribeMailResult.UNSUBSCRIBED if done.changed else UnsubscribeMailResult.ALREADY
    return UnsubscribeMailResult.NO_TOKEN
