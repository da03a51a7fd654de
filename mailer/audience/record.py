"""The rows of a CSV file as text and cells, before anybody asks what is in them.

`Records` yields each row with the number of its first line, from 1, and its cells. A quote that is never closed would
swallow the rows after it: a row over several lines must be well-formed CSV, or its first line comes out alone, as a
text instead of cells, and reading goes on with the next. Every line belongs to one row: the lines of all rows are the file.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator

MAX_ROW_LINES = 500
MAX_BROKEN = 1000  # each costs the reading of a row's worth of lines


class BrokenError(ValueError):
    """More than MAX_BROKEN rows with quotes that are not closed."""


class Records:
    """Iterates over (line, cells). `text` is that of the row that came last, with its line ends.

    `before`: how many lines of the file come before `lines`.
    """

    def __init__(self, lines: Iterable[str], delimiter: str, *, before: int = 0) -> None:
        self._lines = _Lines(lines, before)
        self._delimiter = delimiter
        self._reader = csv.reader(self._lines, delimiter=delimiter)
        self.text = ""

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        lines, delimiter = self._lines, self._delimiter
        row = lines.row
        broken = 0
        while True:
            row.clear()
            start = lines.count + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error:
                cells = None
            if cells is None or ((len(row) > 1 or lines.ended) and not _is_well_formed(row, delimiter)):
                self.text = lines.give_back_all_but_first()
                self._reader = csv.reader(lines, delimiter=delimiter)
                yield start, self.text.rstrip("\r\n")
                broken += 1
                if broken > MAX_BROKEN:
                    raise BrokenError
            else:
                self.text = "".join(row)
                yield start, cells


class _Lines:
    """Lines, counted; those of the row that is being read are kept, so that they can be given back."""

    def __init__(self, lines: Iterable[str], before: int) -> None:
        self._source = iter(lines)
        self._given_back: deque[str] = deque()
        self.count = before
        self.row: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.row) == MAX_ROW_LINES:
            raise csv.Error
        if self._given_back:
            line = self._given_back.popleft()
        else:
            try:
                line = next(self._source)
            except StopIteration:
                self.ended = True
                raise
        self.count += 1
        self.row.append(line)
        return line

    def give_back_all_but_first(self) -> str:
        first, *rest = self.row
        self._given_back.extendleft(reversed(rest))
        self.count -= len(rest)
        self.ended = False
        return first


def _is_well_formed(lines: list[str], delimiter: str) -> bool:
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False
