"""Composes sample messages, to be shown or measured: as they would be sent, with tokens that identify nobody."""

from collections.abc import Callable

from mailer.app import App
from mailer.delivery.queue_port import Claim
from mailer.edition.model import Edition
from mailer.ledger.types.sends import Recipient
from mailer.mime.composer import Composer, Message

SAMPLE_ADDRESS = "reader@example.org"


def sample_composer(app: App, edition: Edition) -> Callable[[Recipient], Message]:
    """Returns a function that composes sample messages of `edition`; their tokens identify nobody."""
    marks = app.message_tokens(app.keys.names[0], inert=True)
    composer = Composer(edition, app.sender_profile, marks, eight_bit=app.settings.eight_bit)

    def compose(recipient: Recipient) -> Message:
        claim = Claim(
            delivery_id=0,
            identity=recipient.identity,
            address=recipient.address,
            fields=recipient.fields,
            attempt=1,
            date=app.clock(),
        )
        return composer.compose(claim)

    return compose
