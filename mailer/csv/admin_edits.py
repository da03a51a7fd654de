"""Edits of a list file by its admin: cells of some rows, removed rows, new rows at the end.

    with edited_copy(source, [RowEdit(line=7, identity="ana@example.org", values={"city": "Lisbon"})], [{"email": …}]) as new:
        new.commit()

Everything else stays, byte for byte, as in sync_patch.py, which only writes status and sign-ups. Values are given by field name.
A value of a new row whose field has no column is left out, unless the field is one of `columns`: these are added to the header if
they are missing. If the file's encoding cannot hold a value, the file becomes UTF-8 with a byte order mark. `commit` reindexes
the list; without it, the copy is removed at the end of the block.

The file is streamed. Raises ListError, and then the list is unchanged.
"""

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mailer.addresses import AddressError, parse_address
from mailer.csv.cell_editing import set_cells
from mailer.csv.list_errors import ListError, changed_error, unwritable_error
from mailer.csv.list_file_writer import CsvWriter
from mailer.csv.reader import CsvList
from mailer.csv.sync_patch import MAX_CELL, add_header_cells, append_rows, widest_row
from mailer.csv.tokenizer import RowTokenizer, TooManyMalformedRowsError
from mailer.line_sanitizer import clean_line


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEdit:
    """New values for the row of `identity` that begins at `line`; `values` None removes the row."""

    line: int
    identity: str
    values: Mapping[str, str] | None = field(repr=False)


@contextmanager
def edited_copy(
    source: CsvList,
    edits: Iterable[RowEdit],
    rows: Iterable[Mapping[str, str]] = (),
    *,
    columns: Sequence[str] = (),
) -> Iterator[CsvWriter]:
    """Yields a copy of the list with `edits`, in the order of their lines, and `rows` at its end."""
    try:
        output = CsvWriter(source.path, source.encoding)
        try:
            _write(source, output, iter(edits), rows, columns)
            yield output
        finally:
            output.rollback()
    except TooManyMalformedRowsError:
        raise _unclosed_error(source) from None
    except OSError as error:
        raise unwritable_error(source.path, error) from None


def _write(
    source: CsvList,
    output: CsvWriter,
    edits: Iterator[RowEdit],
    rows: Iterable[Mapping[str, str]],
    columns: Sequence[str],
) -> None:
    indexes = {name: index for index, name in enumerate(source.columns.names) if name}
    new_names = [name for name in columns if name not in indexes]
    start = widest_row(source) if new_names else 0
    added = dict(enumerate(new_names, start=start))
    indexes.update((name, index) for index, name in added.items())
    lines = source.lines()
    output.writelines(itertools.islice(lines, source.header_line - 1))
    header = next(lines)
    output.write(add_header_cells(header, source.delimiter, added))
    _copy_rows(source, lines, output, edits, indexes)
    width = max([len(source.columns.names) - 1, *indexes.values()]) + 1
    append_rows(output, header, source.delimiter, (_new_cells(row, indexes, width) for row in rows))
    output.finish()


def _new_cells(row: Mapping[str, str], indexes: Mapping[str, int], width: int) -> list[str]:
    cells = [""] * width
    for name, value in row.items():
        if name in indexes:
            cells[indexes[name]] = value
    return cells


def _copy_rows(
    source: CsvList, lines: Iterator[str], output: CsvWriter, edits: Iterator[RowEdit], indexes: Mapping[str, int]
) -> None:
    """Copies the rows below the header, with `edits`."""
    edit = next(edits, None)
    for batch in RowTokenizer(lines, source.delimiter, before=source.header_line).texts():
        if batch.broken:
            raise _unclosed_error(source)
        is_changed = False
        while edit is not None and edit.line <= batch.lines[-1]:
            if edit.line not in batch.lines:
                raise _changed_error(source)
            index = batch.lines.index(edit.line)
            batch.texts[index] = _edit_row(source, batch.texts[index], edit, indexes)
            is_changed, edit = True, next(edits, None)
        if is_changed:
            output.write("".join(batch.texts))
        else:
            output.writelines(batch.texts)
    if edit is not None:
        raise _changed_error(source)


def _edit_row(source: CsvList, text: str, edit: RowEdit, indexes: Mapping[str, int]) -> str:
    lines = text.splitlines(keepends=True)
    cells = next(csv.reader(lines, delimiter=source.delimiter, skipinitialspace=True), [])
    try:
        if parse_address(source.repair_text(cells[source.columns.address])).identity != edit.identity:
            raise _changed_error(source)
    except (AddressError, IndexError):
        raise _changed_error(source) from None
    if edit.values is None:
        return ""
    values = {indexes[name]: clean_line(value)[:MAX_CELL] for name, value in edit.values.items() if name in indexes}
    return set_cells(text, source.delimiter, values) if values else text


def _changed_error(source: CsvList) -> ListError:
    return changed_error(source.path)


def _unclosed_error(source: CsvList) -> ListError:
    return ListError(
        f"The file {source.path.name} cannot be edited: it has rows with a missing closing quote.",
        f"Add the quotes, or import the whole list again. The rows are in {source.name}.rejected.csv.",
    )
