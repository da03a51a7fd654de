"""Composes sample messages, to be shown or measured: as they would be sent, with tokens that identify nobody.

The fields of a made-up reader, as a person types them, are read here too.
"""

import re
from collections.abc import Callable, Collection

from mailer.app import App
from mailer.delivery.queue_port import Claim
from mailer.edition.model import Edition
from mailer.errors import UsageError
from mailer.ledger.types.sends import Recipient
from mailer.mime.composer import Composer, Message

SAMPLE_ADDRESS = "reader@example.org"

_NEXT_FIELD = re.compile(r"[,;](?=\s*\w+\s*=)")
_LONGEST_SHOWN = 80  # characters


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


def made_up_fields(text: str, fields: Collection[str]) -> dict[str, str]:
    """Returns the fields of a made-up reader, written as `city=Lisbon, first_name=Ana`. Raises UsageError.

    `fields`: those of the dispatch. A comma within a value is part of it unless a field's name and `=` follow.
    """
    found: dict[str, str] = {}
    for part in _NEXT_FIELD.split(text.strip(" ,;")):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or name not in fields:
            known = ", ".join(sorted(fields))
            raise UsageError(
                f"“{part.strip()[:_LONGEST_SHOWN]}” is not a field of this dispatch with a value.",
                f"Its fields are: {known}. Type, for example: {min(fields)}=Ana"
                if known
                else "This dispatch has no fields.",
            )
        found[name] = value
    return found
