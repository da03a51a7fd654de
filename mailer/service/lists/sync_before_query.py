"""Lists as a send, an export or a preview counts them: synced, or by a dry run, with a connection that sees the result.

    with synced_lists(app, names, ListSource.FILES) as lists: ...

The files are read before the transaction of a dry run begins, so that writers of the ledger wait for the merge and the queries,
not for the files. Raises ListError, NeedsConfirmationError for many removals, LedgerError.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import Connection

from mailer.app import App
from mailer.ledger.ledger import Ledger
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.lists.file_digests import file_digest
from mailer.service.lists.staged_file import stage_list
from mailer.service.lists.sync import BY_FILE, sync_list, unchanged_plan
from mailer.service.lists.unclear_columns import column_meanings, column_rules


class ListSource(Enum):
    """Which state of a list is used."""

    SYNC = auto()  # that of its file, which is synced first
    FILE = auto()  # that of its file, by a dry run: nothing is written, but writers of the ledger wait for it
    LAST_SYNC = auto()  # that of its last sync, which blocks nobody; that of its file if it must be read again


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedLists:
    """A connection that sees lists in the wanted state; `plans`: what the syncs did, or would do.

    `outdated`: lists whose files have changed since their last sync, and which are taken as of that sync.
    """

    ledger: Ledger
    conn: Connection
    plans: Mapping[str, SyncPlan]
    outdated: tuple[str, ...] = ()


@contextmanager
def synced_lists(
    app: App, names: Sequence[str], source: ListSource, *, allow_removals: bool = False
) -> Iterator[SyncedLists]:
    """Yields the lists `names` in the state that `source` says."""
    plans = (
        {name: sync_list(app, name, by=BY_FILE, implicit=True) for name in names} if source is ListSource.SYNC else {}
    )
    with app.readonly_ledger() as ledger:
        unsynced, outdated = ((), ()) if source is ListSource.SYNC else _compare(app, ledger, names, source)
        plans |= {name: unchanged_plan(app, name) for name in names if name not in {*plans, *unsynced}}
        if unsynced:
            with _dry_run(app, ledger, unsynced, allow_removals=allow_removals) as (conn, planned):
                yield SyncedLists(ledger=ledger, conn=conn, plans=plans | planned, outdated=outdated)
        else:
            with ledger.syncs.reading() as conn:
                yield SyncedLists(ledger=ledger, conn=conn, plans=plans, outdated=outdated)


def _compare(
    app: App, ledger: Ledger, names: Sequence[str], source: ListSource
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the lists that need a dry run, and those that are taken as of their last sync although the file has changed."""
    digests = {name: file_digest(app.workspace.list_file(name)) for name in names}
    meanings = {name: column_meanings(app, name) for name in names}
    changed = tuple(name for name in names if not ledger.syncs.is_current(name, digests[name], meanings[name]))
    if source is ListSource.FILE:
        return changed, ()
    states = {name: ledger.syncs.state(name) for name in changed}
    unread = tuple(name for name, state in states.items() if state is None or state.meanings != meanings[name])
    outdated = (
        name for name, state in states.items() if state and state.digest != digests[name] and name not in unread
    )
    return unread, tuple(outdated)


@contextmanager
def _dry_run(
    app: App, ledger: Ledger, names: Sequence[str], *, allow_removals: bool
) -> Iterator[tuple[Connection, dict[str, SyncPlan]]]:
    """Reads the files of the lists; then merges them in a transaction that is rolled back at the end."""
    with ledger.syncs.scratch() as scratch:
        staged = [
            stage_list(scratch, app.workspace.list_file(name), name, column_rules(app, name), number=number, keep=False)
            for number, name in enumerate(names, start=1)
        ]
        with scratch.dry_run() as conn:
            plans = {
                each.source.name: ledger.syncs.merge(
                    conn, each.source.name, each.rows, each.reading, by=BY_FILE, allow_removals=allow_removals
                ).plan
                for each in staged
            }
            yield conn, plans
