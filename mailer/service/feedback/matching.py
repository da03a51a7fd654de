"""Finds the delivery that feedback is about, and how well that is proven; pure, but for the keys.

A message that comes back proves its delivery by the bounce token, which is in the envelope and in no header that a reply or a
quotation repeats; or by our Message-ID and our unsubscribe link together, as in the message itself: whoever holds that link can
unsubscribe the reader anyway. A Message-ID alone names a delivery and proves nothing, because everybody knows it who saw a reply.

Of an event whose provider has proven itself, our Message-ID is proof enough: the provider took the message from us.
"""

import hashlib
import re
from collections.abc import Iterable

from mailer.feedback.model import Feedback
from mailer.feedback.token_extraction import find_tokens
from mailer.ledger.types.feedback import LONGEST_ID, LONGEST_SOURCE, FeedbackEvent, FeedbackProof
from mailer.link_tokens import Purpose, TokenKeys

Match = tuple[int | None, FeedbackProof]
"""The id of a delivery, and why it is believed to be the one."""

_UNMATCHED: Match = (None, FeedbackProof.NONE)
_IDENTIFYING = re.compile(rb"^(?:message-id|date|from|to|subject)[ \t]*:.*(?:\n[ \t].*)*", re.IGNORECASE | re.MULTILINE)


def match_message(feedback: Feedback, keys: TokenKeys) -> Match:
    """Returns the delivery that a message is about."""
    bounce, message, link = (
        _numbers(feedback.tokens, purpose, keys)
        for purpose in (Purpose.BOUNCE, Purpose.MESSAGE_ID, Purpose.UNSUBSCRIBE)
    )
    if bounce:
        return bounce[0], FeedbackProof.TOKEN
    if agreeing := [number for number in message if number in link]:
        return agreeing[0], FeedbackProof.MESSAGE
    named = [*message, *link]
    return (named[0], FeedbackProof.UNPROVEN) if named else _UNMATCHED


def match_event(event: FeedbackEvent, keys: TokenKeys) -> Match:
    """Returns the delivery that a verified event is about by its tokens; the ledger knows the provider's own ids."""
    for purpose, text in ((Purpose.BOUNCE, event.bounce_token), (Purpose.MESSAGE_ID, event.message_id)):
        if found := _numbers(find_tokens(text), purpose, keys):
            return found[0], FeedbackProof.PROVIDER
    return _UNMATCHED


def transactional_number(tokens: Iterable[str], keys: TokenKeys) -> int | None:
    """Returns the id of the transactional mail that a token is of."""
    return next(iter(_numbers(tuple(tokens), Purpose.TRANSACTIONAL, keys)), None)


def message_digest(raw: bytes, recipient: str = "") -> str:
    """Returns the id of a message: the same however often and by whichever server it is handed over.

    Only what its writer wrote counts, and not what servers on the way added: the body, and the headers that identify it.
    """
    text = raw.replace(b"\r\n", b"\n")
    head, _, body = text.partition(b"\n\n")
    headers = b"\n".join(found[0] for found in _IDENTIFYING.finditer(head))
    return hashlib.sha256(b"\0".join((recipient.lower().encode(errors="replace"), headers, body))).hexdigest()


def source_name(source: str) -> str:
    """Returns the name of a source as the ledger keeps it."""
    return source[:LONGEST_SOURCE]


def source_id(identifier: str) -> str:
    """Returns the id of an event as the ledger keeps it: a digest of a long one."""
    if len(identifier) <= LONGEST_ID:
        return identifier
    return hashlib.sha256(identifier.encode(errors="replace")).hexdigest()


def _numbers(tokens: tuple[str, ...], purpose: Purpose, keys: TokenKeys) -> list[int]:
    return [number for token in tokens if (number := keys.read(purpose, token)) is not None]
