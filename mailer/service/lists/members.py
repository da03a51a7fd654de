"""A list changed by its admin at the desk, row by row. The file stays the truth: each change is one in the file, then synced.

    add_member      a row at the end
    edit_member     cells of somebody's row
    take_out        the row goes; what the ledger knows of the person stays
    erase           the rows go, and the ledger forgets the person

A change is a sync, so it has a number in the list's history and can be undone. Who said no is not added: only they come
back, by joining. Raises UsageError, ListError, NeedsConfirmationError where the file has other changes that a person must decide
about, LedgerError.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailer.addresses import Address
from mailer.app import App
from mailer.csv.columns import EMAIL, SINCE, STATUS, STATUS_SINCE
from mailer.csv.edit import RowEdit, edited_copy
from mailer.csv.reader import CsvList, open_list
from mailer.csv.rows import Status
from mailer.csv.vendor_columns import SIGNS
from mailer.errors import MailerError, UsageError
from mailer.ledger.types.subscribers import Membership, StatusSource, SyncPlan
from mailer.ledger.types.suppressions import ErasureResult
from mailer.sanitize import clean
from mailer.service.file_cache import cache_by_mtime
from mailer.service.lists.sync import list_lock, replace_and_sync, sync_locked


def editable_fields(app: App, name: str) -> tuple[str, ...]:
    """The fields of a list that its admin fills in: those that do not say who it is, or whether they are mailed."""
    return _fields(app.workspace.list_file(name))


@cache_by_mtime(maxsize=64)
def _fields(path: Path) -> tuple[str, ...]:
    kept = {EMAIL, STATUS, SINCE, STATUS_SINCE, "", *SIGNS}
    return tuple(field for field in open_list(path).columns.names if field not in kept)


def add_member(app: App, name: str, address: Address, values: Mapping[str, str], *, by: str) -> SyncPlan:
    """A row for `address` at the end of the list's file, with `values` by field."""
    fields = editable_fields(app, name)
    with _editing(app, name, by) as source:
        _refuse_unwanted(app, name, address)
        row = {EMAIL: address.display, **{field: values[field].strip() for field in fields if field in values}}
        with edited_copy(source, (), [row]) as new:
            return replace_and_sync(app, name, new, source, by=by, allow_removals=False)


def edit_member(app: App, name: str, identity: str, values: Mapping[str, str], *, by: str) -> SyncPlan:
    """The cells of `values`, by field, in the row of `identity`. What the person keeps themselves lies over them."""
    fields = editable_fields(app, name)
    with _editing(app, name, by) as source:
        member, line = _member(app, name, identity)
        typed = {field: clean(values[field]).strip() for field in fields if field in values}
        cells = {field: value for field, value in typed.items() if value != member.fields.get(field, "")}
        with edited_copy(source, [RowEdit(line=line, identity=identity, values=cells)]) as new:
            return replace_and_sync(app, name, new, source, by=by, allow_removals=False)


def remove_member(app: App, name: str, identity: str, *, by: str) -> SyncPlan:
    """Take the row of `identity` out of the list's file."""
    with _editing(app, name, by) as source:
        _, line = _member(app, name, identity)
        with edited_copy(source, [RowEdit(line=line, identity=identity, values=None)]) as new:
            return replace_and_sync(app, name, new, source, by=by, allow_removals=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseResult:
    """What erasing did. `left`: lists in whose files the address still stands, each with what hindered it."""

    erased: ErasureResult
    taken_out: tuple[str, ...]
    left: Mapping[str, MailerError]


def erase(app: App, identity: str, *, by: str) -> EraseResult:
    """Forget a person: the rows in files, also of addresses that they had before, and what the ledger knows.

    What hinders the one does not hinder the other.
    """
    done: list[str] = []
    left: dict[str, MailerError] = {}
    members = app.ledger.members
    for address in (identity, *members.former_addresses(identity)):
        for each in members.of(address):
            if each.in_file and each.removed_at is None:
                try:
                    remove_member(app, each.list, address, by=by)
                    done.append(each.list)
                except MailerError as error:
                    left[each.list] = error
    return EraseResult(erased=app.ledger.erasure.erase(identity, source=by), taken_out=tuple(done), left=left)


@contextmanager
def _editing(app: App, name: str, by: str) -> Iterator[CsvList]:
    """Syncs the list and yields its file; no other sync of the list runs until the block ends."""
    with list_lock(app, name):
        sync_locked(app, name, by=by)
        yield open_list(app.workspace.list_file(name), name)


def _member(app: App, name: str, identity: str) -> tuple[Membership, int]:
    found = app.ledger.members.get(name, identity)
    if found is None or found.line is None or not found.in_file or found.removed_at is not None:
        raise UsageError(f"{identity} is in no row of the list {name}.", "Look at the list again.")
    return found, found.line


def _refuse_unwanted(app: App, name: str, address: Address) -> None:
    held = app.ledger.suppressions.get(address.identity)
    if held is not None and held.reason.is_by_recipient:
        raise UsageError(
            f"{address.display} is {held.reason}, by their own wish.",
            "They can come back themselves, by joining a list.",
        )
    if held is not None:
        raise UsageError(f"{address.display} must not be mailed ({held.reason}).", "Take back the suppression first.")
    found = app.ledger.members.get(name, address.identity)
    if found is not None and found.status is Status.UNSUBSCRIBED and found.status_source is StatusSource.PERSON:
        raise UsageError(f"{address.display} left this list.", "They can come back themselves, by joining it.")
    if found is not None and found.removed_at is None:
        where = f", on line {found.line}" if found.line else ""
        raise UsageError(
            f"{address.display} is on the list {name} already{where}.", "Look them up to change something."
        )
