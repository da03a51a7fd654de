"""Detection of a list's encoding, over the whole file, in one streaming pass, before a row is read.

A byte order mark decides. Without one: UTF-16 if every other byte tends to be NUL, else UTF-8 if all of the file is valid UTF-8,
else Windows-1252. Anything else, such as a workbook, a picture or an archive, raises EncodingError with the next step.
"""

import codecs
import re
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
    b"\xff\xfe\x00\x00": "text in UTF-32",
    b"\x00\x00\xfe\xff": "text in UTF-32",
}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_ENCODING_AFTER_MARK = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ZIP = b"PK\x03\x04"
_WORKBOOK = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/|docProps/|xl/|mimetype)", re.DOTALL)
_UNPACK = "Unpack it, and import the CSV files that are in it, each by itself."
_SAVE_AS = "Save it as CSV, with the encoding UTF-8 if you can choose."


class EncodingError(ValueError):
    """A file in no encoding that we can read; the message completes “FILE …”."""

    def __init__(self, message: str, next_step: str = _SAVE_AS) -> None:
        super().__init__(message)
        self.next_step = next_step


def detect_encoding(file: BinaryIO) -> str:
    """Reads `file` to its end and returns Python's name of its encoding. Raises EncodingError."""
    head = file.read(_CHUNK)
    if head.startswith(_ZIP) and not _WORKBOOK.match(head):
        raise EncodingError("is a ZIP file, not a CSV file", _UNPACK)
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            raise EncodingError(f"is {kind}, not a CSV file")
    statistics = _ByteStatistics()
    chunk = head
    while chunk:
        statistics.add(chunk)
        chunk = file.read(_CHUNK)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if marked == "utf-8-sig" and not statistics.is_utf8():
        raise EncodingError("begins as UTF-8 but contains other bytes", "Save it again as CSV with the encoding UTF-8.")
    return marked or statistics.encoding()


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
        self._undefined: int | None = None  # a byte that Windows-1252 does not have

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
        if self._undefined is None and (undefined := chunk.translate(None, _WINDOWS_1252)):
            self._undefined = undefined[0]

    def is_utf8(self) -> bool:
        return self._utf8 is not None and not self._utf8.getstate()[0]

    def encoding(self) -> str:
        even, odd = self._nuls
        if max(even, odd) > max(2, self._size // 20) and min(even, odd) <= max(even, odd) // 20:
            return "utf-16-be" if even > odd else "utf-16-le"
        if even + odd > max(8, self._size // 100):
            raise EncodingError("does not contain text")
        if self.is_utf8():
            return "utf-8"
        if self._undefined is not None:
            raise EncodingError(
                f"has an unknown encoding: not UTF-8, UTF-16 or Windows-1252 (byte {self._undefined:#04x})"
            )
        return "cp1252"


_WINDOWS_1252 = bytes(sorted(set(range(256)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D}))
