"""Rows of a CSV file as text or cells.

A row has the number of its first line, from 1, and its cells. Blanks before a cell are skipped, also before its quote. A quote
that is never closed would swallow the rows after it: a row over several lines must be well-formed CSV, or its first line is
returned alone, as a text instead of cells, and reading goes on with the next line. Every line belongs to exactly one row: the
texts of all rows are the file.

Lines are taken some hundred at a time. If each of them is a row, csv.reader parses all at once; otherwise rows are parsed one by
one. Raises TooManyMalformedRowsError.
"""

import csv
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailer.csv.cell_editing import is_misquoted

MAX_ROW_LINES = 500
MAX_BROKEN = 1000  # each costs a second reading of up to MAX_ROW_LINES lines
_BATCH = 256  # lines
_BETWEEN = "\N{BROKEN BAR}"  # printable, and seldom seen
_NEEDS_CLEANING = (f"{_BETWEEN} ", f" {_BETWEEN}", '"', "\\", "\N{REPLACEMENT CHARACTER}")

Record = tuple[int, list[str] | str]
"""A row: its line, and its cells, or its text if it is malformed."""


class TooManyMalformedRowsError(ValueError):
    """More than MAX_BROKEN rows with quotes that are not closed."""


@dataclass(frozen=True, slots=True)
class CellBatch:
    """Some rows. `needs_no_cleaning`: no row is malformed, and no cell has to be cleaned, stripped or escaped.

    `misquoted`: the lines of rows with a quoted cell in which a quote is not doubled, so that it is read without its quotes.
    """

    rows: Iterable[Record]
    needs_no_cleaning: bool
    misquoted: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class RawRows:
    """The texts of some rows, and the lines on which they begin. `broken`: the lines of malformed rows."""

    lines: Sequence[int]
    texts: list[str]
    broken: frozenset[int] = frozenset()


class RowTokenizer:
    """Splits `lines` into rows. `before`: the number of lines of the file before `lines`."""

    def __init__(self, lines: Iterable[str], delimiter: str, *, before: int = 0) -> None:
        self._lines = _Lines(lines, before)
        self._delimiter = delimiter
        self._broken = 0

    def cells(self) -> Iterator[CellBatch]:
        """Yields the rows as cells."""
        while chunk := self._lines.take():
            rows = self._parse_at_once(chunk)
            if rows is None:
                parsed = list(self._parse_one_by_one(chunk))
                single = ((line, text) for line, cells, text in parsed if isinstance(cells, list))
                numbered: Iterable[Record] = [(line, cells) for line, cells, _ in parsed]
                is_clean, misquoted = False, self._misquoted(single)
            else:
                start = self._lines.count + 1
                self._lines.count += len(chunk)
                numbered, is_clean = zip(itertools.count(start), rows, strict=False), _needs_no_cleaning(rows)
                is_fine = _is_well_formed(chunk, self._delimiter, len(chunk))
                misquoted = frozenset() if is_fine else self._misquoted(enumerate(chunk, start=start))
            yield CellBatch(numbered, needs_no_cleaning=is_clean and not misquoted, misquoted=misquoted)

    def _misquoted(self, rows: Iterable[tuple[int, str]]) -> frozenset[int]:
        return frozenset(
            line for line, text in rows if '"' in text and is_misquoted(text.rstrip("\r\n"), self._delimiter)
        )

    def texts(self) -> Iterator[RawRows]:
        """Yields the rows as text, with their line ends."""
        while chunk := self._lines.take():
            start = self._lines.count + 1
            if '"' not in "".join(chunk) or self._parse_at_once(chunk) is not None:
                self._lines.count += len(chunk)
                yield RawRows(range(start, start + len(chunk)), chunk)
            else:
                rows = list(self._parse_one_by_one(chunk))
                broken = frozenset(line for line, cells, _ in rows if isinstance(cells, str))
                yield RawRows([line for line, _, _ in rows], [text for _, _, text in rows], broken)

    def _parse_at_once(self, chunk: list[str]) -> list[list[str]] | None:
        """Returns the cells of each line, or None if a line is not a row."""
        try:
            rows = list(csv.reader(chunk, delimiter=self._delimiter, skipinitialspace=True))
            return rows if len(rows) == len(chunk) and ends_its_row(chunk[-1], self._delimiter) else None
        except csv.Error:
            return None

    def _parse_one_by_one(self, chunk: list[str]) -> Iterator[tuple[int, list[str] | str, str]]:
        """Yields line, cells and text of each row that begins in `chunk`."""
        lines, delimiter = self._lines, self._delimiter
        end = lines.count + len(chunk)
        lines.push_back(chunk)
        while lines.count < end:
            lines.row.clear()
            lines.ended = False
            start = lines.count + 1
            try:
                cells = next(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
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


def _needs_no_cleaning(rows: list[list[str]]) -> bool:
    """Whether all cells are printable, without quotes and backslashes, and none begins or ends with a space.

    May be False although all of this holds: a cell may contain the separator.
    """
    text = _BETWEEN.join(itertools.chain(("",), itertools.chain.from_iterable(rows), ("",)))
    return text.isprintable() and not any(sign in text for sign in _NEEDS_CLEANING)


class _Lines:
    """Counts lines. As an iterator it collects the lines of one row in `row`, at most MAX_ROW_LINES."""

    def __init__(self, lines: Iterable[str], before: int) -> None:
        self._source = iter(lines)
        self._pushed_back: deque[str] = deque()
        self.count = before
        self.row: list[str] = []
        self.ended = False

    def take(self) -> list[str]:
        """Returns the next lines, which are not counted yet; none at the end."""
        if self._pushed_back:
            taken = list(self._pushed_back)
            self._pushed_back.clear()
            return taken
        return list(itertools.islice(self._source, _BATCH))

    def push_back(self, lines: Sequence[str]) -> None:
        self._pushed_back.extendleft(reversed(lines))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.row) == MAX_ROW_LINES:
            raise csv.Error
        line = self._pushed_back.popleft() if self._pushed_back else next(self._source, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.count += 1
        self.row.append(line)
        return line


def ends_its_row(line: str, delimiter: str) -> bool:
    """Whether a row that begins with `line` also ends with it."""
    reader = csv.reader((line, ""), delimiter=delimiter, skipinitialspace=True)
    next(reader)
    return reader.line_num == 1


def _is_well_formed(lines: list[str], delimiter: str, rows: int = 1) -> bool:
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True))) == rows
    except csv.Error:
        return False
