"""Appends an uploaded file to a list: makes the new file that is to replace the list's file (see uploads.py).

A status in the upload that means “not mailed” is written into the status cell of a row that exists. Where the list's own cell
has such a status, and the upload has the address as subscribed, the cell is set to subscribed: the sync then blocks the row,
reports it, and restores the status, so that nothing is ignored silently.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailer.addresses import parse_address
from mailer.csv.admin_edits import RowEdit, edited_copy
from mailer.csv.columns.header_row import EMAIL, STATUS, ColumnRules
from mailer.csv.reader import CsvList
from mailer.csv.rows import Status
from mailer.ledger.store.scratch_connection import ScratchConnection
from mailer.ledger.sync.append_diff import ExistingRow, NewRow, count_erased, existing_rows, has_status_word, new_rows
from mailer.service.lists.staged_file import StagedFile, stage_list
from mailer.service.lists.sync import NewFile

_NOT_MAILED = frozenset({Status.UNSUBSCRIBED, Status.BOUNCED, Status.COMPLAINED, Status.ERASED})
_LISTED, _GIVEN = 1, 2  # numbers of the scratch tables


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendedFile:
    """`file` is the list's file and `upload` together; `columns`: those that the list did not have; `erased`: people who get
    no row.
    """

    file: NewFile
    upload: StagedFile
    columns: tuple[str, ...]
    erased: int


@contextmanager
def appended_file(
    scratch: ScratchConnection, source: CsvList, path: Path, rules: ColumnRules
) -> Iterator[AppendedFile]:
    """Yields the list `source` with the rows of the file at `path`. The new file is removed when the block ends, unless it was
    committed. `rules`: what the settings of the list say about its columns.
    """
    listed = stage_list(scratch, source.path, source.name, rules, number=_LISTED, keep=False)
    given = stage_list(scratch, path, source.name, rules, number=_GIVEN, keep=False, status_words=True)
    with ExitStack() as stack:
        with scratch.snapshot() as conn:
            columns = _new_columns(source, given.source, has_status=has_status_word(conn, given.rows))
            changes = (
                RowEdit(line=each.line, identity=each.identity, values=values)
                for each in existing_rows(conn, listed.rows, given.rows)
                if (values := _cells(source, given.source, each))
            )
            rows = (_row(source, given.source, each) for each in new_rows(conn, listed.rows, given.rows))
            new = stack.enter_context(edited_copy(source, changes, rows, columns=columns))
            erased = count_erased(conn, given.rows)
        yield AppendedFile(file=new, upload=given, columns=columns, erased=erased)


def _new_columns(source: CsvList, given: CsvList, *, has_status: bool) -> tuple[str, ...]:
    reserved = {STATUS, _since(given)}
    fields = [
        name for name in given.columns.names if name and name not in reserved and name not in source.columns.names
    ]
    if has_status and source.columns.status is None:
        fields.append(STATUS)
    return tuple(fields)


def _cells(source: CsvList, given: CsvList, each: ExistingRow) -> dict[str, str]:
    """Returns the cells that the upload changes in a row that exists."""
    cells = {
        name: value
        for name, value in each.fields.items()
        if name not in {EMAIL, _status_column(given)} and value and value != each.had.get(name)
    }
    is_opt_out = each.status is not Status.SUBSCRIBED and each.status is not each.was
    has_opt_out = each.was in _NOT_MAILED and source.columns.status is not None
    if is_opt_out or (each.status is Status.SUBSCRIBED and has_opt_out):
        cells[_status(source)] = _status_word(given, each)
    return cells


def _row(source: CsvList, given: CsvList, each: NewRow) -> dict[str, str]:
    fields = {name: value for name, value in each.fields.items() if name != _status_column(given)}
    row = {**fields, EMAIL: parse_address(each.address).display}
    if each.status is not Status.SUBSCRIBED:
        row[_status(source)] = _status_word(given, each)
    if each.since is not None and _since(source):
        row[_since(source)] = dt.datetime.fromtimestamp(each.since, dt.UTC).date().isoformat()
    return row


def _status(source: CsvList) -> str:
    return _status_column(source) or STATUS


def _status_column(source: CsvList) -> str:
    """Returns the name of the column with the status; "" if there is none."""
    place = source.columns.status
    return "" if place is None else source.columns.names[place]


def _status_word(given: CsvList, each: ExistingRow | NewRow) -> str:
    """Returns the status to write: an unknown word stays as it is in the upload, so that somebody can correct it."""
    word = each.fields.get(_status_column(given), "")
    return word if each.status is Status.UNKNOWN and word else each.status.value


def _since(source: CsvList) -> str:
    place = source.columns.since
    return "" if place is None else source.columns.names[place]
