"""Undoes syncs, and edits that were not synced: restores the file that an earlier sync left, and syncs it.

    undo_list(app, name)           goes back one step, or to the sync that is named
    plan_undo(app, name)           returns what that would do; changes nothing
    restorable_syncs(app, name)    the syncs that can be gone back to

One step back is the file of the last sync, if the file was edited since then; else the file of the sync before it.
Raises ListError, UsageError, NeedsConfirmationError where more than a tenth of the members would be removed, LedgerError.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mailer.app import App
from mailer.atomic_files import AtomicFile
from mailer.csv.list_errors import changed_error
from mailer.errors import UsageError
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.file_cache import Version, file_version
from mailer.service.lists.backups import ListBackups
from mailer.service.lists.file_digests import find_digest
from mailer.service.lists.staged_file import stage_list
from mailer.service.lists.sync import BY_COMMAND_LINE, list_lock, replace_and_sync
from mailer.service.lists.unclear_columns import column_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorableSyncs:
    """The syncs whose files can be restored, with the digests of these files, the newest first.

    `last`: the number of the last sync, None before the first. `is_edited`: the file has changed since it was last synced;
    only then is `last` among `digests`. `back`: one step back, if there is one.
    """

    last: int | None
    is_edited: bool
    digests: Mapping[int, str]
    back: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _EditedFile:
    """The file that is replaced. It need not be a list that can be read: an edit may have spoilt it."""

    path: Path
    version: Version | None

    def require_unchanged(self) -> None:
        if file_version(self.path) != self.version:
            raise changed_error(self.path)


def undo_list(
    app: App, name: str, *, to: int | None = None, by: str = BY_COMMAND_LINE, allow_removals: bool = False
) -> SyncPlan:
    """Restores the file as sync `to` left it, by default one step back, and syncs it.

    Opt-outs and sign-ups that came since are kept; suppressions that the undone syncs made are lifted.
    """
    path = app.workspace.list_file(name)
    with list_lock(app, name):
        current = _EditedFile(path=path, version=file_version(path))
        with _older_file(app, name, to) as (back_to, older):
            return replace_and_sync(app, name, older, current, by=by, allow_removals=allow_removals, undo_to=back_to)


def plan_undo(app: App, name: str, *, to: int | None = None) -> SyncPlan:
    """Returns what `undo_list` would do."""
    with _older_file(app, name, to) as (back_to, older), app.ledger.syncs.scratch() as scratch:
        staged = stage_list(scratch, older.path, name, column_rules(app, name), number=1, keep=False)
        with scratch.dry_run() as conn:
            done = app.ledger.syncs.merge(
                conn, name, staged.rows, staged.reading, by=BY_COMMAND_LINE, allow_removals=True, undo_to=back_to
            )
        return replace(done.plan, sync=None)


def restorable_syncs(app: App, name: str) -> RestorableSyncs:
    """Returns the syncs that `undo_list` can go back to."""
    kept = set(ListBackups(app.workspace.state, name).versions())
    history = app.ledger.syncs.history(name)
    state = app.ledger.syncs.state(name)
    if not history or state is None:
        return RestorableSyncs(last=None, is_edited=False, digests={}, back=None)
    last, *earlier = history
    is_edited = find_digest(app, name) != state.digest
    digests = {each.sync: each.digest for each in (history if is_edited else earlier) if each.sync in kept}
    is_by_settings = last.undo_of is None  # then a sync of the same file changed readers by what its columns mean
    differing = (sync for sync, digest in digests.items() if is_edited or is_by_settings or digest != last.digest)
    return RestorableSyncs(last=last.sync, is_edited=is_edited, digests=digests, back=next(differing, None))


@contextmanager
def _older_file(app: App, name: str, to: int | None) -> Iterator[tuple[int, AtomicFile]]:
    """Yields the sync to go back to, and the file that it left, ready to replace the list's file."""
    back_to, digest = _choose(app, name, to)
    history = ListBackups(app.workspace.ensure_state_dir(), name)
    with AtomicFile(app.workspace.list_file(name)) as older:
        history.restore(back_to, digest, older.file)
        older.file.flush()
        yield back_to, older


def _choose(app: App, name: str, to: int | None) -> tuple[int, str]:
    """Returns the sync to go back to, and the digest of the file that it left."""
    found = restorable_syncs(app, name)
    wanted = found.back if to is None else to
    if wanted is None:
        raise UsageError(
            f"The list {name} has no earlier version, and its file has not changed since the last sync.",
            "There is nothing to undo.",
        )
    if wanted not in found.digests:
        listed = ", ".join(map(str, found.digests))
        reason = (
            f"The list {name} is as sync {wanted} left it."
            if wanted == found.last
            else f"Sync {wanted} of the list {name} cannot be restored."
        )
        raise UsageError(reason, f"You can go back to: {listed}." if listed else "There is nothing to undo.")
    return wanted, found.digests[wanted]
