"""Parsing of mailed unsubscribe requests, which anybody may have written.

The List-Unsubscribe header of our messages has `unsubscribe+TOKEN@our.domain` (RFC 2369 3.2), so the token is in the recipient's
address; if a mail system removed the extension, or a person copied the link, it is in the subject or the text. Nothing else of
the message counts, least of all its sender, which can be forged.

    parse_unsubscribe_mail(raw)   the possible tokens, the likeliest first; whether it is an automatic answer

An automatic answer (RFC 3834: a vacation notice, a bounce with the message inside) is no request, though it may quote a token. A
mail provider's unsubscribe button is one, and may be marked `auto-generated`. Never raises: an unreadable message has no tokens.
At most LARGEST octets and PARTS parts are read, and no attached message.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser

from mailer.link_tokens import LENGTHS

LARGEST = 256 * 1024
PARTS = 20
CANDIDATES = 50
_TEXT = 64 * 1024  # octets of one part
_HEADER = 4 * 1024  # characters of one header
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "To", "Cc")
_TOKEN = re.compile(
    rf"(?<![0-9A-Za-z])(?:{'|'.join(f'[a-z2-7]{{{length}}}' for length in LENGTHS)})(?![0-9A-Za-z])", re.IGNORECASE
)
_AUTOMATIC = frozenset({"auto-replied", "auto-notified"})  # RFC 3834 5, RFC 5436 2.7.1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeMail:
    """The request of a message. `tokens`: texts in the form of a token, each once; the keys decide whether they are valid."""

    tokens: tuple[str, ...] = ()
    automatic: bool = False


def parse_unsubscribe_mail(raw: bytes) -> UnsubscribeMail:
    """Parses a message. Total."""
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(raw[:LARGEST])
        found = dict.fromkeys(token for text in _texts(message) for token in _TOKEN.findall(text))
        return UnsubscribeMail(tokens=tuple(found)[:CANDIDATES], automatic=_is_automatic(message))
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        # raised by the parser of `email` for malicious messages
        return UnsubscribeMail()


def _is_automatic(message: "Message[str, str]") -> bool:
    submitted = _header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    return (
        submitted in _AUTOMATIC
        or message.get_content_type() == "multipart/report"
        or _header(message, "Return-Path").strip() == "<>"
        or _header(message, "Precedence").strip().lower() == "auto_reply"
        or "X-Autoreply" in message
        or "X-Autorespond" in message
    )


def _texts(message: "Message[str, str]") -> Iterator[str]:
    """Yields the texts that may hold a token, the likeliest first."""
    for name in _RECIPIENT_HEADERS:
        for value in message.get_all(name, [])[:PARTS]:
            yield str(value)[:_HEADER]
    subject = _header(message, "Subject")
    yield subject
    yield _decode_subject(subject)
    yield from _bodies(message)


def _header(message: "Message[str, str]", name: str) -> str:
    return str(message.get(name, ""))[:_HEADER]


def _decode_subject(subject: str) -> str:
    try:
        return str(make_header(decode_header(subject)))
    except Exception:  # noqa: BLE001 - the library raises many errors for malformed encoded words
        return ""


def _bodies(message: "Message[str, str]") -> Iterator[str]:
    """Yields the text parts, without those of attached messages."""
    waiting, seen = [message], 0
    while waiting and seen < PARTS:
        part = waiting.pop(0)
        seen += 1
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [each for each in payload if isinstance(each, Message)][:PARTS]
        elif part.get_content_maintype() == "text":
            data = part.get_payload(decode=True)
            yield data[:_TEXT].decode("latin-1") if isinstance(data, bytes) else ""
