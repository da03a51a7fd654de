"""Checks the message as its receivers get it, parsed from its bytes: contract of the message, RFC 5322, 2045, 8058, 6376.

Parsed with the compat32 policy, which neither guesses nor recurses through addresses, and with caps: a message that is
too large is not parsed at all. A finding here is a fault of the program, a template or a setting.
"""

import binascii
import quopri
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parseaddr

from mailer.lint.context import LintContext
from mailer.lint.findings import Finding
from mailer.mime.dkim.keys import is_aligned
from mailer.mime.dkim.signer import OVERSIGNED
from mailer.mime.provider_headers import PROVIDER_HEADERS

LARGEST = 64 * 1024 * 1024
LONGEST_LINE = 998
_ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id", "List-Unsubscribe",
    "List-Unsubscribe-Post", "List-Help", "List-Archive", "List-Post", "Feedback-ID",
)  # fmt: skip
_AT_MOST_ONCE = ("Reply-To", "Content-Language", *PROVIDER_HEADERS)
_KNOWN = frozenset(name.lower() for name in (*_ONCE, *_AT_MOST_ONCE)) | {"dkim-signature"}
_QUOTED = re.compile(rb"(?:[\t\r\n -<>-~]|=[0-9A-F]{2}|=\r\n)*")


def message(context: LintContext) -> Iterator[Finding]:
    """Checks a message against the RFCs and what docs/deliverability.md promises."""
    data = context.message
    if len(data) > LARGEST:
        text = f"the message has {len(data) // 1024 // 1024} MB"
        yield Finding(rule="message-headers", message=text, expected="no server accepts that")
        return
    parsed = BytesParser(policy=compat32).parsebytes(data)
    yield from _lines(data)
    yield from _headers(parsed, context.edition.from_address)
    yield from _parts(parsed)
    yield from _one_click(parsed, context)
    yield from _signatures(parsed, context.edition.from_address)


def _lines(data: bytes) -> Iterator[Finding]:
    longest = max(map(len, data.split(b"\r\n")))
    if longest > LONGEST_LINE:
        text = f"a line of the message has {longest:,} bytes"
        yield Finding(rule="message-lines", message=text, expected=f"the limit is {LONGEST_LINE}")
    rest = data.replace(b"\r\n", b"")
    if b"\r" in rest or b"\n" in rest:
        yield Finding(rule="message-lines", message="the message has a bare CR or LF", expected="expected CRLF")


def _headers(parsed: "Message[str, str]", sender: str) -> Iterator[Finding]:
    counts = Counter(name.lower() for name in parsed)
    for name in _ONCE:
        if counts[name.lower()] != 1:
            text = (
                f"the message has {counts[name.lower()] or 'no'} {name} header{'s' if counts[name.lower()] > 1 else ''}"
            )
            yield Finding(rule="message-headers", message=text, expected="expected one")
    for name in _AT_MOST_ONCE:
        if counts[name.lower()] > 1:
            text = f"the message has {counts[name.lower()]} {name} headers"
            yield Finding(rule="message-headers", message=text, expected="at most one")
    for name in sorted(counts.keys() - _KNOWN):
        yield Finding(rule="message-headers", message=f"the message has an unexpected header, {name}")
    if parsed.defects:
        kinds = ", ".join(sorted({type(defect).__name__ for defect in parsed.defects}))
        yield Finding(rule="message-headers", message=f"the headers of the message cannot be read: {kinds}")
    written = parseaddr(_text(parsed, "From"))[1]
    if written != sender:
        text = f"the sender of the message is {written or 'missing'}"
        yield Finding(rule="message-headers", message=text, expected=f"expected {sender}")
    number = _text(parsed, "Message-ID").strip()
    if not re.fullmatch(rf"<[^<>@\s]{{1,64}}@{re.escape(_domain(sender))}>", number):
        text = "the Message-ID does not use the sender’s domain"
        yield Finding(rule="message-headers", message=text, expected=f"expected <…@{_domain(sender)}>")


def _text(parsed: "Message[str, str]", name: str) -> str:
    """Returns the value of a header, unfolded. Encoded words stay: decoded, a comma in a name would end an address."""
    return str(parsed.get(name, "")).replace("\r\n", "")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _parts(parsed: "Message[str, str]") -> Iterator[Finding]:
    """Checks alternative(plain, html), or alternative(plain, related(html, images)), and the encoding of each part."""
    parts = parsed.get_payload()
    alternatives = [part for part in parts if isinstance(part, Message)] if isinstance(parts, list) else []
    kinds = [part.get_content_type() for part in alternatives]
    if parsed.get_content_type() != "multipart/alternative" or kinds[:1] != ["text/plain"]:
        yield Finding(
            rule="plaintext",
            message="the first part of the message is not plain text",
            expected="put the plaintext first",
        )
    elif not _decoded(alternatives[0]).strip():
        yield Finding(
            rule="plaintext",
            message="the plaintext of the message is empty",
            expected="expected the text of the dispatch",
        )
    if kinds[1:] not in (["text/html"], ["multipart/related"]):
        yield Finding(
            rule="message-encoding", message=f"the message has unexpected parts: {', '.join(kinds) or 'none'}"
        )
    for part in parsed.walk():
        if part.is_multipart():
            continue
        if fault := _fault(part):
            yield Finding(rule="message-encoding", message=f"the {part.get_content_type()} part of the message {fault}")


def _decoded(part: "Message[str, str]") -> bytes:
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _fault(part: "Message[str, str]") -> str:
    """Returns why a part cannot be decoded as it declares; "" when it can."""
    encoding = str(part.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    payload = part.get_payload()
    raw = payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""
    match encoding:
        case "quoted-printable":
            if not _QUOTED.fullmatch(raw):
                return "is not valid quoted-printable"
            data = quopri.decodestring(raw)
        case "base64":
            try:
                data = b64decode(raw.replace(b"\r\n", b""), validate=True)
            except (binascii.Error, ValueError):
                return "is not valid base64"
        case "7bit" if not raw.isascii():
            return "declares 7bit but has bytes above 127"
        case "7bit" | "8bit":
            data = _decoded(part)
        case _:
            return f"declares an unknown encoding, “{encoding}”"
    if part.get_content_maintype() == "text":
        try:
            data.decode(str(part.get_content_charset("ascii")))
        except (UnicodeDecodeError, LookupError):
            return f"is not valid in its charset, {part.get_content_charset('ascii')}"
    return ""


def _one_click(parsed: "Message[str, str]", context: LintContext) -> Iterator[Finding]:
    where = re.findall(r"<([^<>]*)>", _text(parsed, "List-Unsubscribe"))
    web = [url for url in where if url.startswith(context.unsubscribe_url)]
    if not web:
        text = "List-Unsubscribe has no web address of ours"
        yield Finding(rule="one-click", message=text, expected=f"expected <{context.unsubscribe_url}…>")
    elif context.is_set_up and not web[0].startswith("https:"):
        yield Finding(rule="one-click", message="the address of List-Unsubscribe is not https")
    content = _text(parsed, "List-Unsubscribe-Post").strip()
    if content != "List-Unsubscribe=One-Click":
        text = f"List-Unsubscribe-Post is “{content}”"
        yield Finding(rule="one-click", message=text, expected="expected List-Unsubscribe=One-Click")


def _signatures(parsed: "Message[str, str]", sender: str) -> Iterator[Finding]:
    counts = Counter(name.lower() for name in parsed)
    for field in parsed.get_all("DKIM-Signature", []):
        tags = {
            name.strip(): "".join(value.split())
            for name, _, value in (tag.partition("=") for tag in str(field).split(";"))
        }
        signed = Counter(name.lower() for name in tags.get("h", "").split(":"))
        for name in map(str.lower, OVERSIGNED):
            wanted = counts[name] + 1
            if signed[name] < wanted:
                text = f"the signature of {tags.get('d', '?')} covers {name} {signed[name]} times"
                yield Finding(rule="dkim-cover", message=text, expected=f"expected {wanted}")
        if "l" in tags:
            text = f"the signature of {tags.get('d', '?')} does not cover the whole body (l=)"
            yield Finding(rule="dkim-cover", message=text, expected="remove l=")
        domain = tags.get("d", "").lower()
        if not is_aligned(_domain(sender), domain):
            text = f"the DKIM domain is {domain}, but the sender’s domain is {_domain(sender)}"
            yield Finding(rule="dkim-alignment", message=text, expected="use the domain of the same organisation")


def plaintext(context: LintContext) -> Iterator[Finding]:
    """Checks that every article's headline is in the plaintext: a template can leave them out."""
    content = _bare(" ".join(context.texts))
    for article in context.articles:
        if _bare(article.title_text) not in content:
            yield Finding(
                rule="plaintext",
                message=f"the plaintext does not contain “{article.title_text[:50]}”",
                expected="put the articles into dispatch.txt.j2",
                position=article.position,
            )


def _bare(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
