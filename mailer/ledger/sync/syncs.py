"""Syncs of list files and the ledger, one transaction for each list.

    with syncs.scratch() as scratch:
        with scratch.snapshot() as conn: staged = load(conn, ...)
        with scratch.transaction() as conn: done = syncs.merge(conn, ...)     or dry_run()
        ...the file is written from done.diff, and then
        with scratch.transaction() as conn: syncs.settle(conn, done, ...)

A sync that changed something has a number, and can be undone: before the older file is merged, `undo_to` reverts the
suppressions and statuses that later syncs of the list brought, unless they were renewed since. Raises NeedsConfirmationError
where a user must decide, LedgerError.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    func,
    insert,
    select,
    type_coerce,
    union,
    update,
)

from mailer.csv.rows import READING_RULES, Status, UnclearColumn
from mailer.errors import NeedsConfirmationError
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.expressions import effective_status, is_suppressed, set_by_subscriber, suppression_reason
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.scratch_connection import ScratchConnection
from mailer.ledger.store.tables import IS_APART, list_, list_sync, member, member_change, suppression
from mailer.ledger.subscribers.member_search import count_by_reason
from mailer.ledger.subscribers.members import known_list
from mailer.ledger.subscribers.suppressions import lift_all
from mailer.ledger.sync.apply import AppendedSignup, apply, confirm_written
from mailer.ledger.sync.diff import SyncDiff, compute, decide, summarize
from mailer.ledger.sync.imported_consent import forget_imported, keep_imported, source_label
from mailer.ledger.sync.list_file_staging import StagedList
from mailer.ledger.types.subscribers import NO_LINE, MemberChangeKind, StatusSource
from mailer.ledger.types.syncs import COUNTS, FROM_LIST, MAILED, ListState, PendingChanges, SyncPlan, SyncRecord

_DEPARTURES = frozenset({Status.UNSUBSCRIBED, Status.COMPLAINED, Status.ERASED})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStats:
    """Statistics of reading a list file. `findings` are the first ones, as text.

    `consent`: the fields with the evidence of consent (csv.columns). `meanings` of columns, as they were stated, and the columns
    that are `unclear`.
    """

    digest: str
    size: int
    columns: tuple[str, ...]
    consent: Mapping[str, str]
    rows: int
    rejected: int
    findings: tuple[str, ...] = ()
    more_findings: int = 0
    meanings: Mapping[str, str] = field(default_factory=dict)
    unclear: tuple[UnclearColumn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """A list that was merged: what was done, and what is needed to write its file."""

    plan: SyncPlan
    diff: SyncDiff


class ListSyncs:
    """The syncs of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def scratch(self) -> ScratchConnection:
        return ScratchConnection(self._context)

    def state(self, name: str) -> ListState | None:
        """Returns the state of a list; None if it was never synced."""
        with self._context.database.reading() as conn:
            row = conn.execute(select(list_).where(list_.c.name == name, list_.c.digest != "")).first()
            return _state(row) if row else None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Opens a connection for queries over members."""
        with self._context.database.reading() as conn:
            yield conn

    def is_current(self, name: str, digest: str, meanings: Mapping[str, str]) -> bool:
        """Whether the file of this digest, read with these meanings of its columns, and the ledger are in sync."""
        with self._context.database.reading() as conn:
            found = conn.execute(select(list_).where(list_.c.name == name, list_.c.digest == digest)).first()
            if found is None or _meanings(found.findings) != meanings:
                return False
            return not _has_pending_changes(conn, found.id, self._context.clock())

    def pending(self, name: str) -> PendingChanges:
        """Counts what the next sync would write into a file that has not changed since the last one."""
        now = self._context.clock()
        with self._context.database.reading() as conn:
            list_id = conn.execute(select(list_.c.id).where(list_.c.name == name)).scalar() or 0
            sign_ups = conn.execute(select(func.count()).select_from(_appendable(list_id, now).subquery())).scalar_one()
            rows = union(*_possible_cells(list_id, now)).subquery()
            counted = select(rows.c.key, func.count().label("number")).group_by(rows.c.key)
            cells = [(decide(row.key).cell, int(row.number)) for row in conn.execute(counted)]
        written = [(cell, number) for cell, number in cells if cell is not None]
        returns = sum(number for cell, number in written if cell is Status.SUBSCRIBED)
        departures = sum(number for cell, number in written if cell in _DEPARTURES)
        statuses = sum(number for _, number in written) - returns - departures
        return PendingChanges(sign_ups=sign_ups, departures=departures, returns=returns, statuses=statuses)

    def history(self, name: str) -> tuple[SyncRecord, ...]:
        """Returns the syncs of a list that changed something, the newest first."""
        query = select(list_sync).join(list_).where(list_.c.name == name).order_by(list_sync.c.id.desc())
        with self._context.database.reading() as conn:
            return tuple(_record(row) for row in conn.execute(query))

    def merge(
        self,
        conn: Connection,
        name: str,
        staged: StagedList,
        reading: FileStats,
        *,
        by: str,
        allow_removals: bool = False,
        undo_to: int | None = None,
    ) -> SyncResult:
        """Merges a staged list, within the caller's transaction."""
        advisory_lock(conn, f"list {name}")
        now, list_id = self._context.clock(), known_list(conn, name)
        if undo_to is not None:
            _revert(conn, list_id, name, undo_to, at=now)
        sync_diff, plan = _compare(conn, list_id, name, staged, reading, at=now, keeps_sign_ups=undo_to is not None)
        if plan.removes_many and not allow_removals:
            raise _many_removed(plan, undo_to)
        number = None
        if not plan.changes_nothing or undo_to is not None:
            number = _insert_sync(conn, list_id, plan, reading, by=by, at=now, undo_of=undo_to)
        apply(conn, sync_diff, sync_id=number or 0, by=by, source=source_of(name, number or 0))
        if number is not None:
            keep_imported(conn, sync_diff, reading.consent, form=source_label(name, number))
            counts = {**plan.counts, MAILED: count_by_reason(conn, list_id, now)[""]}
            conn.execute(update(list_sync).where(list_sync.c.id == number).values(counts=counts))
        found = {
            "rows": reading.rows,
            "people": plan.people,
            "rejected": reading.rejected,
            "duplicates": plan.duplicates,
            "shown": list(plan.findings),
            "more": plan.more_findings,
            "meanings": dict(reading.meanings),
            "rules": READING_RULES,
            "unclear": [asdict(each) for each in plan.unclear],
        }
        values: dict[str, Any] = {"columns": list(reading.columns), "digest": reading.digest, "findings": found}
        if number is not None:
            values["sync_id"] = number
        conn.execute(update(list_).where(list_.c.id == list_id).values(**values))
        return SyncResult(plan=replace(plan, sync=number, undo_of=undo_to), diff=sync_diff)

    def plan(self, conn: Connection, name: str, staged: StagedList, reading: FileStats) -> SyncPlan:
        """Returns what `merge` would do; writes temporary tables only."""
        list_id = conn.execute(select(list_.c.id).where(list_.c.name == name)).scalar() or 0
        return _compare(conn, list_id, name, staged, reading, at=self._context.clock(), keeps_sign_ups=False)[1]

    @staticmethod
    def confirm_written(
        conn: Connection, done: SyncResult, appended: tuple[AppendedSignup, ...], *, digest: str, size: int
    ) -> None:
        """Records that the file was written, with its new digest and size."""
        confirm_written(conn, done.diff, appended)
        conn.execute(update(list_).where(list_.c.id == done.diff.list_id).values(digest=digest))
        after = update(list_sync).where(list_sync.c.id == done.plan.sync)
        conn.execute(after.values(digest_after=digest, size_after=size))


def source_of(name: str, sync: int) -> str:
    """Returns the source of the changes of a sync, as the history has it."""
    return f"{FROM_LIST}{name}, sync {sync}"


def _compare(
    conn: Connection,
    list_id: int,
    name: str,
    staged: StagedList,
    reading: FileStats,
    *,
    at: float,
    keeps_sign_ups: bool,
) -> tuple[SyncDiff, SyncPlan]:
    sync_diff = compute(conn, list_id, staged, at=at, keeps_sign_ups=keeps_sign_ups)
    plan = summarize(conn, sync_diff, name=name)
    complete = replace(
        plan,
        rejected=reading.rejected,
        findings=reading.findings,
        more_findings=reading.more_findings,
        unclear=reading.unclear,
    )
    return sync_diff, complete


def _many_removed(plan: SyncPlan, undo_to: int | None) -> NeedsConfirmationError:
    share = plan.removed / plan.members_before
    what = "This" if undo_to is None else f"Going back to sync {undo_to}"
    see = f"mailer list sync {plan.list} --plan"
    see = see if undo_to is None else f"mailer list undo {plan.list} --to {undo_to} --plan"
    back = f" To discard the changes to the file: mailer list undo {plan.list}." if undo_to is None else ""
    return NeedsConfirmationError(
        f"{what} would remove {plan.removed:,} of {plan.members_before:,} readers ({share:.0%}) from the list {plan.list}. "
        "Nothing was changed.",
        f"See them with: {see}. To remove them, add --allow-removals.{back}",
    )


def _insert_sync(
    conn: Connection, list_id: int, plan: SyncPlan, reading: FileStats, *, by: str, at: float, undo_of: int | None
) -> int:
    new = insert(list_sync).values(
        list_id=list_id,
        at=at,
        by=by,
        digest_before=reading.digest,
        size_before=reading.size,
        digest_after=reading.digest,
        size_after=reading.size,
        counts=plan.counts,
        undo_of=undo_of,
    )
    return int(conn.execute(new.returning(list_sync.c.id)).scalar_one())


def _revert(conn: Connection, list_id: int, name: str, undo_to: int, *, at: float) -> None:
    """Reverts what the syncs after `undo_to` brought, unless it was renewed since."""
    later = select(list_sync.c.id, list_sync.c.at).where(list_sync.c.list_id == list_id, list_sync.c.id > undo_to)
    undone = {row.id: row.at for row in conn.execute(later)}
    sources = {source_of(name, sync): then for sync, then in undone.items()}
    lift_all(conn, sources, source=f"list {name}, undo to sync {undo_to}", at=at)
    forget_imported(conn, list_id, [source_label(name, sync) for sync in undone])
    first = (
        select(func.min(member_change.c.id).label("id"))
        .where(
            member_change.c.list_id == list_id,
            member_change.c.sync_id > undo_to,
            member_change.c.kind == MemberChangeKind.STATUS,
        )
        .group_by(member_change.c.identity)
    )
    before = select(member_change.c.identity, member_change.c.before).where(member_change.c.id.in_(first)).subquery()
    conn.execute(
        update(member)
        .where(
            member.c.list_id == list_id,
            member.c.identity == before.c.identity,
            member.c.status_source == StatusSource.FILE,
        )
        .values(status=type_coerce(before.c.before, member.c.status.type), since=at)
    )


def _has_pending_changes(conn: Connection, list_id: int, now: float) -> bool:
    """Whether the ledger has changes for the file that it last read."""
    if conn.execute(_appendable(list_id, now).limit(1)).first():
        return True
    keys = {
        key
        for rows in _possible_cells(list_id, now)
        for key in conn.execute(rows.with_only_columns(rows.selected_columns.key).distinct()).scalars()
    }
    return any(decide(each).cell is not None for each in keys)


def _appendable(list_id: int, now: float) -> Select[Any]:
    """Selects the members who signed up and have no row in the file."""
    return select(member.c.id).where(
        member.c.list_id == list_id,
        member.c.line == NO_LINE,
        ~member.c.in_file,
        member.c.removed_at.is_(None),
        effective_status(now) == Status.SUBSCRIBED.value,
        ~is_suppressed(member.c.identity),
    )


def _possible_cells(list_id: int, now: float) -> tuple[Select[Any], Select[Any]]:
    """Selects the members whose status cell may have to change, each with the key of the situation."""
    key = _unchanged_situation(now).concat("|").concat(suppression_reason()).label("key")
    in_file = and_(member.c.list_id == list_id, member.c.in_file)
    apart = (
        select(member.c.id, key)
        .select_from(member)
        .join(suppression, suppression.c.identity == member.c.identity, isouter=True)
        .where(in_file, IS_APART)
    )
    suppressed = (
        select(member.c.id, key)
        .select_from(member)
        .join(suppression, suppression.c.identity == member.c.identity)
        .where(
            in_file, member.c.identity.in_(select(suppression.c.identity))
        )  # SQLite begins with the suppressions, which are fewer
    )
    return apart, suppressed


def _unchanged_situation(now: float) -> ColumnElement[Any]:
    """The situation of a row that did not change: file and base are the same."""
    base = type_coerce(member.c.base_status, Text)
    key: ColumnElement[Any] = base.concat("|").concat(base).concat("|").concat(effective_status(now)).concat("|")
    return key.concat(set_by_subscriber())


def _meanings(found: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Returns the meanings of columns with which a file was read; None if a version with other rules read it."""
    return found.get("meanings") if found.get("rules") == READING_RULES else None


def _state(row: Row[Any]) -> ListState:
    found = row.findings
    return ListState(
        name=row.name,
        digest=row.digest,
        columns=tuple(row.columns),
        rows=found["rows"],
        people=found["people"],
        rejected=found["rejected"],
        duplicates=found["duplicates"],
        findings=tuple(found["shown"]),
        more_findings=found["more"],
        unclear=tuple(UnclearColumn(**each) for each in found.get("unclear", ())),
        meanings=_meanings(found),
        sync=row.sync_id,
    )


def _record(row: Row[Any]) -> SyncRecord:
    return SyncRecord(
        sync=row.id,
        at=row.at,
        by=row.by,
        digest=row.digest_after,
        size=row.size_after,
        counts={name: row.counts[name] for name in COUNTS},
        undo_of=row.undo_of,
    )
