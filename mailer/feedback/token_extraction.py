"""Finds tokens of ours in a message that came back, and proves them.

Our messages have a token in the return path (`bounce+TOKEN@…`, VERP), in the unsubscribe address, in the Message-ID, in links,
and as the ENVID of a delivery status notification (RFC 3461 4.4). Elsewhere 26 letters are no token. A mailed request may
have it anywhere in its subject or text, because people copy it.
"""

import re
from collections.abc import Iterable

from mailer.feedback.model import TokenProof
from mailer.feedback.received_message import ReceivedMessage
from mailer.link_tokens import LASTING, LENGTHS, TokenKeys, is_inert

CANDIDATES = 50
_FORM = "|".join(f"[a-z2-7]{{{length}}}" for length in sorted(LENGTHS, reverse=True))
_ANYWHERE = re.compile(rf"(?<![0-9A-Za-z])(?:{_FORM})(?![0-9A-Za-z])", re.IGNORECASE)
_PLACED = re.compile(
    rf"(?:\+(?:2b)?(?=[a-z2-7]+@)|%2b(?=[a-z2-7]+@)|<(?=[a-z2-7]+@)|/u/|/preferences/)({_FORM})(?![0-9a-z])"
)
"""For text in lower case. A plus may be encoded as +2B or %2B. Each alternative begins with a sign, which is fast to look for."""
_RECIPIENT_HEADERS = ("delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "to", "cc")
_PURPOSES = tuple(sorted(LASTING))
_SOME = 20  # headers of one name


def recipient_texts(message: ReceivedMessage) -> list[str]:
    """Returns the headers that name the recipient of the message itself."""
    return [value for name in _RECIPIENT_HEADERS for value in message.headers.get(name, ())[:_SOME]]


def placed_tokens(texts: Iterable[str], envelope_id: str = "") -> tuple[str, ...]:
    """Returns the texts in the form of a token where our messages have one, each once; no placeholders."""
    found = [envelope_id.lower()] if _ANYWHERE.fullmatch(envelope_id) else []
    for text in texts:
        found += _PLACED.findall(text.lower())
        if len(found) > CANDIDATES:
            break
    return tuple(dict.fromkeys(token for token in found if not is_inert(token)))[:CANDIDATES]


def find_tokens(text: str) -> tuple[str, ...]:
    """Returns the texts in the form of a token anywhere in `text`, each once."""
    return tuple(dict.fromkeys(token.lower() for token in _ANYWHERE.findall(text)[:CANDIDATES]))


def requested_tokens(message: ReceivedMessage) -> tuple[str, ...]:
    """Returns the texts in the form of a token in the recipient, the subject and the text, each once, the likeliest first."""
    texts = [*recipient_texts(message), message.header("subject"), message.subject, message.text, message.html]
    found = dict.fromkeys(token.lower() for text in texts for token in _ANYWHERE.findall(text)[:CANDIDATES])
    return tuple(found)[:CANDIDATES]


def prove(tokens: Iterable[str], keys: TokenKeys | None) -> TokenProof | None:
    """Returns the proof by the first valid token; None without one, and without keys."""
    if keys is None:
        return None
    for token in tokens:
        for purpose in _PURPOSES:
            number = keys.read(purpose, token)
            if number is not None:
                return TokenProof(purpose=purpose, number=number)
    return None
