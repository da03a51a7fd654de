"""Synchronises list files with the ledger.

    sync_list(app, name)            reads and merges the file, writes back to it, keeps a copy for an undo
    plan_sync(app, name)            what a sync would do; changes nothing, creates no ledger
    replace_and_sync(app, ...)      syncs a new file and puts it in the place of the list's: for an undo, an upload, an edit

The order of the steps makes a sync safe. The rows are staged in scratch tables; one transaction merges them into the ledger;
then the file is replaced, if it has not changed since it was read; then the ledger records that the file was written. After a
crash in between, the file is not written yet, or the ledger has not recorded it: the next sync detects either, and does the
rest. Two syncs of a list wait for each other.

Raises ListError, UsageError, NeedsConfirmationError where a person must decide, LedgerError.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from mailer.addresses import parse_address
from mailer.app import App
from mailer.csv.columns.header_row import EMAIL, SINCE, STATUS
from mailer.csv.reader import CsvList
from mailer.csv.rows import Status
from mailer.csv.sync_patch import RowPatch, prepare_patch
from mailer.errors import NeedsConfirmationError
from mailer.ledger.store.file_locks import FileLock
from mailer.ledger.store.scratch_connection import ScratchConnection
from mailer.ledger.sync.apply import cells, signups_to_append
from mailer.ledger.sync.syncs import SyncResult
from mailer.ledger.types.syncs import ListState, SyncPlan
from mailer.service.lists.backups import ListBackups
from mailer.service.lists.file_digests import file_digest, read_digest
from mailer.service.lists.staged_file import stage_list
from mailer.service.lists.unclear_columns import column_meanings, column_rules

BY_COMMAND_LINE = "command line"
BY_FILE = "list file"  # an edit of the file, read by a send or before another change
BY_READERS = "readers"  # their own changes, written into a file that was not edited
_PATIENCE = 120.0  # seconds to wait for another sync of the same list


def sync_list(
    app: App, name: str, *, by: str = BY_COMMAND_LINE, allow_removals: bool = False, implicit: bool = False
) -> SyncPlan:
    """Syncs the list `name`. Returns what was done; nothing, if neither the file nor the ledger has changed.

    `by`: the person and the way, as the history names them, unless only readers have changed something. `implicit`: nobody
    asked for this sync. Then the file of a workspace other than that of the last sync is refused if it differs.
    """
    with list_lock(app, name):
        return sync_locked_list(app, name, by=by, allow_removals=allow_removals, implicit=implicit)


def sync_locked_list(app: App, name: str, *, by: str, allow_removals: bool = False, implicit: bool = False) -> SyncPlan:
    """Syncs the list for a caller that holds its lock and continues to work on the list."""
    path = app.workspace.list_file(name)
    digest, meanings = read_digest(app, name), column_meanings(app, name)
    if app.ledger.syncs.is_current(name, digest, meanings):
        return unchanged_plan(app, name)
    state = app.ledger.syncs.state(name)
    if implicit and state is not None and state.digest != digest:
        _require_own_sync(app, state)
    if state is not None and state.digest == digest and state.meanings == meanings:
        by = BY_READERS
    return _merge(app, name, path, by=by, allow_removals=allow_removals)


def plan_sync(app: App, name: str) -> SyncPlan:
    """Returns what `sync_list` would do."""
    path = app.workspace.list_file(name)
    with app.readonly_ledger() as ledger:
        rules = column_rules(app, name)
        if ledger.syncs.is_current(name, file_digest(path), rules.meanings):
            return unchanged_plan(app, name)
        with ledger.syncs.scratch() as scratch:
            staged = stage_list(scratch, path, name, rules, number=1, keep=False)
            with scratch.snapshot() as conn:
                return ledger.syncs.plan(conn, name, staged.rows, staged.reading)


class CurrentFile(Protocol):
    """The list's file as it was when the change began."""

    @property
    def path(self) -> Path: ...

    def require_unchanged(self) -> None: ...


class NewFile(Protocol):
    """A file in the folder of a list's file, ready to replace it."""

    @property
    def path(self) -> Path: ...

    def commit(self) -> None: ...


def replace_and_sync(
    app: App,
    name: str,
    new: NewFile,
    current: CurrentFile,
    *,
    by: str,
    allow_removals: bool,
    undo_to: int | None = None,
) -> SyncPlan:
    """Syncs the file `new` and replaces the list's file with it, if that is still `current`. Needs the list's lock."""
    return _merge(app, name, new.path, by=by, allow_removals=allow_removals, undo_to=undo_to, replacing=(current, new))


def _merge(
    app: App,
    name: str,
    path: Path,
    *,
    by: str,
    allow_removals: bool,
    undo_to: int | None = None,
    replacing: tuple[CurrentFile, NewFile] | None = None,
) -> SyncPlan:
    """Merges the file at `path` into the ledger, and writes back to it; with `replacing`, it then becomes the list's file."""
    history = ListBackups(app.workspace.ensure_state_dir(), name)
    with app.ledger.syncs.scratch() as scratch:
        staged = stage_list(scratch, path, name, column_rules(app, name), number=1, keep=True)
        current: CurrentFile = replacing[0] if replacing else staged.source
        with scratch.transaction() as conn:
            done = app.ledger.syncs.merge(
                conn, name, staged.rows, staged.reading, by=by, allow_removals=allow_removals, undo_to=undo_to
            )
            current.require_unchanged()
        sync = done.plan.sync
        if replacing and sync is not None:
            history.save(sync, current.path, replaced=True)
        changed = _write_back(app, scratch, staged.source, done)
    if replacing:
        current.require_unchanged()
        replacing[1].commit()
    if sync is not None:
        history.save(sync, current.path)
    return replace(done.plan, encoding_changed=changed)


def _require_own_sync(app: App, state: ListState) -> None:
    """Raises NeedsConfirmationError if the last sync of the list was that of another workspace: its file may be newer."""
    versions = ListBackups(app.workspace.ensure_state_dir(), state.name).versions()
    if state.sync is not None and state.sync not in versions:
        raise NeedsConfirmationError(
            f"The list {state.name} was last synced from another machine or folder, and its file here is different.",
            f"Use one folder for both. If the file here is the right one: mailer list sync {state.name}",
        )


def unchanged_plan(app: App, name: str) -> SyncPlan:
    """Returns the plan of a list that has nothing to sync."""
    with app.readonly_ledger() as ledger:
        state = ledger.syncs.state(name)
        erased = ledger.members.erased_lines(name)
    if state is None:
        raise AssertionError(f"{name} was never synced")
    return SyncPlan(
        list=name,
        is_first=False,
        members_before=state.people,
        people=state.people,
        joined=0,
        changed=0,
        moved=0,
        removed=0,
        blocked=0,
        duplicates=state.duplicates,
        patched=0,
        appended=0,
        rejected=state.rejected,
        erased_lines=erased,
        findings=state.findings,
        more_findings=state.more_findings,
        unclear=state.unclear,
    )


@contextmanager
def list_lock(app: App, name: str) -> Iterator[None]:
    """Allows one sync of a list at a time. Raises NoListError before it creates a lock file for an unknown list."""
    app.workspace.list_file(name)
    folder = app.workspace.ensure_state_dir() / "lists"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        if not lock.acquire(_PATIENCE):
            raise NeedsConfirmationError(
                f"The list {name} is being changed by somebody else.", "Try again in a minute."
            )
        yield
    finally:
        lock.close()


def _write_back(app: App, scratch: ScratchConnection, source: CsvList, done: SyncResult) -> bool:
    """Writes to the file what the ledger knows better, and records that. Returns whether the file's encoding changed."""
    if not done.plan.writes:
        return False
    zone = app.settings.timezone

    def day(moment: float) -> str:
        return dt.datetime.fromtimestamp(moment, zone).date().isoformat()

    with scratch.snapshot() as conn:
        appended = signups_to_append(conn, done.diff)
        patches = (
            RowPatch(line=cell.line, status=cell.status.value, since=day(cell.since)) for cell in cells(conn, done.diff)
        )
        rows = (
            {
                **each.values,
                EMAIL: parse_address(each.address).display,
                STATUS: Status.SUBSCRIBED.value,
                SINCE: day(each.joined_at),
            }
            for each in appended
        )
        with prepare_patch(source, patches, rows) as prepared:
            prepared.commit()
            written = prepared.result
    with scratch.transaction() as conn:
        app.ledger.syncs.confirm_written(conn, done, appended, digest=written.digest, size=source.path.stat().st_size)
    return written.encoding_changed


def sync_plan_object(plan: SyncPlan, *, planned: bool) -> dict[str, object]:
    """Returns the JSON object of `list sync` and `list undo`."""
    return {
        "list": plan.list,
        "sync": plan.sync,
        "planned": planned,
        **plan.counts,
        "encoding_changed": plan.encoding_changed,
        "first_joined": [{"line": each.line, "email": each.identity} for each in plan.first_joined],
        "first_changed": [
            {
                "line": each.line,
                "email": each.identity,
                "changes": [{"field": name, "before": old, "after": new} for name, (old, new) in each.fields.items()],
            }
            for each in plan.first_changed
        ],
        "first_removed": list(plan.first_removed),
        "first_blocked": [{"line": each.line, "email": each.identity, "why": each.why} for each in plan.first_blocked],
        "erased_lines": list(plan.erased_lines),
        "findings": list(plan.findings),
        "unclear_columns": [each.name for each in plan.unclear],
    }
