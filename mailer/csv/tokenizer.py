"""The rows of a CSV file as text and cells, before anybody asks what is in them.

A row has the number of its first line, from 1, and its cells. A quote that is never closed would swallow the rows after
it: a row over several lines must be well-formed CSV, or its first line comes out alone, as a text instead of cells, and
reading goes on with the next. Every line belongs to one row: the texts of all rows are the file.

Lines are taken by the hundred, and where each of them is a row, csv.reader does all the work. Only where one is not, rows
are told apart one by one. Raises TooManyMalformedRowsError.
"""

import csv
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_ROW_LINES = 500
MAX_BROKEN = 1000  # each costs the reading of a row's worth of lines
_BATCH = 256  # lines
_BETWEEN = "\N{BROKEN BAR}"  # printable, and seldom seen
_UNTIDY = (f"{_BETWEEN} ", f" {_BETWEEN}", '"', "\\")

Record = tuple[int, list[str] | str]
"""A row: its line, and its cells, or its text where it is none."""


class TooManyMalformedRowsError(ValueError):
    """More than MAX_BROKEN rows with quotes that are not closed."""


@dataclass(frozen=True, slots=True)
class CellBatch:
    """Some rows, each with its line. `tidy`: all are cells, of which none needs to be cleaned, trimmed or escaped."""

    rows: Iterable[Record]
    needs_no_cleaning: bool


@dataclass(frozen=True, slots=True)
class RawRows:
    """The texts of some rows, and the lines on which they begin. `broken`: those lines that begin no row."""

    lines: Sequence[int]
    texts: list[str]
    broken: frozenset[int] = frozenset()


class RowTokenizer:
    """`before`: how many lines of the file come before `lines`."""

    def __init__(self, lines: Iterable[str], delimiter: str, *, before: int = 0) -> None:
        self._lines = _Lines(lines, before)
        self._delimiter = delimiter
        self._broken = 0

    def cells(self) -> Iterator[CellBatch]:
        """The rows by their cells."""
        while chunk := self._lines.take():
            rows = self._rows(chunk)
            if rows is None:
                yield CellBatch([(line, cells) for line, cells, _ in self._one_by_one(chunk)], needs_no_cleaning=False)
            else:
                start = self._lines.count + 1
                self._lines.count += len(chunk)
                yield CellBatch(zip(itertools.count(start), rows, strict=False), needs_no_cleaning=_is_tidy(rows))

    def texts(self) -> Iterator[RawRows]:
        """The rows as they stand in the file, with their line ends."""
        while chunk := self._lines.take():
            start = self._lines.count + 1
            if '"' not in "".join(chunk) or self._rows(chunk) is not None:
                self._lines.count += len(chunk)
                yield RawRows(range(start, start + len(chunk)), chunk)
            else:
                rows = list(self._one_by_one(chunk))
                broken = frozenset(line for line, cells, _ in rows if isinstance(cells, str))
                yield RawRows([line for line, _, _ in rows], [text for _, _, text in rows], broken)

    def _rows(self, chunk: list[str]) -> list[list[str]] | None:
        """The cells of each line, if each is a row."""
        try:
            rows = list(csv.reader(chunk, delimiter=self._delimiter))
            return rows if len(rows) == len(chunk) and ends_its_row(chunk[-1], self._delimiter) else None
        except csv.Error:
            return None

    def _one_by_one(self, chunk: list[str]) -> Iterator[tuple[int, list[str] | str, str]]:
        """Line, cells and text of each row that begins in `chunk`."""
        lines, delimiter = self._lines, self._delimiter
        end = lines.count + len(chunk)
        lines.push_back(chunk)
        while lines.count < end:
            lines.row.clear()
            lines.ended = False
            start = lines.count + 1
            try:
                cells = next(csv.reader(lines, delimiter=delimiter))
            except csv.Error:
                cells = None
            row = lines.row
            if cells is None or ((len(row) > 1 or lines.ended) and not _is_well_formed(row, delimiter)):
                first, *rest = row
                lines.count -= len(rest)
                lines.push_back(rest)
                yield start, first.rstrip("\r\n"), first
                self._broken += 1
                if self._broken > MAX_BROKEN:
                    raise TooManyMalformedRowsError
            else:
                yield start, cells, "".join(row)


def _is_tidy(rows: list[list[str]]) -> bool:
    """Whether all is printable, without quotes and backslashes, and no cell begins or ends with a space.

    Sometimes not even though it is so.
    """
    text = _BETWEEN.join(itertools.chain(("",), itertools.chain.from_iterable(rows), ("",)))
    return text.isprintable() and not any(sign in text for sign in _UNTIDY)


class _Lines:
    """Lines, counted. As an iterator it keeps those of a row, which ends after MAX_ROW_LINES at the latest."""

    def __init__(self, lines: Iterable[str], before: int) -> None:
        self._source = iter(lines)
        self._given_back: deque[str] = deque()
        self.count = before
        self.row: list[str] = []
        self.ended = False

    def take(self) -> list[str]:
        """The next lines, not counted yet; none at the end."""
        if self._given_back:
            taken = list(self._given_back)
            self._given_back.clear()
            return taken
        return list(itertools.islice(self._source, _BATCH))

    def push_back(self, lines: Sequence[str]) -> None:
        self._given_back.extendleft(reversed(lines))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.row) == MAX_ROW_LINES:
            raise csv.Error
        line = self._given_back.popleft() if self._given_back else next(self._source, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.count += 1
        self.row.append(line)
        return line


def ends_its_row(line: str, delimiter: str) -> bool:
    """Whether a row that begins with `line` ends with it, too."""
    reader = csv.reader((line, ""), delimiter=delimiter)
    next(reader)
    return reader.line_num == 1


def _is_well_formed(lines: list[str], delimiter: str) -> bool:
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False
