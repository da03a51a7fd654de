"""Lists: their files brought together with what the ledger knows.

    sync_list(newsroom, name)      the whole of it: read, merge, write the file, keep a copy for `undo`
    plan_sync(newsroom, name)      what that would do; changes nothing, makes no ledger
    undo_list(newsroom, name)      back to how the list was after an earlier sync
    exchange(newsroom, name, ...)  another file in the place of the list's, and synced: for an undo, an upload, an edit

The order is what makes it safe. The rows are laid out beside the ledger; one transaction makes the ledger say what the file
says, where the file may; then the file is replaced, if it has not changed since it was read; then the ledger notes that the
file was told. A crash in between leaves a file that has not been told yet, or a ledger that has not noted it: the next sync
finds either, and does what is left. Two syncs of a list wait for each other.

Raises ListError, UsageError, UndecidedError where a person must decide, LedgerError.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mailer.audience.address import parse_address
from mailer.audience.columns import EMAIL, SINCE, STATUS
from mailer.audience.listfile import Batch, ListFile, open_list, unreadable
from mailer.audience.rejected import keep_rejected
from mailer.audience.rewrite import Patch, prepare_rewrite
from mailer.audience.row import Duplicate, Finding, Member, Rejected, Status
from mailer.errors import UndecidedError, UsageError
from mailer.files import AtomicFile
from mailer.ledger.bench import Bench
from mailer.ledger.carrying import cells, sign_ups
from mailer.ledger.locks import FileLock
from mailer.ledger.membership import SyncPlan
from mailer.ledger.staging import StagedList, stage
from mailer.ledger.syncs import Merge, Reading
from mailer.service.history import History
from mailer.service.newsroom import Newsroom

SHOWN_FINDINGS = 50
BY_HAND = "command line"
_PATIENCE = 120.0  # seconds to wait for another sync of the same list


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A list file, read and laid out on a bench."""

    source: ListFile
    rows: StagedList
    reading: Reading


def sync_list(newsroom: Newsroom, name: str, *, by: str = BY_HAND, allow_removals: bool = False) -> SyncPlan:
    """Sync the list `name`. What was done; nothing where file and ledger are as they were."""
    with alone(newsroom, name):
        return sync_alone(newsroom, name, by=by, allow_removals=allow_removals)


def sync_alone(newsroom: Newsroom, name: str, *, by: str, allow_removals: bool = False) -> SyncPlan:
    """The same within `alone`, for who goes on with the list as it is then."""
    path = newsroom.workspace.list_file(name)
    if newsroom.ledger.syncs.is_current(name, digest_of(path)):
        return unchanged(newsroom, name)
    with newsroom.ledger.syncs.bench() as bench:
        staged = stage_list(bench, path, name, number=1, keep=True)
        with bench.writing() as conn:
            done = newsroom.ledger.syncs.merge(
                conn, name, staged.rows, staged.reading, by=by, allow_removals=allow_removals
            )
            staged.source.refuse_changed()
        changed = _write(newsroom, bench, staged.source, done)
    if done.plan.sync is not None:
        History(newsroom.workspace.make_state(), name).keep(done.plan.sync, path)
    return replace(done.plan, encoding_changed=changed)


def plan_sync(newsroom: Newsroom, name: str) -> SyncPlan:
    """What `sync_list` would do."""
    path = newsroom.workspace.list_file(name)
    with newsroom.ledger_to_look_at() as ledger:
        if ledger.syncs.is_current(name, digest_of(path)):
            return unchanged(newsroom, name)
        with ledger.syncs.bench() as bench:
            staged = stage_list(bench, path, name, number=1, keep=False)
            with bench.laying_out() as conn:
                return ledger.syncs.plan(conn, name, staged.rows, staged.reading)


def undo_list(newsroom: Newsroom, name: str, *, to: int | None = None, by: str = BY_HAND) -> SyncPlan:
    """Put back the file as sync `to` left it, else as it was before the last sync, and sync it.

    Nos that came since stand, sign-ups stay; suppressions that the undone syncs brought are lifted.
    """
    path = newsroom.workspace.list_file(name)
    history = History(newsroom.workspace.make_state(), name)
    with alone(newsroom, name):
        back_to, digest = _choose(newsroom, name, history, to)
        with AtomicFile(path) as older:
            history.restore(back_to, digest, older.file)
            older.file.flush()
            now = open_list(path, name)
            return exchange(newsroom, name, older, now, by=by, allow_removals=True, undo_to=back_to)


def can_go_back_to(newsroom: Newsroom, name: str) -> tuple[int, ...]:
    """The earlier syncs that `undo_list` can go back to, the newest first."""
    return tuple(_choices(newsroom, name, History(newsroom.workspace.state, name)))


class NewFile(Protocol):
    """A file that is ready to take a list's place, in the same folder."""

    @property
    def path(self) -> Path: ...

    def commit(self) -> None: ...


def exchange(
    newsroom: Newsroom,
    name: str,
    new: NewFile,
    now: ListFile,
    *,
    by: str,
    allow_removals: bool,
    undo_to: int | None = None,
) -> SyncPlan:
    """Sync the file `new`, and put it in the place of the list's, if that is still `now`. Within `alone`."""
    history = History(newsroom.workspace.make_state(), name)
    with newsroom.ledger.syncs.bench() as bench:
        staged = stage_list(bench, new.path, name, number=1, keep=True)
        with bench.writing() as conn:
            done = newsroom.ledger.syncs.merge(
                conn, name, staged.rows, staged.reading, by=by, allow_removals=allow_removals, undo_to=undo_to
            )
            now.refuse_changed()
        if done.plan.sync is not None:
            history.keep(done.plan.sync, now.path, replaced=True)
        changed = _write(newsroom, bench, staged.source, done)
    now.refuse_changed()
    new.commit()
    if done.plan.sync is not None:
        history.keep(done.plan.sync, now.path)
    return replace(done.plan, encoding_changed=changed)


def unchanged(newsroom: Newsroom, name: str) -> SyncPlan:
    """The plan of a list that has nothing to be done."""
    with newsroom.ledger_to_look_at() as ledger:
        state = ledger.syncs.state(name)
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
        findings=state.findings,
        more_findings=state.more_findings,
    )


@contextmanager
def alone(newsroom: Newsroom, name: str) -> Iterator[None]:
    """One sync of a list at a time. Raises NoListError, before a lock is made for none of ours."""
    newsroom.workspace.list_file(name)
    folder = newsroom.workspace.make_state() / "lists"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        if not lock.acquire(_PATIENCE):
            raise UndecidedError(f"The list {name} is being synced by another process.", "Try it again.")
        yield
    finally:
        lock.close()


def digest_of(path: Path) -> str:
    """SHA-256 of a list file, in hex. Raises ListError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def stage_list(bench: Bench, path: Path, name: str, *, number: int, keep: bool) -> Staged:
    """Read a list file and lay it out. `keep`: keep its rejected rows beside it."""
    source = open_list(path, name)
    digest, size = digest_of(path), path.stat().st_size
    columns = source.columns
    status = "" if columns.status is None else columns.names[columns.status]
    reader = _Reader(source, kept=keep)
    with ExitStack() as stack:
        if keep:
            reader.keep = stack.enter_context(keep_rejected([source]))
        conn = stack.enter_context(bench.laying_out())
        rows = stage(
            conn,
            number,
            reader.batches(columns.fields - {EMAIL, status}),
            since="" if columns.since is None else columns.names[columns.since],
        )
        for again in rows.first_duplicates(conn, SHOWN_FINDINGS):
            duplicate = Duplicate(line=again.line, first=again.first, identity=again.identity, status=again.status)
            reader.shown.append((again.line, source.describe(duplicate)))
    findings = sorted(reader.shown)[:SHOWN_FINDINGS]
    reading = Reading(
        digest=digest,
        size=size,
        columns=tuple(name for name in columns.names if name),
        consent=columns.consent,
        rows=rows.people + rows.duplicates + reader.rejected,
        rejected=reader.rejected,
        findings=tuple(words for _, words in findings),
        more_findings=reader.count + rows.duplicates - len(findings),
    )
    return Staged(source=source, rows=rows, reading=reading)


class _Reader:
    """The rows of a file: they stream through, of findings the first stay, in words."""

    def __init__(self, source: ListFile, *, kept: bool) -> None:
        self.count = self.rejected = 0
        self.shown: list[tuple[int, str]] = []
        self.keep: Callable[[ListFile, Finding], None] | None = None
        self._source = source
        self._kept = kept

    def batches(self, fields: frozenset[str]) -> Iterator[Batch]:
        for batch in self._source.batches(fields):
            for row in batch.rows:
                if not isinstance(row, Member):
                    self._find(row)
            yield batch

    def _find(self, finding: Finding) -> None:
        self.count += 1
        self.rejected += isinstance(finding, Rejected)
        if len(self.shown) < SHOWN_FINDINGS:
            self.shown.append((finding.line, self._source.describe(finding, kept=self._kept)))
        if self.keep:
            self.keep(self._source, finding)


def _write(newsroom: Newsroom, bench: Bench, source: ListFile, done: Merge) -> bool:
    """Tell the file what the ledger knows better, and note that it was told. Whether its encoding is another one now."""
    if not done.plan.writes:
        return False
    zone = newsroom.settings.timezone

    def day(moment: float) -> str:
        return dt.datetime.fromtimestamp(moment, zone).date().isoformat()

    with bench.laying_out() as conn:
        appended = sign_ups(conn, done.sheet)
        told = (
            Patch(line=cell.line, status=cell.status.value, since=day(cell.since)) for cell in cells(conn, done.sheet)
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
        with prepare_rewrite(source, told, rows) as prepared:
            prepared.commit()
            written = prepared.rewritten
    with bench.writing() as conn:
        newsroom.ledger.syncs.settle(conn, done, appended, digest=written.digest, size=source.path.stat().st_size)
    return written.encoding_changed


def _choose(newsroom: Newsroom, name: str, history: History, to: int | None) -> tuple[int, str]:
    """Which sync to go back to, and the digest of what it left."""
    choices = _choices(newsroom, name, history)
    wanted = next(iter(choices), None) if to is None else to
    if wanted is None:
        raise UsageError(f"There is no earlier sync of {name} to go back to.", f"See: mailer list show {name}")
    if wanted not in choices:
        listed = ", ".join(str(sync) for sync in choices) or "none"
        raise UsageError(f"The list {name} cannot go back to sync {wanted}.", f"It can go back to: {listed}")
    return wanted, choices[wanted]


def _choices(newsroom: Newsroom, name: str, history: History) -> dict[int, str]:
    syncs = newsroom.ledger.syncs.history(name)
    kept = set(history.kept())
    return {each.sync: each.digest for each in syncs[1:] if each.sync in kept}
