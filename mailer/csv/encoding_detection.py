"""Detection of a list's encoding, over the whole file, in one streaming pass, before a row is read.

A byte order mark decides. Without one: UTF-16 if every other byte tends to be NUL, else UTF-8 if all of the file is valid UTF-8.
A file with both UTF-8 and other bytes is mixed: it has the encoding of most of its special characters, UTF-8 or Windows-1252, and
`repair_text` reads the others in the other encoding. Else it is Mac OS Roman if that explains the bytes within words, else
Windows-1252, unless the bytes are words of another script. Anything else, such as a workbook, a page or a
picture, raises EncodingError with the next step.
"""

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

_CHUNK = 1 << 20
_MAX_LINE = 16 * _CHUNK  # bytes: a file with a longer line is not a list
_SIGNATURES = {
    b"PK\x03\x04": "an Excel or OpenDocument workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite format 3": "a database",
    b"{\\rtf": "an RTF document",
    b"\xff\xfe\x00\x00": "text in UTF-32",
    b"\x00\x00\xfe\xff": "text in UTF-32",
}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_ENCODING_AFTER_MARK = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ZIP = b"PK\x03\x04"
_WORKBOOK = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/|docProps/|xl/|mimetype)", re.DOTALL)
_UNPACK = "Unpack it, and import the CSV files that are in it, each by itself."
_SAVE_AS = "Save it as CSV, with the encoding UTF-8 if you can choose."


_TEXT_SIGNATURES = (
    (re.compile(rb"<(!doctype html|html|head|body|table|meta|script)\b", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"<\?xml|<[a-z]+[ >]", re.IGNORECASE), "an XML file"),
    (re.compile(rb"BEGIN:VCARD", re.IGNORECASE), "a file of vCards"),
    (re.compile(rb"[\[{]\s*[\[{\"]"), "a JSON file"),
    (re.compile(rb"dn: ", re.IGNORECASE), "an LDIF file"),
    (re.compile(rb"(from|received|return-path|mime-version): ", re.IGNORECASE), "an e-mail message"),
)
_ODD_BYTES = re.compile("[\udc80-\udcff]+")  # as `surrogateescape` decodes them
_SPECIAL = re.compile("[^\0-\x7f]+")
_MAC_ROMAN = re.compile(rb"[a-z][\x8a\x8d-\x8f\x9f]|[a-z]\x87[a-z]")  # in Windows-1252: ŽŸŠ‡ within a word
_FOREIGN_WORD = re.compile(rb"[\xc0-\xff]{3,}")  # Latin words have such letters one by one


@dataclass(frozen=True, slots=True)
class FileEncoding:
    """Python's `name` of an encoding. `is_mixed`: the file also has characters in a second one. `is_guess`: nothing proves it."""

    name: str
    is_mixed: bool = False
    is_guess: bool = False

    @property
    def errors(self) -> str:
        """The error handler for reading and writing: bytes in another encoding stay as they are."""
        return "surrogateescape" if self.name in {"utf-8", "utf-8-sig"} else "strict"

    @property
    def label(self) -> str:
        """The name for people."""
        labels = {"cp1252": "Windows-1252", "mac_roman": "Mac OS Roman", "utf-8": "UTF-8", "utf-8-sig": "UTF-8"}
        return labels.get(self.name, "UTF-16")

    @property
    def other_label(self) -> str:
        """The encoding of the odd characters of a mixed file."""
        return "UTF-8" if self.name == "cp1252" else "Windows-1252"

    def repair_text(self, text: str) -> str:
        """Returns `text` of a mixed file with its odd characters read in the other encoding; U+FFFD for bytes of neither."""
        if self.name == "cp1252":
            return _SPECIAL.sub(_read_as_utf8, text)
        return _ODD_BYTES.sub(_read_as_windows_1252, text)


def _read_as_windows_1252(match: re.Match[str]) -> str:
    return match[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def _read_as_utf8(match: re.Match[str]) -> str:
    try:
        return match[0].encode("cp1252").decode()
    except UnicodeError:
        return match[0]


class EncodingError(ValueError):
    """A file in no encoding that we can read; the message completes “FILE …”."""

    def __init__(self, message: str, next_step: str = _SAVE_AS) -> None:
        super().__init__(message)
        self.next_step = next_step


def detect_encoding(file: BinaryIO) -> FileEncoding:
    """Reads `file` to its end and returns its encoding. Raises EncodingError."""
    head = file.read(_CHUNK)
    if head.startswith(_ZIP) and not _WORKBOOK.match(head):
        raise EncodingError("is a ZIP file, not a CSV file", _UNPACK)
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    kinds = [kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)]
    for kind in (*kinds, *(kind for pattern, kind in _TEXT_SIGNATURES if pattern.match(text))):
        raise EncodingError(f"is {kind}, not a CSV file")
    statistics = _ByteStatistics()
    chunk = head
    while chunk:
        statistics.add(chunk)
        chunk = file.read(_CHUNK)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if marked:
        return FileEncoding(marked, is_mixed=marked == "utf-8-sig" and not statistics.is_utf8())
    if wide := statistics.utf16():
        return FileEncoding(wide, is_guess=True)
    return FileEncoding("utf-8") if statistics.is_utf8() else _detect_single_bytes(file, statistics)


def _detect_single_bytes(file: BinaryIO, statistics: "_ByteStatistics") -> FileEncoding:
    """Returns the encoding of a file that is not all UTF-8, by the number of its characters that are."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    valid = odd = 0
    while chunk := file.read(_CHUNK):
        text = decoder.decode(chunk)
        if not text.isascii():
            bad = sum(map(len, _ODD_BYTES.findall(text)))
            odd += bad
            valid += sum(map(len, _SPECIAL.findall(text))) - bad
    if valid >= max(odd, 1):
        return FileEncoding("utf-8", is_mixed=True)
    file.seek(0)
    head = file.read(_CHUNK)
    if _MAC_ROMAN.search(head):
        return FileEncoding("mac_roman", is_guess=True)
    special = sum(byte > 0x7F for byte in head)
    if sum(map(len, _FOREIGN_WORD.findall(head))) * 4 >= special * 3 > 0:
        raise EncodingError("is in an old encoding of another script, such as Hebrew, Arabic, Greek or Cyrillic")
    if statistics.undefined is not None:
        raise EncodingError(
            f"has an unknown encoding: not UTF-8, UTF-16 or Windows-1252 (byte {statistics.undefined:#04x})"
        )
    return FileEncoding("cp1252", is_mixed=valid > 0, is_guess=True)


def byte_order_mark(file: BinaryIO) -> tuple[bytes, str] | None:
    """Returns the byte order mark of `file`, and the encoding of the text after it."""
    head = file.read(3)
    return next(((mark, name) for mark, name in _ENCODING_AFTER_MARK.items() if head.startswith(mark)), None)


class _ByteStatistics:
    """Counts of the bytes so far, from which the encoding follows."""

    def __init__(self) -> None:
        self._size = 0
        self._line_size = 0  # bytes since the last line end, roughly
        self._nuls = [0, 0]  # at even and at odd offsets
        self._utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self.undefined: int | None = None  # a byte that Windows-1252 does not have

    def add(self, chunk: bytes) -> None:
        self._line_size = 0 if b"\n" in chunk or b"\r" in chunk else self._line_size + len(chunk)
        if self._line_size > _MAX_LINE:
            raise EncodingError("is not a list: one of its lines is longer than 16 MB")
        if b"\0" in chunk:
            for parity in (0, 1):
                self._nuls[(self._size + parity) % 2] += chunk[parity::2].count(0)
        self._size += len(chunk)
        if self._utf8:
            try:
                self._utf8.decode(chunk)
            except UnicodeDecodeError:
                self._utf8 = None
        if self.undefined is None and (undefined := chunk.translate(None, _WINDOWS_1252)):
            self.undefined = undefined[0]

    def is_utf8(self) -> bool:
        return self._utf8 is not None and not self._utf8.getstate()[0]

    def utf16(self) -> str:
        """Returns the UTF-16 that the NUL bytes show; "" without them. Raises EncodingError for binary data."""
        even, odd = self._nuls
        if max(even, odd) > max(2, self._size // 20) and min(even, odd) <= max(even, odd) // 20:
            return "utf-16-be" if even > odd else "utf-16-le"
        if even + odd > max(8, self._size // 100):
            raise EncodingError("does not contain text")
        return ""


_WINDOWS_1252 = bytes(sorted(set(range(256)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}))
