"""A list: one CSV file of readers, read as it is, row by row.

`open_list` decides encoding, delimiter and columns; `CsvList.rows` then reads the file as often as asked, in constant
memory but for the identities seen. Every row that is not blank comes out: as a Member, followed by its Noted if any, as
Rejected, or as Duplicate. Nothing is dropped silently:

- The first row of an identity counts.
- A row with too few cells has empty fields, one with too many is noted. Values lose the space around them.
- A quote that is never closed would swallow the rows after it: a row over several lines must be well-formed CSV, or its
  first line is rejected and reading goes on with the next.

Raises ListError for a file that cannot be used at all, or that changes while it is read.
"""

import csv
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO

from mailer.addresses import AddressError, is_plain_address, parse_address
from mailer.csv.columns import EMAIL, Columns, ColumnsError, field_name, read_columns
from mailer.csv.encoding import EncodingError, detect_encoding
from mailer.csv.rows import DuplicateRow, Finding, Member, RejectedRow, Row, RowWarning, Status, abbreviated
from mailer.csv.status_parser import StatusParser
from mailer.csv.tokenizer import (
    MAX_BROKEN,
    MAX_ROW_LINES,
    CellBatch,
    Record,
    RowTokenizer,
    TooManyMalformedRowsError,
    ends_its_row,
)
from mailer.errors import UsageError
from mailer.sanitize import clean, is_clean

_new = tuple.__new__  # half the time of a call
DELIMITERS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>[,;\t])"?[;,\t]*')  # Excel's first line, in some countries
AROUND_HEADER = "\r\n \ufeff"  # left aside around the header's line


class ListError(UsageError):
    """A list file that cannot be read; names the file."""


PlainRow = tuple[int, str, Sequence[str]]
"""A row with nothing to be said about: its line, its address, which is its identity, and its fields' values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBatch:
    """Rows that follow each other. Of those that are `plain` nothing needs to be escaped; the fields are called `names`.

    The others are `rows`, in order.
    """

    names: tuple[str, ...]
    plain: Sequence[PlainRow]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvList:
    """A list whose header was read. `version` is what the file system says of the file, to notice changes."""

    name: str
    path: Path
    encoding: str
    delimiter: str
    columns: Columns
    header_line: int
    version: tuple[int, int, int]

    def describe(self, finding: Finding, *, kept: bool = True) -> str:
        """The finding as people read it: `readers.csv:118: …`. `kept`: rejected rows are kept in their file."""
        where = f"; row kept in {self.name}.rejected.csv" if kept and isinstance(finding, RejectedRow) else ""
        return f"{self.name}.csv:{finding.line}: {finding.message}{where}"

    def rows(self, fields: frozenset[str] | None = None, *, duplicates: bool = True) -> Iterator[Row]:
        """All rows in order. Members carry `fields` only, those of them that the list has; all with None.

        Without `duplicates` every row of an identity is a Member, and no identity is kept in memory.
        """
        reading = _RowParser(self, fields)
        seen: dict[str, int] | None = {} if duplicates else None
        for batch in self.records():
            yield from reading.rows(batch.rows, seen, tidy=batch.needs_no_cleaning)

    def batches(self, fields: frozenset[str] | None = None) -> Iterator[RowBatch]:
        """All rows without duplicates, as `rows` has them, some hundred at a time and quicker."""
        reading = _RowParser(self, fields)
        for batch in self.records():
            plain, others = reading.partition(batch.rows) if batch.needs_no_cleaning else ([], batch.rows)
            yield RowBatch(
                names=reading.names, plain=plain, rows=list(reading.rows(others, None, tidy=batch.needs_no_cleaning))
            )

    def records(self) -> Iterator[CellBatch]:
        """The rows below the header."""
        below = itertools.islice(self.lines(), self.header_line, None)
        try:
            yield from RowTokenizer(below, self.delimiter, before=self.header_line).cells()
        except TooManyMalformedRowsError:
            raise ListError(
                f"{self.path} has more than {MAX_BROKEN} rows with quotes that are not closed.", "Save it anew as CSV."
            ) from None

    def lines(self) -> Iterator[str]:
        """The file's lines with their ends. Raises ListError, also when it changed since it was opened."""
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                if file_version(file) != self.version:
                    raise ListError(f"{self.path} was changed meanwhile.", "Run the command again.")
                yield from file
                if file_version(file) != self.version:
                    raise ListError(f"{self.path} was changed while it was read.", "Run the command again.")
        except UnicodeDecodeError:
            raise ListError(
                f"{self.path} is not {self.encoding} to its end.", "Save it anew as CSV in UTF-8."
            ) from None
        except OSError as error:
            raise unreadable(self.path, error) from None

    def refuse_changed(self) -> None:
        """Raise ListError if the file is not the one that was opened."""
        try:
            with self.path.open("rb") as file:
                version = file_version(file)
        except OSError as error:
            raise unreadable(self.path, error) from None
        if version != self.version:
            raise ListError(f"{self.path} was changed meanwhile.", "Run the command again.")


class _RowParser:
    """One reading of a list for some of its fields, whose `names` stand in the order of the file."""

    def __init__(self, source: CsvList, fields: frozenset[str] | None) -> None:
        self._columns = columns = source.columns
        self._standing = StatusParser(columns)
        self._wanted = [
            (i, name) for i, name in enumerate(columns.names) if name and (fields is None or name in fields)
        ]
        self._pick = _picker([i for i, _ in self._wanted], len(columns.names))
        self.names = tuple(name for _, name in self._wanted)

    def partition(self, rows: Iterable[Record]) -> tuple[list[PlainRow], list[Record]]:
        """Those of `rows`, of a tidy batch, that are plain, and the others."""
        pick, standing, says_status = self._pick, self._standing, self._standing.has_status_columns
        column, width, since = self._columns.address, len(self._columns.names), self._columns.since
        plain: list[PlainRow] = []
        others: list[Record] = []
        for row in rows:
            line, cells = row
            if (
                isinstance(cells, str)
                or len(cells) != width
                or not is_plain_address(address := cells[column])
                or (since is not None and cells[since])
                or (says_status and standing.read(cells) is not Status.SUBSCRIBED)
            ):
                others.append(row)
            else:
                plain.append((line, address, pick(cells)))
        return plain, others

    def rows(self, rows: Iterable[Record], seen: dict[str, int] | None, *, tidy: bool) -> Iterator[Row]:
        """What comes of `rows`. `seen`: the lines of the identities so far, where only the first row of one counts."""
        wanted, names, pick, standing = self._wanted, self.names, self._pick, self._standing
        column, width = self._columns.address, len(self._columns.names)
        says_status = standing.has_status_columns
        status = subscribed = Status.SUBSCRIBED
        for line, cells in rows:
            if isinstance(cells, str):
                yield RejectedRow(line=line, reason=_UNCLOSED, cells=(cells,))
                continue
            try:
                address = parse_address(cells[column])
            except (AddressError, IndexError) as error:
                yield from _no_address(line, cells, error)
                continue
            if says_status:
                status = standing.read(cells)
            if seen is not None and (first := seen.setdefault(address.identity, line)) != line:
                yield DuplicateRow(line=line, first=first, identity=address.identity, status=status)
                continue
            if tidy and len(cells) == width:
                yield _new(Member, (line, address, dict(zip(names, pick(cells))), status))  # noqa: B905 - all as long
            else:
                values = {name: clean(cells[i]).strip() if i < len(cells) else "" for i, name in wanted}
                yield Member(line, address, values, status)
                yield from self._notes(line, cells)
            if status is not subscribed:
                yield from standing.notes(line, cells)

    def _notes(self, line: int, cells: list[str]) -> Iterator[RowWarning]:
        """What was put right in a row whose address is good."""
        width = len(self._columns.names)
        faulty = [
            header.strip() or f"column {index}"
            for index, (header, cell) in enumerate(zip(self._columns.headers, cells, strict=False), start=1)
            if index - 1 != self._columns.address and not is_clean(cell)
        ]
        if faulty:
            listed = ", ".join(f"“{abbreviated(header)}”" for header in faulty)
            yield RowWarning(line=line, message=f"line breaks or control characters were taken out of {listed}")
        if any(cell.strip() for cell in cells[width:]):
            message = f"{len(cells)} cells under {width} headers; the last were left aside (is a quote missing?)"
            yield RowWarning(line=line, message=message)


_UNCLOSED = f"a quoted cell that is not closed, or a row of more than {MAX_ROW_LINES} lines or 131,072 characters"


def _no_address(line: int, cells: Sequence[str], error: Exception) -> Iterator[RejectedRow]:
    """What comes of a row that has no address; nothing of a blank one."""
    if any(map(str.strip, cells)):
        reason = error if isinstance(error, AddressError) else AddressError("", "nothing there")
        yield RejectedRow(line=line, reason=reason.message.rstrip("."), cells=tuple(cells))


def _picker(indexes: list[int], width: int) -> Callable[[list[str]], Sequence[str]]:
    """What takes the cells of these columns out of a row as wide as the header."""
    if indexes == list(range(width)):
        return list
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda cells: [cells[index] for index in indexes]


def open_list(path: Path, name: str = "") -> CsvList:
    """Open a list and read its header; `name` defaults to the file's, without `.csv`. Raises ListError."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ListError(f"{path} is not a file.", "Name a CSV file.")
    try:
        with path.open("rb") as binary:
            encoding = detect_encoding(binary)
            version = file_version(binary)
        with path.open(encoding=encoding, newline="") as file:
            delimiter, columns, line = _read_header(path, file)
    except EncodingError as error:
        raise ListError(f"{path} {error}.", error.next_step) from None
    except UnicodeDecodeError:
        raise ListError(f"{path} is not {encoding} to its end.", "Save it anew as CSV in UTF-8.") from None
    except OSError as error:
        raise unreadable(path, error) from None
    return CsvList(
        name=name or path.name.removesuffix(".csv"),
        path=path,
        encoding=encoding,
        delimiter=delimiter,
        columns=columns,
        header_line=line,
        version=version,
    )


def _read_header(path: Path, file: IO[str]) -> tuple[str, Columns, int]:
    """Delimiter, columns, and the header's line."""
    delimiters: tuple[str, ...] = DELIMITERS
    for number, text in enumerate(file, start=1):
        line = text.strip(AROUND_HEADER)
        if separator := _SEPARATOR_LINE.fullmatch(line):
            delimiters = (separator["delimiter"],)
        elif line.strip(",;\t "):
            return *_choose(path, line, delimiters, number), number
    raise ListError(f"{path} is empty.", "Put a first line into it that names the columns, such as: email,first_name")


def _choose(path: Path, line: str, delimiters: tuple[str, ...], number: int) -> tuple[str, Columns]:
    """The delimiter that makes most of the header: that finds `email`, and then the most columns."""
    if not is_clean(line.replace("\t", " ")):
        raise ListError(f"{path} is not a CSV file: its first line holds control characters.", "Save it anew as CSV.")
    try:
        headers = {delimiter: _read_line(line, delimiter) for delimiter in delimiters}
    except csv.Error:
        raise ListError(f"{path} has a first line without end.", "Save it anew as CSV.") from None
    delimiter = max(headers, key=lambda mark: (EMAIL in map(field_name, headers[mark][0]), len(headers[mark][0])))
    names, closed = headers[delimiter]
    if not closed:
        raise ListError(f"{path}:{number}: a quote is not closed.", "Keep the columns' names on one line.")
    try:
        return delimiter, read_columns(names)
    except ColumnsError as error:
        raise ListError(f"{path}: {error}.", error.next_step) from None


def _read_line(line: str, delimiter: str) -> tuple[list[str], bool]:
    """The cells of a line, and whether the row ends with it."""
    return next(csv.reader([line], delimiter=delimiter)), ends_its_row(line, delimiter)


def file_version(file: IO[str] | IO[bytes]) -> tuple[int, int, int]:
    """What the file system says of an open file; it changes when the file does."""
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def unreadable(path: Path, error: OSError) -> ListError:
    if isinstance(error, FileNotFoundError):
        return ListError(f"There is no list {path}.", "Put a CSV file there, or name another list.")
    if isinstance(error, IsADirectoryError):
        return ListError(f"{path} is a folder, not a CSV file.", "Name a CSV file.")
    return ListError(f"{path} cannot be read ({error.strerror}).", "See to its permissions.")
