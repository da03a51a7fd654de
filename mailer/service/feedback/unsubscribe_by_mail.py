"""Unsubscribes by mail: MAILER_UNSUBSCRIBE_ADDRESS, or the token of a message in the words of a request.

Only the token in the message counts, as with the link; the sender of the message does not. Raises LedgerError.
"""

from enum import StrEnum

from mailer.app import App
from mailer.feedback.model import Feedback
from mailer.link_tokens import Purpose, is_inert

BY_MAIL = "mail"


class UnsubscribeMailResult(StrEnum):
    """The result of a message."""

    UNSUBSCRIBED = "unsubscribed"
    ALREADY = "already"  # opted out before, or suppressed for a stronger reason
    AUTOMATIC = "automatic"  # an automatic reply, not a request
    NO_TOKEN = "no token"  # no valid token  # noqa: S105 - no secret


def process_unsubscribe_mail(app: App, feedback: Feedback) -> UnsubscribeMailResult:
    """Unsubscribes the subscriber whose token is in a message."""
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
