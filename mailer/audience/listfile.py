"""A list: one CSV file of readers, read as it is, row by row.

`open_list` decides encoding, delimiter and columns; `ListFile.rows` then reads the file as often as asked, in constant
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mailer.audience.address import AddressError, parse_address
from mailer.audience.columns import EMAIL, Columns, ColumnsError, field_name, read_columns
from mailer.audience.encoding import EncodingError, detect_encoding
from mailer.audience.record import MAX_BROKEN, MAX_ROW_LINES, BrokenError, Records
from mailer.audience.row import Duplicate, Finding, Member, Noted, Rejected, Row, Status, clean, is_clean, read_status
from mailer.errors import UsageError

DELIMITERS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>[,;\t])"?[;,\t]*')  # Excel's first line, in some countries
AROUND_HEADER = "\r\n \ufeff"  # left aside around the header's line
_CHUNK = 1 << 20
_SHOWN = 80  # characters of a cell in a message


class ListError(UsageError):
    """A list file that cannot be read; names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFile:
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
        where = f"; row kept in {self.name}.rejected.csv" if kept and isinstance(finding, Rejected) else ""
        return f"{self.path.name}:{finding.line}: {finding.message}{where}"

    def rows(self, fields: frozenset[str] | None = None, *, duplicates: bool = True) -> Iterator[Row]:
        """All rows in order. Members carry `fields` only, those of them that the list has; all with None.

        Without `duplicates` every row of an identity is a Member, and no identities are kept in memory.
        """
        names = self.columns.names
        wanted = [(i, name) for i, name in enumerate(names) if name and (fields is None or name in fields)]
        column, status_column, width = self.columns.address, self.columns.status, len(names)
        subscribed, seen = Status.SUBSCRIBED, dict[str, int]()
        for line, cells in self.records():
            if isinstance(cells, str):
                yield Rejected(line=line, reason=_UNCLOSED, cells=(cells.rstrip("\r\n"),))
                continue
            if not any(map(str.strip, cells)):
                continue
            try:
                address = parse_address(cells[column] if column < len(cells) else "")
            except AddressError as error:
                yield Rejected(line=line, reason=error.message.rstrip("."), cells=tuple(cells))
                continue
            status = subscribed
            if status_column is not None and status_column < len(cells):
                status = read_status(cells[status_column])
            first = seen.setdefault(address.identity, line) if duplicates else line
            if first != line:
                yield Duplicate(line=line, first=first, identity=address.identity, status=status)
                continue
            if len(cells) == width and "".join(cells).isprintable():
                yield Member(line, address, {name: cells[i].strip() for i, name in wanted}, status)
            else:
                values = {name: clean(cells[i]).strip() if i < len(cells) else "" for i, name in wanted}
                yield Member(line, address, values, status)
                yield from self._notes(line, cells)
            if status is Status.UNKNOWN and status_column is not None:
                said = _shown(cells[status_column])
                yield Noted(line=line, message=f"the status “{said}” is unknown; not mailed")

    def _notes(self, line: int, cells: list[str]) -> Iterator[Noted]:
        """What was put right in a row whose address is good."""
        width = len(self.columns.names)
        faulty = [
            header.strip() or f"column {index}"
            for index, (header, cell) in enumerate(zip(self.columns.headers, cells, strict=False), start=1)
            if index - 1 != self.columns.address and not is_clean(cell)
        ]
        if faulty:
            listed = ", ".join(f"“{_shown(header)}”" for header in faulty)
            yield Noted(line=line, message=f"line breaks or control characters were taken out of {listed}")
        if any(cell.strip() for cell in cells[width:]):
            message = f"{len(cells)} cells under {width} headers; the last were left aside (is a quote missing?)"
            yield Noted(line=line, message=message)

    def records(self) -> Iterator[tuple[int, list[str] | str]]:
        """The rows below the header, each with its first line's number; a line that begins no row as it stands."""
        below = itertools.islice(self.lines(), self.header_line, None)
        try:
            yield from Records(below, self.delimiter, before=self.header_line)
        except BrokenError:
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

    def has_quotes(self) -> bool:
        """Whether there may be a quote in the file: without one, each line is a row."""
        with self.path.open("rb") as file:
            return any(b'"' in chunk for chunk in iter(lambda: file.read(_CHUNK), b""))

    def refuse_changed(self) -> None:
        """Raise ListError if the file is not the one that was opened."""
        try:
            with self.path.open("rb") as file:
                version = file_version(file)
        except OSError as error:
            raise unreadable(self.path, error) from None
        if version != self.version:
            raise ListError(f"{self.path} was changed meanwhile.", "Run the command again.")


_UNCLOSED = f"a quoted cell that is not closed, or a row of more than {MAX_ROW_LINES} lines or 131,072 characters"


def open_list(path: Path, name: str = "") -> ListFile:
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
    return ListFile(
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
    reader = csv.reader([f"{line}\n", ""], delimiter=delimiter)
    cells = next(reader)
    return [cell.rstrip("\n") for cell in cells], reader.line_num == 1


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


def _shown(text: str) -> str:
    text = clean(text).strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
