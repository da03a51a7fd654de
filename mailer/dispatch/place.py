"""Where inline text stands, of which markdown-it keeps only the lines.

A line of a paragraph is the end of a line of the file, after the marks of the lists and quotes around it; a heading is
found behind its signs, a cell behind the cell before it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

from markdown_it.token import Token

from mailer.dispatch.hole import Punched
from mailer.dispatch.problem import Position


class Places:
    """The places of one inline token after the other, as they are entered in source order."""

    def __init__(self, body: Punched) -> None:
        self._body = body
        self._content = ""
        self._first = 0
        self._skip = 0  # where in the line to look for the text of a heading or cell
        self._is_cell = False
        self._starts: list[int] = []
        self._cell_line, self._cell_end = -1, 0
        self._outer: list[tuple[str, int]] = []

    def enter(self, token: Token, opening: Token) -> None:
        """Turn to the inline `token`, whose block is opened by `opening`."""
        assert token.map is not None
        self._content, self._first, self._starts, self._skip = token.content, token.map[0], [], 0
        self._is_cell = opening.type in {"th_open", "td_open"}
        line = self._line(0)
        if self._is_cell:
            if self._cell_line != self._first:
                self._cell_line, self._cell_end = self._first, 0
            typed = token.content.replace("|", "\\|")
            self._skip = max(line.find(typed, self._cell_end), 0)
            self._cell_end = self._skip + len(typed) + (1 if typed else 0)
        elif opening.tag.startswith("h"):
            marks = re.search(r"#+", line)
            self._skip = marks.end() if marks else 0

    @contextmanager
    def inside(self, text: str, at: int) -> Iterator[None]:
        """While an image's text is read, which is a text of its own, its parts stand where the image does."""
        self._outer.append((text, at))
        yield
        self._outer.pop()

    def at(self, text: str, offset: int) -> Position:
        """The position of text[offset], where `text` is the inline token's or that of an image inside it."""
        if text is not self._content and text != self._content:
            outer = next((place for place in self._outer if place[0] == self._content), (self._content, 0))
            offset = outer[1]
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer("\n", self._content))]
        number = bisect_right(self._starts, offset) - 1
        start = self._starts[number]
        return self._body.position(self._first + number, self._column(number, start, offset))

    def _line(self, number: int) -> str:
        lines = self._body.lines
        return lines[min(self._first + number, len(lines) - 1)]

    def _column(self, number: int, start: int, offset: int) -> int:
        if self._is_cell:
            return self._skip + len(self._content[:offset].replace("|", "\\|"))
        stop = self._starts[number + 1] - 1 if number + 1 < len(self._starts) else len(self._content)
        text = self._content[start:stop]
        bare = text.strip(" \t")
        indent = len(text) - len(text.lstrip(" \t"))
        line = self._line(number).rstrip(" \t")
        is_end = line.endswith(bare) and not self._skip
        found = len(line) - len(bare) if is_end else line.find(bare, self._skip)
        return max(found + offset - start - indent, 0)
