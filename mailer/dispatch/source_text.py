"""The file of a dispatch as text: decoded, with LF line ends, and with line and column for every offset.

Any bytes are decoded, so that all diagnostics can come at once; replaced characters are reported.
"""

import re
from bisect import bisect_right

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position

LARGEST = 1_000_000
"""Bytes of a dispatch; mail programs clip a message at a tenth of it."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


class SourceText:
    """A text with a position for each offset."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, offset: int) -> Position:
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)


def read_source(raw: str | bytes, findings: DiagnosticCollector) -> SourceText | None:
    """Decodes a dispatch; None when nothing of it can be read. A byte order mark is dropped."""
    if not raw.strip():
        findings.add(
            "empty-file",
            Position(),
            "the file is empty",
            "write the fields at the top, title and date, between two lines of ---, then the text",
        )
        return None
    if len(raw) > LARGEST:
        findings.add("too-large", Position(), f"the file has more than {LARGEST:,} bytes", "shorten it")
        return None
    text = _decode(raw, findings) if isinstance(raw, bytes) else raw
    if text is None:
        return None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    source = SourceText(text)
    seen: set[int] = set()
    for match in _CONTROL.finditer(text):
        position = source.position(match.start())
        if position.line not in seen:
            seen.add(position.line)
            name = "NUL" if match[0] == "\0" else f"U+{ord(match[0]):04X}"
            findings.add("control-character", position, f"there is an invisible character here ({name})", "remove it")
    return SourceText(_CONTROL.sub("\ufffd", text)) if seen else source


def _decode(raw: bytes, findings: DiagnosticCollector) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            findings.add("encoding", Position(), "the file is UTF-16", "save it as UTF-8")
            return None
        before = raw[: error.start].decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        position = SourceText(before).position(len(before))
        findings.add(
            "encoding", position, f"this is not UTF-8 text (byte 0x{raw[error.start]:02X})", "save the file as UTF-8"
        )
        return None
