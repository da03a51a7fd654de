"""Reading of a list: one CSV file, row by row.

`open_list` detects encoding, delimiter and columns. `CsvList.rows` then reads the file any number of times, in constant memory
except for the identities seen. Every row that is not blank is returned: as a Member, followed by its RowWarnings, as a
RejectedRow, or as a DuplicateRow. Nothing is dropped silently:

- The first row of an identity counts.
- A row with too few cells has empty fields; one with too many gets a warning. Values are stripped of surrounding space.
- A quote that is never closed would swallow the rows after it: a row over several lines must be well-formed CSV, or its
  first line is rejected and reading goes on with the next line.

Raises ListError for a file that cannot be used, or that changes while it is read.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import IO

from mailer.addresses import AddressError, is_plain_address, parse_address
from mailer.csv.columns.header_row import NO_RULES, ColumnRules, Columns
from mailer.csv.columns.suspected_opt_outs import OPT_OUT_CELLS, is_opt_out_word
from mailer.csv.encoding_detection import EncodingError, FileEncoding, detect_encoding
from mailer.csv.header_search import find_header
from mailer.csv.list_errors import SAVE_AGAIN, ListError, changed_error, unreadable_error
from mailer.csv.rows import (
    DuplicateRow,
    Finding,
    Member,
    RejectedRow,
    Row,
    RowWarning,
    Status,
    UnclearColumn,
    abbreviate_cell,
    strictest,
)
from mailer.csv.status_parser import StatusParser
from mailer.csv.tokenizer import (
    MAX_BROKEN,
    MAX_ROW_LINES,
    CellBatch,
    Record,
    RowTokenizer,
    TooManyMalformedRowsError,
)
from mailer.i18n.spreadsheet_dates import parse_day
from mailer.line_sanitizer import clean_line, is_clean

_new = tuple.__new__  # half the time of a call


PlainRow = tuple[int, str, Sequence[str]]
"""A row that needs no treatment: its line, its address, which is also its identity, and the values of its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBatch:
    """Consecutive rows: those that are `plain`, with the values of the fields `names`, and the other `rows`, each in order."""

    names: tuple[str, ...]
    plain: Sequence[PlainRow]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvList:
    """A list whose header was read. `version` changes with the file (`file_version`).

    `guess`: says with a sample how the text was read, if that was guessed; `language`: that of its dates.
    """

    name: str
    path: Path
    encoding: FileEncoding
    delimiter: str
    columns: Columns
    header_line: int
    version: tuple[int, int, int]
    guess: RowWarning | None = None
    language: str = "en"

    def describe(self, finding: Finding, *, kept: bool = True) -> str:
        """Returns the finding for people: `readers.csv:118: …`. `kept`: rejected rows are kept in their file."""
        step = f"; correct it in {self.name}.csv and sync again ({self.name}.rejected.csv is only a copy to read)"
        return f"{self.name}.csv:{finding.line}: {finding.message}{step if kept and isinstance(finding, RejectedRow) else ''}"

    def rows(self, fields: frozenset[str] | None = None, *, duplicates: bool = True) -> Iterator[Row]:
        """Yields all rows in order, then how words of other tools were read.

        Members have those of `fields` that the list has; all fields with None.

        Without `duplicates` every row of an identity is a Member, and no identity is kept in memory.
        """
        parser = _RowParser(self, fields)
        seen: dict[str, int] | None = {} if duplicates else None
        if self.guess:
            yield self.guess
        for batch in self.records():
            yield from parser.rows(batch, batch.rows, seen)
        yield from parser.column_findings()

    def batches(self, fields: frozenset[str] | None = None) -> Iterator[RowBatch]:
        """Yields all rows as `rows` does without `duplicates`, some hundred at a time, and faster."""
        parser = _RowParser(self, fields)
        if self.guess:
            yield RowBatch(names=parser.names, plain=[], rows=[self.guess])
        for batch in self.records():
            plain, others = parser.partition(batch.rows) if batch.needs_no_cleaning else ([], batch.rows)
            yield RowBatch(
                names=parser.names,
                plain=plain,
                rows=list(parser.rows(batch, others, None)),
            )
        if findings := list(parser.column_findings()):
            yield RowBatch(names=parser.names, plain=[], rows=findings)

    def records(self) -> Iterator[CellBatch]:
        """Yields the rows below the header."""
        below = itertools.islice(self.lines(), self.header_line, None)
        is_mixed = self.encoding.is_mixed
        try:
            for batch in RowTokenizer(below, self.delimiter, before=self.header_line).cells():
                yield replace(batch, needs_no_cleaning=False) if is_mixed else batch
        except TooManyMalformedRowsError:
            raise ListError(
                f"The file {self.path.name} has more than {MAX_BROKEN} rows with a missing closing quote.", SAVE_AGAIN
            ) from None

    def lines(self) -> Iterator[str]:
        """Yields the lines of the file with their ends. Raises ListError, also if the file changed since it was opened."""
        try:
            with self.path.open(encoding=self.encoding.name, errors=self.encoding.errors, newline="") as file:
                if file_version(file) != self.version:
                    raise changed_error(self.path)
                yield from file
                if file_version(file) != self.version:
                    raise changed_error(self.path)
        except UnicodeDecodeError:
            raise _encoding_error(self.path, self.encoding.name) from None
        except OSError as error:
            raise unreadable_error(self.path, error) from None

    def repair_text(self, text: str) -> str:
        """Returns a text of the file with the characters of another encoding, if it is mixed."""
        return self.encoding.repair_text(text) if self.encoding.is_mixed else text

    def require_unchanged(self) -> None:
        """Raises ListError if the file changed since it was opened."""
        try:
            with self.path.open("rb") as file:
                version = file_version(file)
        except OSError as error:
            raise unreadable_error(self.path, error) from None
        if version != self.version:
            raise changed_error(self.path)


class _RowParser:
    """Parses the cells of rows into some fields of the list; `names` are in the order of the file."""

    def __init__(self, source: CsvList, fields: frozenset[str] | None) -> None:
        self._columns = columns = source.columns
        self._status_parser = StatusParser(columns)
        self._path = source.path
        self._encoding = source.encoding
        self._language = source.language
        self._wanted = [
            (i, name) for i, name in enumerate(columns.names) if name and (fields is None or name in fields)
        ]
        self._pick = _cell_picker([i for i, _ in self._wanted], len(columns.names))
        self.names = tuple(name for _, name in self._wanted)

    def partition(self, rows: Iterable[Record]) -> tuple[list[PlainRow], list[Record]]:
        """Splits `rows` of a batch that needs no cleaning into plain ones and others."""
        pick, status_parser, needs_parser = self._pick, self._status_parser, self._status_parser.is_needed
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
                or not OPT_OUT_CELLS.isdisjoint(cells)
                or (needs_parser and not status_parser.is_plain(cells))
            ):
                others.append(row)
            else:
                plain.append((line, address, pick(cells)))
        return plain, others

    def rows(self, batch: CellBatch, rows: Iterable[Record], seen: dict[str, int] | None) -> Iterator[Row]:
        """Yields the parsed `rows` of a batch.

        `seen`: the first line of each identity so far, to find duplicates; None does not.
        """
        is_clean_batch = batch.needs_no_cleaning
        wanted, names, pick, status_parser = self._wanted, self.names, self._pick, self._status_parser
        column, width = self._columns.address, len(self._columns.names)
        subscribed = Status.SUBSCRIBED
        for line, cells in self._prepared(rows) if self._encoding.is_mixed or self._columns.since is not None else rows:
            if isinstance(cells, RowWarning):
                yield cells
                continue
            if isinstance(cells, str):
                yield RejectedRow(line=line, reason=_UNCLOSED, cells=(cells,))
                continue
            try:
                address = parse_address(cells[column])
            except (AddressError, IndexError) as error:
                self._refuse_heading(line, cells)
                yield from _reject_address(line, cells, error)
                continue
            status = status_parser.parse(cells)
            if len(cells) > width:
                status = self._status_of_shifted(cells, status)
            if seen is not None and (first := seen.setdefault(address.identity, line)) != line:
                yield DuplicateRow(line=line, first=first, identity=address.identity, status=status)
                continue
            if is_clean_batch and len(cells) == width:
                yield _new(Member, (line, address, dict(zip(names, pick(cells))), status))  # noqa: B905 - all as long
            else:
                values = {name: clean_line(cells[i]).strip() if i < len(cells) else "" for i, name in wanted}
                yield Member(line, address, values, status)
                yield from self._warnings(line, cells, is_misquoted=line in batch.misquoted)
            if status is subscribed:
                self._search_opt_outs(cells, line, is_clean=is_clean_batch)
            else:
                yield from status_parser.warnings(line, cells)

    def _search_opt_outs(self, cells: Sequence[str], line: int, *, is_clean: bool) -> None:
        if self._columns.since is not None:
            self._status_parser.count_overruled(cells, line)
        if not is_clean or not OPT_OUT_CELLS.isdisjoint(cells) or not self._is_plain(cells):
            self._status_parser.search_opt_outs(cells, line)

    def _status_of_shifted(self, cells: Sequence[str], status: Status) -> Status:
        """Returns the status of a row with more cells than columns: none can be read if a cell may be in a wrong column."""
        surplus = [cell for cell in cells[len(self._columns.names) :] if cell.strip()]
        is_unsure = surplus and (self._status_parser.is_needed or any(map(is_opt_out_word, surplus)))
        return strictest((status, Status.UNKNOWN)) if is_unsure else status

    def _refuse_heading(self, line: int, cells: Sequence[str]) -> None:
        """Raises ListError for a row such as `Unsubscribed:`, below which all readers may have opted out."""
        filled = [cell for cell in cells if cell.strip()]
        heading = filled[0].strip().rstrip(":") if len(filled) == 1 else ""
        if is_opt_out_word(heading) or is_opt_out_word(heading.removesuffix("s")):
            raise ListError(
                f"Line {line} of the file {self._path.name} says “{heading}” of the rows below it.",
                "If they get no mail, move them into a file of their own, with a column “status”. If not, delete the line.",
            )

    def _is_plain(self, cells: Sequence[str]) -> bool:
        return len(cells) == len(self._columns.names) and self._status_parser.is_plain(cells)

    def column_findings(self) -> Iterator[RowWarning | UnclearColumn]:
        """Yields, after all rows, which words of other tools were read as which status, and the columns that are unclear."""
        yield from self._status_parser.translations()
        yield from self._status_parser.unclear_columns()

    def _prepared(self, rows: Iterable[Record]) -> Iterator[tuple[int, list[str] | str | RowWarning]]:
        """Yields the rows with the characters of a mixed file and the dates as they are read; before a row, what to report."""
        since, encoding = self._columns.since, self._encoding
        for line, cells in rows:
            read = cells
            if encoding.is_mixed:
                read = encoding.repair_text(cells) if isinstance(cells, str) else list(map(encoding.repair_text, cells))
            if read != cells:
                odd = (
                    read
                    if isinstance(read, str)
                    else next(new for new, old in zip(read, cells, strict=True) if new != old)
                )
                message = f"“{abbreviate_cell(odd)}” has another encoding than the file; it was read as {encoding.other_label}"
                yield line, RowWarning(line=line, message=message)
            if not isinstance(read, str) and since is not None and since < len(read) and (day := read[since].strip()):
                text, warning = _read_day(line, day, self._language)
                read = [*read[:since], text, *read[since + 1 :]]
                if warning:
                    yield line, warning
            yield line, read

    def _warnings(self, line: int, cells: list[str], *, is_misquoted: bool) -> Iterator[RowWarning]:
        """Yields what was corrected in a row with a valid address, and what was lost before."""
        damaged = next((cell for cell in cells if "\N{REPLACEMENT CHARACTER}" in cell), "")
        if damaged:
            message = (
                f"“{abbreviate_cell(damaged)}” has lost a character (\N{REPLACEMENT CHARACTER}); correct it in the file"
            )
            yield RowWarning(line=line, message=message)
        if is_misquoted:
            odd = next((cell for cell in cells if '"' in cell), "")
            words = f"a quote in a quoted cell is not doubled; it was read as “{abbreviate_cell(odd)}”"
            yield RowWarning(line=line, message=words)
        width = len(self._columns.names)
        faulty = [
            header.strip() or f"column {index}"
            for index, (header, cell) in enumerate(zip(self._columns.headers, cells, strict=False), start=1)
            if index - 1 != self._columns.address and not is_clean(cell)
        ]
        if faulty:
            listed = ", ".join(f"“{abbreviate_cell(header)}”" for header in faulty)
            yield RowWarning(line=line, message=f"line breaks or control characters were removed from {listed}")
        if any(cell.strip() for cell in cells[width:]):
            is_unsure = self._status_of_shifted(cells, Status.SUBSCRIBED) is Status.UNKNOWN
            result = "the reader gets no mail" if is_unsure else "the last cells were ignored"
            message = f"{len(cells)} cells, but only {width} columns; {result} (is a quote missing?)"
            yield RowWarning(line=line, message=message)


_UNCLOSED = f"a cell without its closing quote, or a row of more than {MAX_ROW_LINES} lines or 131,072 characters"


def _read_day(line: int, text: str, language: str) -> tuple[str, RowWarning | None]:
    """Returns the date of a cell in the form of ISO 8601, "" if it cannot be read, and what to report about it."""
    day = parse_day(text, language)
    if day is None:
        return "", RowWarning(line=line, message=f"“{abbreviate_cell(text)}” is not a date; write it as 2024-01-31")
    if day.is_ambiguous:
        words = f"“{abbreviate_cell(text)}” was read as {day.text}; day and month may be swapped"
        return day.text, RowWarning(line=line, message=words)
    return day.text, None


def _reject_address(line: int, cells: Sequence[str], error: Exception) -> Iterator[RejectedRow]:
    """Yields the rejection of a row without a valid address; nothing for a blank row."""
    if any(map(str.strip, cells)):
        reason = error if isinstance(error, AddressError) else AddressError("", "empty")
        yield RejectedRow(line=line, reason=reason.message.rstrip("."), cells=tuple(cells))


def _cell_picker(indexes: list[int], width: int) -> Callable[[list[str]], Sequence[str]]:
    """Returns a function that takes the cells of these columns from a row as wide as the header."""
    if indexes == list(range(width)):
        return list
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda cells: [cells[index] for index in indexes]


def open_list(path: Path, name: str = "", rules: ColumnRules = NO_RULES) -> CsvList:
    """Opens a list and reads its header. `name` defaults to the name of the file without `.csv`. Raises ListError."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ListError(f"{path.name} is not a file.", "Choose a CSV file.")
    try:
        with path.open("rb") as binary:
            encoding = detect_encoding(binary)
            version = file_version(binary)
        with path.open(encoding=encoding.name, errors=encoding.errors, newline="") as file:
            lines = map(encoding.repair_text, file) if encoding.is_mixed else file
            delimiter, columns, line = find_header(path, lines, rules)
        guess = _find_sample(path, encoding, delimiter) if encoding.is_guess else None
    except EncodingError as error:
        raise ListError(f"The file {path.name} {error}.", error.next_step) from None
    except UnicodeDecodeError:
        raise _encoding_error(path, encoding.name) from None
    except OSError as error:
        raise unreadable_error(path, error) from None
    return CsvList(
        name=name or path.name.removesuffix(".csv"),
        path=path,
        encoding=encoding,
        delimiter=delimiter,
        columns=columns,
        header_line=line,
        version=version,
        guess=guess,
        language=rules.language,
    )


def _find_sample(path: Path, encoding: FileEncoding, delimiter: str) -> RowWarning | None:
    """Returns how a file whose encoding was guessed was read, with its first special characters."""
    with path.open(encoding=encoding.name, newline="") as file:
        for number, line in enumerate(file, start=1):
            if not line.isascii():
                cell = next(cell for cell in line.split(delimiter) if not cell.isascii()).strip('"\r\n ')
                read = f"it was read as {encoding.label}: “{abbreviate_cell(cell)}”"
                message = f"the file is not UTF-8; {read}. If that is wrong, save the file as UTF-8"
                return RowWarning(line=number, message=message)
    return None


def file_version(file: IO[str] | IO[bytes]) -> tuple[int, int, int]:
    """Returns inode, size and modification time of an open file, which change with the file."""
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _encoding_error(path: Path, encoding: str) -> ListError:
    return ListError(
        f"The file {path.name} begins as {encoding} but contains other bytes.",
        "Save it again as CSV with the encoding UTF-8.",
    )
