"""Mail that asks for no more mail: MAILER_UNSUBSCRIBE_ADDRESS, one message at a time.

Its token alone decides, as with the link; who the message is from says nothing. Raises LedgerError.
"""

from enum import StrEnum

from mailer.app import App
from mailer.audience.unsubscribe_mail import parse_unsubscribe_mail
from mailer.link_tokens import Purpose, is_inert

BY_MAIL = "mail"


class InboundResult(StrEnum):
    """What came of a message."""

    UNSUBSCRIBED = "unsubscribed"
    ALREADY = "already"  # the person had said so, or is not mailed for a stronger reason
    AUTOMATIC = "automatic"  # a machine answered: nobody asked for anything
    NO_TOKEN = "no token"  # nothing that we made is in it  # noqa: S105 - no secret


def process(app: App, raw: bytes) -> InboundResult:
    """Do what the message `raw` asks."""
    request = parse_unsubscribe_mail(raw)
    if request.automatic:
        return InboundResult.AUTOMATIC
    for token in request.tokens:
        number = None if is_inert(token.lower()) else app.keys.read(Purpose.UNSUBSCRIBE, token)
        if number is None:
            continue
        done = app.ledger.suppressions.unsubscribe_delivery(number, source=BY_MAIL).result()
        if done is not None:
            return InboundResult.UNSUBSCRIBED if done.changed else InboundResult.ALREADY
    return InboundResult.NO_TOKEN
