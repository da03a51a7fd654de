"""Changing a list file as its admin does by hand: cells of some rows, rows taken out, new rows at the end.

    with amended(source, [Change(line=7, identity="ana@example.org", values={"city": "Lisbon"})], [{"email": …}]) as new:
        new.commit()

All else stays, byte for byte, as with rewrite.py, which only ever says what a person asked for. Values are named by field;
of a new row that has a field without a column the value is left out, unless the field is one of `columns`: these are
added to the header where they are missing. If the file's encoding cannot hold a value, the file becomes UTF-8 with a byte
order mark. The file that is yielded takes the list's place with `commit`, else it is gone when the block ends.

It streams. Raises ListError, and then the file is as it was.
"""

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mailer.addresses import AddressError, parse_address
from mailer.csv.cells import is_quoted, set_cells, split_line_ending, write_row
from mailer.csv.patch import widest, write_header
from mailer.csv.reader import AROUND_HEADER, CsvList, ListError
from mailer.csv.tokenizer import RowTokenizer, TooManyMalformedRowsError
from mailer.csv.writer import CsvWriter
from mailer.sanitize import clean

MAX_CELL = 32_767  # characters: what spreadsheets take


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEdit:
    """What becomes of the row that begins at `line`, if it is that of `identity`; `values` None: it goes."""

    line: int
    identity: str
    values: Mapping[str, str] | None = field(repr=False)


@contextmanager
def edited_copy(
    source: CsvList,
    changes: Iterable[RowEdit],
    rows: Iterable[Mapping[str, str]] = (),
    *,
    columns: Sequence[str] = (),
) -> Iterator[CsvWriter]:
    """The file as it is with `changes`, which come in the order of their lines, and with `rows` at its end."""
    try:
        output = CsvWriter(source.path, source.encoding)
        try:
            _write(source, output, iter(changes), rows, columns)
            yield output
        finally:
            output.rollback()
    except TooManyMalformedRowsError:
        raise _broken(source) from None
    except OSError as error:
        raise ListError(f"{source.path} cannot be written ({error.strerror}).", "See to the lists' folder.") from None


def _write(
    source: CsvList,
    output: CsvWriter,
    changes: Iterator[RowEdit],
    rows: Iterable[Mapping[str, str]],
    columns: Sequence[str],
) -> None:
    places = {name: index for index, name in enumerate(source.columns.names) if name}
    new = [name for name in columns if name not in places]
    free = widest(source) if new else 0
    added = dict(enumerate(new, start=free))
    places.update((name, index) for index, name in added.items())
    lines = source.lines()
    output.writelines(itertools.islice(lines, source.header_line - 1))
    header = next(lines)
    output.write(write_header(header, source.delimiter, added))
    _copy(source, lines, output, changes, places)
    plain, end = split_line_ending(header)
    end, quoted = end or "\n", is_quoted(plain.strip(AROUND_HEADER), source.delimiter)
    width = max([len(source.columns.names) - 1, *places.values()]) + 1
    ended = output.ends_with_line_end()
    for row in rows:
        cells = [""] * width
        for name, value in row.items():
            if name in places:
                cells[places[name]] = clean(value)[:MAX_CELL]
        text = write_row(cells, source.delimiter, quoted=quoted)
        output.write(f"{text}{end}" if ended else f"{end}{text}")
    output.finish()


def _copy(
    source: CsvList, lines: Iterator[str], output: CsvWriter, changes: Iterator[RowEdit], places: Mapping[str, int]
) -> None:
    """Copy the rows below the header, those of `changes` changed."""
    change = next(changes, None)
    for batch in RowTokenizer(lines, source.delimiter, before=source.header_line).texts():
        if batch.broken:
            raise _broken(source)
        touched = False
        while change is not None and change.line <= batch.lines[-1]:
            if change.line not in batch.lines:
                raise _moved(source)
            index = batch.lines.index(change.line)
            batch.texts[index] = _changed(source, batch.texts[index], change, places)
            touched, change = True, next(changes, None)
        if touched:
            output.write("".join(batch.texts))
        else:
            output.writelines(batch.texts)
    if change is not None:
        raise _moved(source)


def _changed(source: CsvList, text: str, change: RowEdit, places: Mapping[str, int]) -> str:
    cells = next(csv.reader(text.splitlines(keepends=True), delimiter=source.delimiter), [])
    try:
        if parse_address(cells[source.columns.address]).identity != change.identity:
            raise _moved(source)
    except (AddressError, IndexError):
        raise _moved(source) from None
    if change.values is None:
        return ""
    values = {places[name]: clean(value)[:MAX_CELL] for name, value in change.values.items() if name in places}
    return set_cells(text, source.delimiter, values) if values else text


def _moved(source: CsvList) -> ListError:
    return ListError(f"{source.path} was changed meanwhile.", "Look at the list again; nothing was changed in it.")


def _broken(source: CsvList) -> ListError:
    return ListError(
        f"{source.path} has rows with quotes that are not closed, and nothing can be changed beside them.",
        f"They are in {source.name}.rejected.csv: close their quotes in the file, or upload the list anew.",
    )
