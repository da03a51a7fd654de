"""Parses a received message into the few parts that matter here, within limits.

`email` parses it with the policy compat32, because the default one takes quadratic time on malicious headers. Whatever has a
type `message/…` stays text: `email` would split `message/delivery-status` into messages and `message/global-delivery-status`
(RFC 6533) into one, and would parse a returned message that nobody asks for. Line ends may be CRLF, LF or CR.

At most LARGEST octets are read, PARTS parts, TEXT octets of a part and HEADER characters of a header. Nothing is read after
BOUNDARIES lines that may be boundaries, and after MULTIPARTS declarations of a multipart, which also limits their depth. So the
time is linear and limited.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from functools import cache
from itertools import islice

LARGEST = 256 * 1024  # octets of a message
PARTS = 20
BOUNDARIES = 1000  # lines that may be a boundary
MULTIPARTS = 20
TEXT = 64 * 1024  # octets of one part
HEADER = 4 * 1024  # characters of one header
_RETURNED = 16 * 1024  # characters of a returned message

_MESSAGE_TYPE = re.compile(rb"message/")
_TYPE_FIELD = re.compile(rb"(?:^|[\r\n])content-type[ \t]*:[ \t]*(?:\r?\n[ \t]+)?\Z")
_TYPE_FIELD_LENGTH = 80  # octets
_MULTIPART = re.compile(rb"multipart/")
_BOUNDARY = re.compile(rb"\n--")
_CHARSET = re.compile(
    r"(?:utf-?8|us-ascii|latin|iso-(?:8859|2022)-|windows-|cp\d|koi8|shift|euc|gb|big5)", re.IGNORECASE
)
_TAG = re.compile(r"<(/?)(\w{0,10})[^<>]*>")
_HIDDEN = frozenset({"style", "script", "head", "title"})
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&nbsp;": " ", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))
_COMMENT = re.compile(r"\([^()]*\)")
_STATUS_TYPES = frozenset({"delivery-status", "global-delivery-status"})
_RETURNED_TYPES = frozenset({"rfc822", "global", "rfc822-headers", "rfc822-header", "global-headers"})


class _CappedHeaders(Compat32):
    """Compat32 that cuts the values of headers, whose parameters `email` reads in quadratic time."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:HEADER]


_POLICY = _CappedHeaders()


@dataclass(slots=True, kw_only=True)
class ReceivedMessage:
    """The parts of a message. `headers` has lower-case names. `text` is what people read: plain, or HTML without its tags.

    `html`: the HTML with its tags, which have the links.
    `statuses`: delivery status parts. `report`: the feedback report. `returned`: the returned message, or its headers.
    """

    headers: dict[str, list[str]] = field(default_factory=dict)
    content_type: str = "text/plain"
    report_type: str = ""
    text: str = ""
    html: str = ""
    statuses: list[str] = field(default_factory=list)
    report: str = ""
    is_receipt: bool = False  # a message disposition notification (RFC 8098)
    returned: str = ""

    def header(self, name: str) -> str:
        """Returns the first header of this name in lower case, unfolded; "" without one."""
        return " ".join(self.headers.get(name, ("",))[0].split())

    @property
    def subject(self) -> str:
        return decoded_header(self.header("subject"))


def parse_received(raw: bytes) -> ReceivedMessage:
    """Parses a message. Total: of what `email` cannot parse, nothing is left."""
    try:
        return _parse(raw)
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError):
        # raised by the parser of `email` for malicious messages
        return ReceivedMessage()


def _parse(raw: bytes) -> ReceivedMessage:
    raw = raw[:LARGEST].lstrip(b"\r\n")
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    lowered = raw.lower()
    end = min(_end_at(lowered, _MULTIPART, MULTIPARTS), _end_at(lowered, _BOUNDARY, BOUNDARIES))
    message = BytesParser(policy=_POLICY).parsebytes(_rename_message_types(raw[:end], lowered))
    result = ReceivedMessage(content_type=message.get_content_type(), report_type=_report_type(message))
    for name, value in message.raw_items():
        result.headers.setdefault(name.lower(), []).append(_text_of(value))
    plain: list[str] = []
    html: list[str] = []
    for part in _leaves(message):
        main, _, sub = part.get_content_type().partition("/")
        if sub in _STATUS_TYPES:
            result.statuses.append(_decode(part))
        elif sub == "feedback-report":
            result.report = result.report or _decode(part)
        elif sub == "disposition-notification":
            result.is_receipt = True
        elif sub in _RETURNED_TYPES:
            result.returned = result.returned or _decode(part)[:_RETURNED]
        elif main == "text":
            (html if sub == "html" else plain).append(_decode(part))
    result.html = "\n".join(html)
    result.text = "\n".join(plain) if any(map(str.strip, plain)) else "\n".join(map(strip_tags, html))
    return result


def _end_at(raw: bytes, pattern: re.Pattern[bytes], most: int) -> int:
    """Returns where `pattern` matches once more than `most` times; without that, the length of `raw`."""
    excess = next(islice(pattern.finditer(raw), most, None), None)
    return len(raw) if excess is None else excess.start()


def _rename_message_types(raw: bytes, lowered: bytes) -> bytes:
    """Returns `raw` with `x-message/…` in place of each type `message/…`. `lowered`: the same in lower case."""
    pieces, at = [], 0
    for found in _MESSAGE_TYPE.finditer(lowered, 0, len(raw)):
        if _TYPE_FIELD.search(lowered, max(0, found.start() - _TYPE_FIELD_LENGTH), found.start()):
            pieces += [raw[at : found.start()], b"x-"]
            at = found.start()
    return b"".join([*pieces, raw[at:]])


def _text_of(value: str) -> str:
    """Returns a header's value; octets that are not ASCII as UTF-8."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _leaves(message: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """Yields the parts that have no parts, in their order; a multipart that was not split is one of them."""
    waiting, seen = [message], 0
    while waiting and seen < PARTS:
        part = waiting.pop(0)
        seen += 1
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting[:0] = [each for each in payload if isinstance(each, Message)][:PARTS]
            continue
        if part.get_content_maintype() == "multipart":
            part.set_type("text/plain")  # its boundary is missing or wrong
        yield part


def _report_type(message: "Message[str, str]") -> str:
    return str(message.get_param("report-type", "") or "").lower()


def _decode(part: "Message[str, str]") -> str:
    """Returns the text of a part, with LF as the line end."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = str(part.get_param("charset", "") or "utf-8")
    try:
        text = data[:TEXT].decode(charset if _CHARSET.match(charset) else "utf-8", "strict")
    except (LookupError, UnicodeError):
        text = data[:TEXT].decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def strip_tags(html: str) -> str:
    """Returns the text of `html`, with a line end for each tag."""
    pieces, at, hidden = [], 0, ""
    for tag in _TAG.finditer(html):
        if not hidden:
            pieces.append(html[at : tag.start()])
        name = tag[2].lower()
        if hidden == name and tag[1]:
            hidden = ""
        elif not hidden and name in _HIDDEN and not tag[1]:
            hidden = name
        at = tag.end()
    if not hidden:
        pieces.append(html[at:])
    return _ENTITY.sub(lambda entity: _ENTITIES[entity[0]], "\n".join(filter(str.strip, pieces)))


def decoded_header(value: str) -> str:
    """Returns a header with its encoded words (RFC 2047) decoded."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except Exception:  # noqa: BLE001 - the library raises many errors for malformed encoded words
        return value


def without_comments(value: str) -> str:
    """Returns a header's value without its comments (RFC 5322 3.2.2), which may be nested."""
    for _ in range(8):
        shorter = _COMMENT.sub(" ", value)
        if shorter == value:
            break
        value = shorter
    return " ".join(value.split())


def fields_of(text: str, names: tuple[str, ...]) -> dict[str, str]:
    """Returns the first value of each of the headers `names` (in lower case) in `text`, unfolded and cut."""
    found: dict[str, str] = {}
    for name, value in _fields_named(names).findall(text):
        found.setdefault(name.lower(), " ".join(value[:HEADER].split()))
    return found


@cache
def _fields_named(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"^({'|'.join(names)})[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)", re.IGNORECASE | re.MULTILINE)
