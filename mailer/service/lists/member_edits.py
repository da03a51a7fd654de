"""Editing a list by hand, row by row. The file stays the source of truth: each change is made in the file, then synced.

    add_member            adds a row at the end
    edit_member           changes cells of a member's row
    remove_member         removes the row; the ledger keeps what it knows of the subscriber

Each change is a sync, so it has a number in the list's history and can be undone. A subscriber who opted out cannot be added
again; only they themselves can sign up again. Raises UsageError, ListError, NeedsConfirmationError where the file has other
changes that a person must decide about, LedgerError.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from mailer.addresses import Address
from mailer.app import App
from mailer.audience.list_settings import load_list_settings
from mailer.csv.admin_edits import RowEdit, edited_copy
from mailer.csv.columns.header_row import EMAIL, SINCE, STATUS, STATUS_SINCE
from mailer.csv.columns.vendor_status import SIGNS
from mailer.csv.reader import CsvList, open_list
from mailer.csv.rows import Status
from mailer.errors import UsageError
from mailer.ledger.types.subscribers import Membership, StatusSource
from mailer.ledger.types.syncs import SyncPlan
from mailer.line_sanitizer import clean_line
from mailer.service.file_cache import cache_by_mtime
from mailer.service.lists.sync import BY_FILE, list_lock, replace_and_sync, sync_locked_list


def editable_fields(app: App, name: str) -> tuple[str, ...]:
    """Returns the fields of a list that an admin can edit: all but address, status and dates."""
    return _fields(app.workspace.list_file(name))


@cache_by_mtime(maxsize=64)
def _fields(path: Path) -> tuple[str, ...]:
    kept = {EMAIL, STATUS, SINCE, STATUS_SINCE, "", *SIGNS}
    return tuple(field for field in open_list(path).columns.names if field not in kept)


def add_member(app: App, name: str, address: Address, values: Mapping[str, str], *, by: str) -> SyncPlan:
    """Adds a row for `address` at the end of the list's file, with `values` by field."""
    fields = editable_fields(app, name)
    with _editing(app, name) as source:
        _refuse_unwanted(app, name, address)
        row = {EMAIL: address.display, **{field: values[field].strip() for field in fields if field in values}}
        with edited_copy(source, (), [row]) as new:
            return replace_and_sync(app, name, new, source, by=by, allow_removals=False)


def edit_member(app: App, name: str, identity: str, values: Mapping[str, str], *, by: str) -> SyncPlan:
    """Writes `values`, by field, into the row of `identity`. Fields that the subscriber has set themselves take precedence
    over them.
    """
    fields = editable_fields(app, name)
    with _editing(app, name) as source:
        member, line = _member(app, name, identity)
        typed = {field: clean_line(values[field]).strip() for field in fields if field in values}
        cells = {field: value for field, value in typed.items() if value != member.fields.get(field, "")}
        with edited_copy(source, [RowEdit(line=line, identity=identity, values=cells)]) as new:
            return replace_and_sync(app, name, new, source, by=by, allow_removals=False)


def remove_member(app: App, name: str, identity: str, *, by: str) -> SyncPlan:
    """Removes the row of `identity` from the list's file."""
    with _editing(app, name) as source:
        _, line = _member(app, name, identity)
        with edited_copy(source, [RowEdit(line=line, identity=identity, values=None)]) as new:
            return replace_and_sync(app, name, new, source, by=by, allow_removals=True)


@contextmanager
def _editing(app: App, name: str) -> Iterator[CsvList]:
    """Syncs the list and yields its file; no other sync of the list runs until the block ends."""
    with list_lock(app, name):
        sync_locked_list(app, name, by=BY_FILE, implicit=True)
        yield open_list(app.workspace.list_file(name), name)


def _member(app: App, name: str, identity: str) -> tuple[Membership, int]:
    """Returns the membership of `identity` and the line of its row. Raises UsageError if it has none."""
    found = app.ledger.members.get(name, identity)
    if found is None or found.line is None or not found.in_file or found.removed_at is not None:
        raise UsageError(f"{identity} has no row in the list {name}.", "Reload the list. Somebody may have changed it.")
    return found, found.line


def _way_back(app: App, name: str) -> str:
    """Returns what somebody can do who left and wants to be on the list again."""
    if load_list_settings(app.workspace.subscribers, name).public:
        page = f"{app.publication.base_url}/subscribe/{quote(name)}"
        return f"Only the person can undo this, at the sign-up page of the list: {page}"
    return (
        "Only the person can undo this, at the sign-up page. This list is not open for sign-up: open it under Settings of "
        "the list, then send them the address of its sign-up page."
    )


def _refuse_unwanted(app: App, name: str, address: Address) -> None:
    """Raises UsageError if `address` is suppressed, has left the list, or is on it already."""
    suppression = app.ledger.suppressions.get(address.identity)
    if suppression is not None and suppression.reason.is_by_recipient:
        raise UsageError(
            f"{address.display} was not added: the person opted out ({suppression.reason}).", _way_back(app, name)
        )
    if suppression is not None:
        raise UsageError(
            f"{address.display} was not added: the address is on the suppression list ({suppression.reason}).",
            "Remove it from the suppression list first.",
        )
    found = app.ledger.members.get(name, address.identity)
    if found is not None and found.status is Status.UNSUBSCRIBED and found.status_source is StatusSource.PERSON:
        raise UsageError(f"{address.display} was not added: the person left this list.", _way_back(app, name))
    if found is not None and found.removed_at is None:
        where = f", on line {found.line}" if found.line else ""
        raise UsageError(
            f"{address.display} is on the list {name} already{where}.", "To edit the reader, search for the address."
        )
