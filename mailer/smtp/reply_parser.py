"""Parses SMTP replies: RFC 5321 4.2; enhanced codes RFC 2034 and RFC 3463.

ReplyParser takes bytes as they come and yields whole replies. Whatever a server sends, it raises only MalformedReplyError, after
which the connection cannot be used any more. The server's text is kept as one printable line of limited length.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

LINE_LIMIT = 4096  # octets; RFC 5321 4.5.3.1.5 says 512, real servers send more
LINES_LIMIT = 128  # lines of one reply
TEXT_LIMIT = 500  # characters of its text that are kept

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?\Z", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|\Z)")


class Reply(NamedTuple):
    """An SMTP reply: RFC 5321 4.2. `enhanced` is the code of RFC 2034 or ""; `text` is one printable line."""

    code: int
    enhanced: str = ""
    text: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class MalformedReplyError(Exception):
    """The server sent a malformed reply. `str(error)` quotes it."""


def make_reply(code: int, lines: tuple[str, ...]) -> Reply:
    """Returns a Reply from the texts of its lines; an enhanced code is split off where its class agrees with `code`."""
    enhanced, texts = "", []
    for line in lines:
        rest = line.strip()
        if (found := _ENHANCED.match(rest)) and found[1][0] == str(code)[0]:
            enhanced = enhanced or found[1]
            rest = rest[found.end() :]
        if rest:
            texts.append(rest)
    return Reply(code=code, enhanced=enhanced, text=printable(" ".join(texts)))


def printable(text: str) -> str:
    """Returns `text` as one line without control characters, of at most TEXT_LIMIT characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


class ReplyParser:
    """Splits a stream of bytes into replies."""

    def __init__(self) -> None:
        self._rest = b""  # of the stream: an incomplete line
        self._code = 0
        self._lines: list[str] = []

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Takes `data`; yields each reply that it completes. Raises MalformedReplyError."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if reply := (None if self._lines else _single_line_reply(line)) or self._add_line(line.rstrip(b"\r")):
                yield reply
        if len(self._rest) > LINE_LIMIT:
            raise MalformedReplyError(f"a line without end: {_quote(self._rest)}")

    def _add_line(self, line: bytes) -> Reply | None:
        found = _LINE.match(line)
        if len(line) > LINE_LIMIT or found is None:
            raise MalformedReplyError(f"not a reply: {_quote(line)}")
        code = int(found[1])
        if self._lines and code != self._code:
            raise MalformedReplyError(f"a reply whose lines disagree: {self._code}, then {_quote(line)}")
        self._code = code
        self._lines.append((found[3] or b"").decode("utf-8", "replace"))
        if len(self._lines) > LINES_LIMIT:
            raise MalformedReplyError(f"a reply of more than {LINES_LIMIT} lines")
        if found[2] == b"-":
            return None
        lines, self._lines = self._lines, []
        return make_reply(code, tuple(lines))


@lru_cache(maxsize=256)  # most replies of a relay are the same few
def _single_line_reply(line: bytes) -> Reply | None:
    """Returns the reply that consists of this line alone; None for anything else."""
    found = _LINE.match(line.rstrip(b"\r")) if len(line) <= TEXT_LIMIT else None
    if found is None or found[2] == b"-":
        return None
    return make_reply(int(found[1]), ((found[3] or b"").decode("utf-8", "replace"),))


def _quote(line: bytes) -> str:
    return f"“{printable(line[:80].decode('utf-8', 'replace'))}”"
