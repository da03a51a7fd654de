"""Opens the files to import: a message (.eml), a saved page or a text, with the pictures in it.

    open_message(data)   the best part of a message: HTML, else plain text
    open_page(data)      a saved page
    read_text(data)      the text of a file in any encoding

Messages are parsed by `email` under the compat32 policy, which neither recurses on brackets nor trusts a header; at most
LARGEST octets and _PARTS parts are read.
"""

import base64
import binascii
import codecs
import datetime as dt
import email.policy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from mailer.errors import UsageError

LARGEST = 25_000_000  # octets
_PARTS = 200
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset=["']?([A-Za-z0-9_-]+)""", re.IGNORECASE)
_DATA = re.compile(
    r"data:(?P<type>image/[a-z+.-]+)?(?:;[^,;]*)*?(?P<base64>;base64)?,(?P<data>.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """`pictures` by the address under which the text names them; `date` and `subject` are the message's own."""

    text: str
    is_html: bool
    subject: str = ""
    date: dt.date | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def read_text(data: bytes) -> str:
    """Decodes `data`: UTF-8 or UTF-16 with or without a byte order mark, else Windows-1252. Every byte is some character."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if data[:200].count(0) > len(data[:200]) // 4:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def open_message(data: bytes) -> OpenedFile:
    """Returns the best part of a message. Raises UsageError for one without text, or too large."""
    _refuse_large(data)
    message = BytesParser(policy=email.policy.compat32).parsebytes(data)
    parts = [part for _, part in zip(range(_PARTS), message.walk(), strict=False) if not part.is_multipart()]
    texts = {
        part.get_content_type(): part for part in reversed(parts) if part.get_content_disposition() != "attachment"
    }
    best = texts.get("text/html") or texts.get("text/plain")
    if best is None:
        raise UsageError("The message contains no text.")
    pictures = {
        f"cid:{str(part.get('Content-ID')).strip(' <>')}": _payload(part)
        for part in parts
        if part.get("Content-ID") and part.get_content_maintype() == "image"
    }
    return OpenedFile(
        text=_decoded(_payload(best), best.get_content_charset()),
        is_html=best.get_content_type() == "text/html",
        subject=_header(message, "Subject"),
        date=_date(message),
        pictures=pictures,
    )


def open_page(data: bytes) -> OpenedFile:
    """Returns a saved web page. Raises UsageError for one that is too large."""
    _refuse_large(data)
    named = _CHARSET.search(data[:2048])
    return OpenedFile(text=_decoded(data, named[1].decode("ascii") if named else None), is_html=True)


def decode_data_url(address: str) -> bytes | None:
    """Returns the picture in a data: address."""
    match = _DATA.fullmatch(address)
    if match is None:
        return None
    data = unquote_to_bytes(match["data"])
    try:
        return base64.b64decode(data, validate=True) if match["base64"] else data
    except binascii.Error:
        return None


def _refuse_large(data: bytes) -> None:
    if len(data) > LARGEST:
        raise UsageError(f"This file has more than {LARGEST // 1_000_000} MB.", "Choose a file with a single issue.")


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded(data: bytes, charset: str | None) -> str:
    try:
        return data.decode(charset) if charset else read_text(data)
    except (LookupError, UnicodeDecodeError):
        return read_text(data)


def _header(message: Message, name: str) -> str:
    try:
        return " ".join(str(make_header(decode_header(str(message.get(name, ""))))).split())
    except (LookupError, UnicodeDecodeError, ValueError):
        return ""


def _date(message: Message) -> dt.date | None:
    try:
        return parsedate_to_datetime(str(message.get("Date", ""))).date()
    except (TypeError, ValueError, IndexError):
        return None
