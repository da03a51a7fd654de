"""Opens the files to import: a message (.eml), a saved page or a text, with the pictures in it.

    open_file(data, name)  any of them, by its content, then by its name; refuses other kinds of files by their name
    open_message(data)     the best part of a message: HTML, else plain text
    open_page(data)        a saved page
    decode_text(data)      the text of a file in any encoding, and what was guessed

Labels of encodings mean what the WHATWG's encoding standard says. Messages are parsed by `email` under the compat32 policy, which
neither recurses on brackets nor trusts a header; at most LARGEST octets and _PARTS parts are read.
"""

import base64
import binascii
import codecs
import datetime as dt
import email.policy
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import PurePath
from urllib.parse import unquote_to_bytes

from mailer.csv.encoding_detection import FileEncoding
from mailer.errors import UsageError
from mailer.i18n.date_parser import find_date
from mailer.importers.model import ImportDoubt

LARGEST = 25_000_000  # octets
_PARTS = 200
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset=["']?([A-Za-z0-9_-]+)""", re.IGNORECASE)
_LABELS = {  # https://encoding.spec.whatwg.org/#names-and-labels, where Python differs
    **dict.fromkeys(("iso-8859-1", "latin-1", "latin1", "l1", "us-ascii", "ascii", "iso_8859-1", "cp819"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin5", "l5"), "cp1254"),
    **dict.fromkeys(("iso-8859-11", "tis-620"), "cp874"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "chinese"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "korean"), "cp949"),
    "iso-8859-8-i": "iso8859-8",
    "utf-16": "utf-16-le",
}
_HEADERS = re.compile(
    rb"(?:From [^\r\n]+\r?\n)?(?:(?:subject|from|to|cc|date|reply-to|received|return-path|message-id|mime-version|sender|"
    rb"delivered-to|list-id|content-type|x-[a-z-]+):[^\n]*\n(?:[ \t][^\n]*\n)*)+",
    re.IGNORECASE,
)
_SURE_HEADERS = re.compile(rb"^(subject|from|date):", re.IGNORECASE | re.MULTILINE)
_PRINTED_HEADER = re.compile(
    r"\s*(?:(?P<subject>subject|betreff|objet|asunto|assunto|oggetto|onderwerp|ämne|נושא|الموضوع)"
    r"|(?P<date>date|sent|datum|gesendet|envoyé(?: le)?|enviad[oa](?: el| em)?|fecha|data|inviato|verzonden|skickat|תאריך|נשלח"
    r"|التاريخ|تاريخ الإرسال)"
    r"|(?P<sender>from|von|de|da|van|från|מאת|من)"
    r"|(?P<other>to|an|à|para|a|aan|till|אל|إلى|cc|kopie|bcc|reply-to|antwort an|importance|priority|wichtigkeit|prioridad"
    r"|prioridade|attachments?|anlagen?|pièces? jointes?|adjuntos?|anexos?|עותק|نسخة))\s*:(?=\s|$)",
    re.IGNORECASE,
)
_FEWEST_HEADERS = 3
_MAILBOX = re.compile(rb"^From \S+ .*\d\d:\d\d", re.MULTILINE)
_SIGNATURES = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Word document or workbook",
    b"{\\rtf": "an RTF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a gzip archive",
}
_ZIPS = {
    ".docx": "a Word document",
    ".odt": "an OpenDocument text",
    ".xlsx": "a workbook",
    ".pages": "a Pages document",
}
_WORD = re.compile(r"\w+")
_MARKDOWN = re.compile(rb"---\r?\n(?:[^\n]*\n)*?title:")
PAGES = frozenset({".html", ".htm", ".xhtml"})
_DATA = re.compile(
    r"data:(?P<type>image/[a-z+.-]+)?(?:;[^,;]*)*?(?P<base64>;base64)?,(?P<data>.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """`pictures` by the address under which the text names them; `date` and `subject` are the message's own.

    `doubts` about its encoding; `first_line` of the file that is in the text.
    """

    text: str
    is_html: bool
    subject: str = ""
    date: dt.date | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    doubts: tuple[ImportDoubt, ...] = ()
    first_line: int = 1


def open_file(data: bytes, name: str) -> OpenedFile:
    """Returns the text of a file to import. `name`: of the file. Raises UsageError for a kind that cannot be imported."""
    suffix = PurePath(name).suffix.lower()
    if kind := _other_kind(data, suffix):
        raise UsageError(f"{name} is {kind}.", "Save it as plain text or as a web page (.html), and import that file.")
    if suffix in {".md", ".markdown"} or _MARKDOWN.match(data[:10_000]):
        raise UsageError(f"{name} is Markdown already.", "Copy it into the folder of the dispatches.")
    if suffix == ".eml" or _is_message(data):
        return open_message(data if suffix == ".eml" else data.lstrip())
    if suffix in PAGES:
        return open_page(data)
    _refuse_large(data)
    text, doubts = decode_text(data)
    return _without_printed_head(OpenedFile(text=text, is_html=False, doubts=doubts))


def _without_printed_head(opened: OpenedFile) -> OpenedFile:
    """Returns a text without the header lines that a mail program wrote above it, in the language of its user (`Betreff: …`)."""
    lines = opened.text.splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip("\ufeff \t")), len(lines))
    last = next((number for number in range(first, len(lines)) if not lines[number].strip()), len(lines))
    found: dict[str, str] = {}
    for line in lines[first:last]:
        match = _PRINTED_HEADER.match(line)
        if match and match.lastgroup:
            found.setdefault(match.lastgroup, line[match.end() :].strip())
        elif not (found and line[:1] in {" ", "\t"}):
            return opened
    if "subject" not in found or len(found) < _FEWEST_HEADERS:
        return opened
    date = find_date(found.get("date", ""))
    return replace(
        opened,
        text="\n".join(lines[last:]),
        subject=found["subject"],
        date=date.date if date else None,
        first_line=opened.first_line + last,
    )


def _other_kind(data: bytes, suffix: str) -> str:
    """Returns the kind of a file without text; "" for any other."""
    if data.startswith(b"PK\x03\x04"):
        return _ZIPS.get(suffix, "a ZIP archive")
    found = next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), "")
    if not found and suffix != ".eml" and not _is_utf16(data) and data.count(0) > max(8, len(data) // 100):
        return "not a text"
    return found


def _is_message(data: bytes) -> bool:
    """Whether a text opens with the header lines of a message."""
    match = _HEADERS.match(data[:200_000].lstrip())
    return match is not None and len(_SURE_HEADERS.findall(match[0])) > 1


def _is_utf16(data: bytes) -> bool:
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or data[:200].count(0) > len(data[:200]) // 4


def decode_text(data: bytes, charset: str | None = None) -> tuple[str, tuple[ImportDoubt, ...]]:
    """Returns the text of `data`, and what was guessed or is lost. `charset`: the label that the file gives itself."""
    text, guess = _decode(data, charset)
    doubts = [guess] if guess else []
    for number, line in enumerate(text.split("\n"), start=1):
        if "\N{REPLACEMENT CHARACTER}" in line:
            lost = f"“{_sample(line, chr(0xFFFD))}” has lost a character (\N{REPLACEMENT CHARACTER})"
            doubts.append(ImportDoubt(line=number, message=lost))
    return text, tuple(doubts)


def _decode(data: bytes, charset: str | None) -> tuple[str, ImportDoubt | None]:
    label = (charset or "").strip().lower()
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), None
    if label and data.isascii() and not label.startswith(("utf-16", "utf-7", "iso-2022", "hz")):
        return data.decode("ascii"), None
    try:
        if label:
            return data.decode(_LABELS.get(label, label)), None
        if not _is_utf16(data):
            return data.decode(), None
    except (LookupError, UnicodeDecodeError):
        pass
    if not label and _is_utf16(data):
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", errors="replace"), None
    return _guess(data, label)


def _guess(data: bytes, label: str) -> tuple[str, ImportDoubt | None]:
    """Decodes bytes that are not what they say: as UTF-8 if most of the special characters are, else as Windows-1252."""
    odd = data.decode("utf-8", "surrogateescape")
    bad = [character for character in odd if "\udc80" <= character <= "\udcff"]
    valid = sum(not character.isascii() for character in odd) - len(bad)
    said = f"it says {label}, but" if label else "it is not all UTF-8;"
    if valid >= max(len(bad), 1):
        text = FileEncoding("utf-8", is_mixed=True).repair_text(odd)
        line = odd[: odd.index(bad[0])].count("\n") if bad else 0
        shown = _sample(text.split("\n")[line])
        read_as = "Windows-1252" if bad else "UTF-8"
        return text, ImportDoubt(line=line + 1, message=f"{said} “{shown}” was read as {read_as}")
    text = data.decode("cp1252", errors="replace")
    line = next((number for number, each in enumerate(text.split("\n")) if not each.isascii()), 0)
    shown = _sample(text.split("\n")[line])
    message = f"{said} all of it was read as Windows-1252: “{shown}”. If that is wrong, save the file as UTF-8"
    return text, ImportDoubt(line=line + 1, message=message)


def _sample(line: str, wanted: str = "") -> str:
    """Returns the word of `line` that has `wanted`, or else its first special character."""
    words = re.sub(r"<[^<>]*>", " ", line).split()
    return next((word for word in words if (wanted in word if wanted else not word.isascii())), line[:40])


def open_message(data: bytes) -> OpenedFile:
    """Returns the best part of a message. Raises UsageError for one without text, or too large."""
    _refuse_large(data)
    if (number := len(_MAILBOX.findall(data))) > 1:
        raise UsageError(
            f"The file is a mailbox with {number:,} messages.", "Save each message as a file, and import these."
        )
    message = BytesParser(policy=email.policy.compat32).parsebytes(data)
    parts = [part for _, part in zip(range(_PARTS), message.walk(), strict=False) if not part.is_multipart()]
    shown = [part for part in parts if part.get_content_disposition() != "attachment"]
    texts = {kind: [part for part in shown if part.get_content_type() == kind] for kind in ("text/html", "text/plain")}
    alternatives = _alternatives(message)
    bests = [part for part in shown if part.get_content_type() in texts and id(part) not in alternatives]
    if not bests:
        raise UsageError("The message contains no text.")
    pictures = {
        f"cid:{str(part.get('Content-ID')).strip(' <>')}": _payload(part)
        for part in parts
        if part.get("Content-ID") and part.get_content_maintype() == "image"
    }
    is_html = any(part.get_content_type() == "text/html" for part in bests)
    decoded = [(part, *decode_text(_payload(part), part.get_content_charset())) for part in bests]
    pages = " ".join(found for part, found, _ in decoded if part.get_content_type() == "text/html")
    text = "\n\n".join(_as_page(part, found, pages) if is_html else _joined(part, found) for part, found, _ in decoded)
    doubts = [doubt for _, _, found in decoded for doubt in found]
    for part in parts:
        if part not in shown or part.get_content_maintype() != "text":
            doubts += _name_attachment(part, text)
    head = data.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return OpenedFile(
        text=text,
        is_html=is_html,
        subject=_header(message, "Subject"),
        date=_date(message),
        pictures=pictures,
        doubts=tuple(doubts),
        first_line=1 if is_html or message.is_multipart() else head.count(b"\n") + 3,
    )


def _alternatives(message: Message) -> set[int]:
    """Returns the plain texts that are said to be the same as a page beside them, by `id`."""
    found: set[int] = set()
    for _, part in zip(range(_PARTS), message.walk(), strict=False):
        if part.get_content_type() == "multipart/alternative":
            inner = [each for _, each in zip(range(_PARTS), part.walk(), strict=False)]
            if any(each.get_content_type() == "text/html" for each in inner):
                found |= {id(each) for each in inner if each.get_content_type() == "text/plain"}
    return found


def _as_page(part: Message, text: str, pages: str) -> str:
    """Returns the text of a part as HTML; "" for a plain text whose words are all in the `pages` of the message."""
    if part.get_content_type() == "text/html":
        return text
    known = set(_WORD.findall(html.unescape(pages).casefold()))
    if known.issuperset(_WORD.findall(text.casefold())):
        return ""
    paragraphs = re.split(r"\n[ \t]*\n", _joined(part, text).replace("\r\n", "\n"))
    return "".join(f"<p>{html.escape(each.strip()).replace(chr(10), '<br>')}</p>" for each in paragraphs)


def _joined(part: Message, text: str) -> str:
    """Returns a plain text without the line ends that its program added within words and addresses (RFC 3676, DelSp)."""
    is_broken = str(part.get_param("format")).lower() == "flowed" and str(part.get_param("delsp")).lower() == "yes"
    return re.sub(r"(?<!^--) \r?\n", "", text, flags=re.MULTILINE) if is_broken else text


def _name_attachment(part: Message, text: str) -> Iterator[ImportDoubt]:
    """Yields that a part of a message was left out, unless the text shows it."""
    identifier = str(part.get("Content-ID") or "").strip(" <>")
    if not identifier or f"cid:{identifier}" not in text:
        name = part.get_filename() or part.get_content_type()
        yield ImportDoubt(line=0, message=f"the attachment “{name}” was left out")


def open_page(data: bytes) -> OpenedFile:
    """Returns a saved web page. Raises UsageError for one that is too large."""
    _refuse_large(data)
    named = _CHARSET.search(data[:2048])
    label = named[1].decode("ascii").lower() if named else None
    text, doubts = decode_text(data, "utf-8" if label and label.startswith("utf-16") else label)
    return OpenedFile(text=text, is_html=True, doubts=doubts)


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


def _header(message: Message, name: str) -> str:
    """Returns the text of a header: its encoded words decoded, and bytes that are not ASCII as a file's."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    if any("\udc80" <= character <= "\udcff" for character in raw):
        raw = _decode(raw.encode("utf-8", "surrogateescape"), None)[0]
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except (LookupError, UnicodeDecodeError, ValueError):
        return " ".join(raw.split())


def _date(message: Message) -> dt.date | None:
    try:
        return parsedate_to_datetime(str(message.get("Date", ""))).date()
    except (TypeError, ValueError, IndexError):
        return None
