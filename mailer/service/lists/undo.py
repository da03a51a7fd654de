"""Undoes syncs: restores the file that an earlier sync left, and syncs it.

    undo_list(app, name)         goes back to the sync before the last, or to the one that is named
    undoable_syncs(app, name)    the syncs that it can go back to

Raises ListError, UsageError, LedgerError.
"""

from mailer.app import App
from mailer.atomic_files import AtomicFile
from mailer.csv.reader import open_list
from mailer.errors import UsageError
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.lists.backups import ListBackups
from mailer.service.lists.sync import BY_COMMAND_LINE, list_lock, replace_and_sync


def undo_list(app: App, name: str, *, to: int | None = None, by: str = BY_COMMAND_LINE) -> SyncPlan:
    """Restores the file as sync `to` left it, by default as it was before the last sync, and syncs it.

    Opt-outs and sign-ups that came since are kept; suppressions that the undone syncs made are lifted.
    """
    path = app.workspace.list_file(name)
    history = ListBackups(app.workspace.ensure_state_dir(), name)
    with list_lock(app, name):
        back_to, digest = _choose(app, name, history, to)
        with AtomicFile(path) as older:
            history.restore(back_to, digest, older.file)
            older.file.flush()
            current = open_list(path, name)
            return replace_and_sync(app, name, older, current, by=by, allow_removals=True, undo_to=back_to)


def undoable_syncs(app: App, name: str) -> tuple[int, ...]:
    """Returns the earlier syncs that `undo_list` can go back to, the newest first."""
    return tuple(_choices(app, name, ListBackups(app.workspace.state, name)))


def _choose(app: App, name: str, history: ListBackups, to: int | None) -> tuple[int, str]:
    """Returns the sync to go back to, and the digest of the file that it left."""
    choices = _choices(app, name, history)
    wanted = next(iter(choices), None) if to is None else to
    if wanted is None:
        raise UsageError(f"The list {name} has no earlier version.", "There is nothing to undo.")
    if wanted not in choices:
        listed = ", ".join(str(sync) for sync in choices)
        raise UsageError(
            f"Sync {wanted} of the list {name} cannot be restored.",
            f"You can go back to: {listed}." if listed else "There is nothing to undo.",
        )
    return wanted, choices[wanted]


def _choices(app: App, name: str, history: ListBackups) -> dict[int, str]:
    """Returns the syncs that can be gone back to, with the digest of the file that each left."""
    syncs = app.ledger.syncs.history(name)
    kept = set(history.versions())
    return {each.sync: each.digest for each in syncs[1:] if each.sync in kept}
