"""Messages that are only looked at or counted: composed as they would leave, with tokens that name nobody."""

from collections.abc import Callable

from mailer.delivery.message import Composer, Message
from mailer.delivery.records import Claim
from mailer.edition.model import Edition
from mailer.ledger.types_sends import Recipient
from mailer.service.newsroom import Newsroom

NOBODY = "reader@example.org"


def compose_for(newsroom: Newsroom, edition: Edition) -> Callable[[Recipient], Message]:
    """Makes messages that are only looked at: their tokens name nobody."""
    marks = newsroom.marks(newsroom.keys.names[0], inert=True)
    composer = Composer(edition, newsroom.letterhead, marks, eight_bit=newsroom.settings.eight_bit)

    def compose(recipient: Recipient) -> Message:
        claim = Claim(
            delivery_id=0,
            identity=recipient.identity,
            address=recipient.address,
            fields=recipient.fields,
            attempt=1,
            date=newsroom.clock(),
        )
        return composer.compose(claim)

    return compose
