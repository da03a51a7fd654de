"""A mailed unsubscribe request, read from bytes that anybody may have written.

The List-Unsubscribe header of a letter names `unsubscribe+TOKEN@our.domain` (RFC 2369 3.2). So the token stands in what the
message is addressed to; where a mail system took the extension away, or a person copied the link, in the subject or in the
text. Nothing else of the message counts, its sender least of all, for that can be forged.

    read_request(raw)   what may be tokens, the likeliest first; whether a machine answered

A machine that answers (RFC 3834: a vacation notice, a bounce with the letter inside) asks for nothing, though it may quote
a token. A provider's button does ask, and may say `auto-generated`. Never raises: what cannot be read has no tokens. At most
LARGEST octets are looked at, PARTS parts, and no attached message.
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
_ADDRESSED = ("Delivered-To", "X-Original-To", "To", "Cc")
_TOKEN = re.compile(
    rf"(?<![0-9A-Za-z])(?:{'|'.join(f'[a-z2-7]{{{length}}}' for length in LENGTHS)})(?![0-9A-Za-z])", re.IGNORECASE
)
_ANSWERED = frozenset({"auto-replied", "auto-notified"})  # RFC 3834 5, RFC 5436 2.7.1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeMail:
    """What a message asks. `tokens`: what has the form of one, each once; whether it is one, the keys know."""

    tokens: tuple[str, ...] = ()
    automatic: bool = False


def parse_unsubscribe_mail(raw: bytes) -> UnsubscribeMail:
    """Read a message. Total."""
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(raw[:LARGEST])
        found = dict.fromkeys(token for text in _texts(message) for token in _TOKEN.findall(text))
        return UnsubscribeMail(tokens=tuple(found)[:CANDIDATES], automatic=_is_automatic(message))
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        # what the parser of `email` is known to raise for messages that were made to break it
        return UnsubscribeMail()


def _is_automatic(message: "Message[str, str]") -> bool:
    submitted = _header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    return (
        submitted in _ANSWERED
        or message.get_content_type() == "multipart/report"
        or _header(message, "Return-Path").strip() == "<>"
        or _header(message, "Precedence").strip().lower() == "auto_reply"
        or "X-Autoreply" in message
        or "X-Autorespond" in message
    )


def _texts(message: "Message[str, str]") -> Iterator[str]:
    """Where a token may stand, the most telling place first."""
    for name in _ADDRESSED:
        for value in message.get_all(name, [])[:PARTS]:
            yield str(value)[:_HEADER]
    subject = _header(message, "Subject")
    yield subject
    yield _decoded(subject)
    yield from _bodies(message)


def _header(message: "Message[str, str]", name: str) -> str:
    return str(message.get(name, ""))[:_HEADER]


def _decoded(subject: str) -> str:
    try:
        return str(make_header(decode_header(subject)))
    except Exception:  # noqa: BLE001 - the library raises what it likes for encoded words that are none
        return ""


def _bodies(message: "Message[str, str]") -> Iterator[str]:
    """The text parts, without those of a message that is attached."""
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
