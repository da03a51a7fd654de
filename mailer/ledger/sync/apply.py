"""Applies a sync: to members, suppressions and history, then to the list file.

    apply(conn, diff, ...)                       changes the ledger, in the caller's transaction
    cells(conn, diff), signups_to_append(...)    the changes to be written into the file
    confirm_written(conn, diff, ...)             records that the file was written

Until `confirm_written`, the ledger keeps the file's content as it was read: so after a crash before or after the replacement of
the file, the next sync gives the right result, whichever file it finds.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    type_coerce,
    update,
)

from mailer.csv.formula_safe_writer import escape_formula
from mailer.csv.rows import Status
from mailer.ledger.store.tables import member, member_change, suppression
from mailer.ledger.subscribers.suppressions import suppress_all
from mailer.ledger.sync.diff import (
    ADOPTED,
    NEW,
    RETURNS,
    STAYS,
    SyncDiff,
    changed_members,
    pending_signups,
    removed_members,
)
from mailer.ledger.types.subscribers import NO_LINE, MemberChangeKind, StatusSource


def apply(conn: Connection, diff: SyncDiff, *, sync_id: int, by: str, source: str) -> None:
    """Applies the decisions to the ledger. The caller decides whether to, and owns the transaction."""
    if not diff.is_first:
        _record_changes(conn, diff, sync_id=sync_id, by=by)
        _remove(conn, diff, sync_id=sync_id, by=by)
        _update_existing(conn, diff)
    _insert_new(conn, diff)
    _apply_decisions(conn, diff)
    changed, decided = diff.changed, diff.decisions
    rows = diff.staged.rows
    left_at = func.coalesce(case((rows.c.left_at <= diff.at, rows.c.left_at)), diff.at)
    wanted = (
        select(changed.c.identity, decided.c.suppress.label("reason"), left_at.label("at"))
        .join(decided, decided.c.key == changed.c.key)
        .join(rows, rows.c.line == changed.c.line)
    )
    suppress_all(conn, wanted.where(decided.c.suppress.is_not(None)), source=source, at=diff.at)


def _record_changes(conn: Connection, diff: SyncDiff, *, sync_id: int, by: str) -> None:
    changed, decided = diff.changed, diff.decisions
    arrived = select(changed.c.identity, literal(""), decided.c.status).join(decided, decided.c.key == changed.c.key)
    joined = arrived.where(changed.c.arrives.in_([NEW, RETURNS]))
    moved = select(changed.c.identity, changed.c.was, decided.c.status).join(decided, decided.c.key == changed.c.key)
    moved = moved.where(changed.c.arrives.in_([STAYS, ADOPTED]), changed.c.was != decided.c.status)
    of_fields = changed_members(diff).subquery()
    for kind, rows in (
        (MemberChangeKind.JOINED, joined),
        (MemberChangeKind.STATUS, moved),
        (MemberChangeKind.FIELDS, select(of_fields.c.identity, of_fields.c.before, of_fields.c.after)),
    ):
        _record(conn, diff, kind, rows, sync_id=sync_id, by=by)


def _record(
    conn: Connection, diff: SyncDiff, kind: MemberChangeKind, rows: Select[Any], *, sync_id: int, by: str
) -> None:
    """Records changes; `rows` are identity, before and after."""
    same = (literal(diff.list_id), literal(diff.at), literal(by), literal(kind.value), literal(sync_id))
    columns = ["identity", "before", "after", "list_id", "at", "by", "kind", "sync_id"]
    conn.execute(insert(member_change).from_select(columns, rows.add_columns(*same)))


def _remove(conn: Connection, diff: SyncDiff, *, sync_id: int, by: str) -> None:
    is_removed = removed_members(diff)
    rows = select(member.c.identity, type_coerce(member.c.status, Text), literal("")).where(is_removed)
    _record(conn, diff, MemberChangeKind.REMOVED, rows, sync_id=sync_id, by=by)
    removed = {"in_file": False, "line": NO_LINE, "base_status": None}
    conn.execute(update(member).where(is_removed).values(**removed, removed_at=diff.at))
    if diff.keeps_sign_ups:
        staged = exists().where(diff.staged.rows.c.identity == member.c.identity)
        conn.execute(
            update(member).where(member.c.list_id == diff.list_id, member.c.in_file, ~staged).values(**removed)
        )


def _update_existing(conn: Connection, diff: SyncDiff) -> None:
    """Updates known members from the file: their line, their cells, that they are in it."""
    changed, rows = diff.changed, diff.staged.rows
    of_list = and_(member.c.list_id == diff.list_id, member.c.identity == rows.c.identity)
    conn.execute(
        update(member)
        .where(member.c.id == changed.c.member_id, changed.c.line == rows.c.line)
        .values(
            in_file=true(),
            removed_at=None,
            base_status=diff.staged.status,
            fields=rows.c.fields,
            address=diff.staged.address,
            joined_at=case(
                (and_(changed.c.arrives == RETURNS, literal(not diff.keeps_sign_ups)), diff.at),
                else_=member.c.joined_at,
            ),
        )
    )
    conn.execute(update(member).where(of_list, member.c.line != rows.c.line).values(line=rows.c.line))


def _insert_new(conn: Connection, diff: SyncDiff) -> None:
    """Inserts new members, in the order of the file."""
    rows, at = diff.staged.rows, literal(diff.at)
    columns = ["list_id", "identity", "address", "fields", "since", "joined_at", "line", "base_status"]
    joined_at = func.coalesce(case((rows.c.since <= at, rows.c.since)), at) if diff.is_first else at
    joining = select(
        literal(diff.list_id),
        rows.c.identity,
        diff.staged.address,
        rows.c.fields,
        at,
        joined_at,
        rows.c.line,
        diff.staged.status,
    ).order_by(rows.c.line)
    if not diff.is_first:
        joining = joining.join(diff.changed, diff.changed.c.line == rows.c.line).where(diff.changed.c.arrives == NEW)
    with _indexed_afterwards(conn) if _is_most_of_all(conn, diff) else nullcontext():
        conn.execute(insert(member).from_select(columns, joining))


def _is_most_of_all(conn: Connection, diff: SyncDiff) -> bool:
    """Whether more members join than all lists had: then SQLite sorts faster than it inserts into indexes."""
    if conn.dialect.name != "sqlite" or not diff.is_first:
        return False
    return diff.staged.people > (conn.execute(select(func.max(member.c.id))).scalar() or 0)


@contextmanager
def _indexed_afterwards(conn: Connection) -> Iterator[None]:
    """Drops the indexes of members while they are inserted, and creates them afterwards, each in one go.

    In the order of the migration: of two equal indexes, SQLite uses the newer.
    """
    indexes = sorted(member.indexes, key=lambda index: str(index.name), reverse=True)
    for index in indexes:
        index.drop(conn, checkfirst=True)
    yield
    for index in indexes:
        index.create(conn)


def _has_decision(diff: SyncDiff) -> tuple[ColumnElement[bool], ...]:
    """The condition for members that have a decision."""
    changed, decided = diff.changed, diff.decisions
    return member.c.list_id == diff.list_id, member.c.identity == changed.c.identity, changed.c.key == decided.c.key


def _apply_decisions(conn: Connection, diff: SyncDiff) -> None:
    decided = diff.decisions
    conn.execute(
        update(member)
        .where(
            *_has_decision(diff),
            type_coerce(member.c.status, Text) != decided.c.status,
        )
        .values(status=decided.c.status, status_source=StatusSource.FILE, since=diff.at, paused_until=None)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCell:
    """The status to be written into a row of the file, and since when."""

    line: int
    status: Status
    since: float


def cells(conn: Connection, diff: SyncDiff) -> Iterator[StatusCell]:
    """Yields the cells by line, also for later rows of a subscriber that have an opt-out which is not active."""
    changed, decided, again = diff.changed, diff.decisions, diff.staged.again
    since = func.coalesce(suppression.c.at, member.c.since)
    first_rows = (
        select(changed.c.line.label("line"), diff.word("cell").label("status"), since.label("since"))
        .join(decided, decided.c.key == changed.c.key)
        .join(member, and_(member.c.list_id == diff.list_id, member.c.identity == changed.c.identity))
        .join(suppression, suppression.c.identity == changed.c.identity, isouter=True)
        .where(decided.c.cell.is_not(None))
    )
    later_rows = (
        select(again.c.line.label("line"), diff.word("cell").label("status"), since.label("since"))
        .join(changed, changed.c.line == again.c.first)
        .join(decided, decided.c.key == changed.c.key)
        .join(member, and_(member.c.list_id == diff.list_id, member.c.identity == changed.c.identity))
        .join(suppression, suppression.c.identity == changed.c.identity, isouter=True)
        .where(decided.c.cell.is_not(None), again.c.status != decided.c.cell)
    )
    query = first_rows.union_all(later_rows) if diff.staged.duplicates else first_rows
    for row in conn.execute(query.order_by("line").execution_options(yield_per=1_000)):
        yield StatusCell(line=row.line, status=Status(row.status), since=row.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendedSignup:
    """A member who signed up and is appended to the file. In `values`, a stranger's formulas are escaped."""

    member_id: int
    address: str
    values: Mapping[str, str]
    joined_at: float


def signups_to_append(conn: Connection, diff: SyncDiff) -> tuple[AppendedSignup, ...]:
    """Returns the members to be appended, the oldest first: few, compared with the rows of a file."""
    query = select(member).where(member.c.id.in_(pending_signups(diff))).order_by(member.c.joined_at, member.c.id)
    return tuple(
        AppendedSignup(
            member_id=row.id,
            address=row.address,
            values={
                **json.loads(row.fields),
                **{name: escape_formula(value) for name, value in json.loads(row.profile).items()},
            },
            joined_at=row.joined_at,
        )
        for row in conn.execute(query)
    )


def confirm_written(conn: Connection, diff: SyncDiff, appended: tuple[AppendedSignup, ...]) -> None:
    """Records that the file has `cells` and `appended` now."""
    decided = diff.decisions
    conn.execute(
        update(member)
        .where(
            *_has_decision(diff),
            decided.c.cell.is_not(None),
        )
        .values(base_status=decided.c.cell)
    )
    for row in appended:
        conn.execute(
            update(member).where(member.c.id == row.member_id).values(in_file=true(), base_status=Status.SUBSCRIBED)
        )
