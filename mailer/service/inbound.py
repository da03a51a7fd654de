"""Mail that asks for no more mail: MAILER_UNSUBSCRIBE_ADDRESS, one message at a time.

Its token alone decides, as with the link; who the message is from says nothing. Raises LedgerError.
"""

from enum import StrEnum

from mailer.audience.request import read_request
from mailer.audience.token import Purpose, is_inert
from mailer.service.newsroom import Newsroom

BY_MAIL = "mail"


class Heard(StrEnum):
    """What came of a message."""

    UNSUBSCRIBED = "unsubscribed"
    ALREADY = "already"  # the person had said so, or is not mailed for a stronger reason
    AUTOMATIC = "automatic"  # a machine answered: nobody asked for anything
    NO_TOKEN = "no token"  # nothing that we made is in it  # noqa: S105 - no secret


def hear(newsroom: Newsroom, raw: bytes) -> Heard:
    """Do what the message `raw` asks."""
    request = read_request(raw)
    if request.automatic:
        return Heard.AUTOMATIC
    for token in request.tokens:
        number = None if is_inert(token.lower()) else newsroom.keys.read(Purpose.UNSUBSCRIBE, token)
        if number is None:
            continue
        done = newsroom.ledger.suppressions.unsubscribe_delivery(number, source=BY_MAIL).result()
        if done is not None:
            return Heard.UNSUBSCRIBED if done.changed else Heard.ALREADY
    return Heard.NO_TOKEN
