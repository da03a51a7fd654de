"""Compares a staged list file with the ledger, as sets: what a sync would change.

    diff = compute(conn, list_id, staged, ...)  compares every row; decides every situation that occurs (audience.status_merge)
    summarize(conn, diff, name=...)             counts, and the first of each kind

A row that changes nothing (a known, subscribed member as before) is only counted, so that an ordinary sync stores little.
mailer.ledger.sync.apply applies the decisions.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    and_,
    case,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    type_coerce,
)

from mailer.audience.status_merge import MergeDecision, MergeInput, merge_status
from mailer.csv.rows import Status
from mailer.ledger.store.expressions import effective_status, is_suppressed, set_by_subscriber, suppression_reason
from mailer.ledger.store.tables import Id, member, suppression
from mailer.ledger.sync.list_file_staging import StagedList
from mailer.ledger.types.subscribers import NO_LINE, SignupSource
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.syncs import FROM_LIST, SHOWN, BlockedRow, PlannedChange, PlannedJoin, SyncPlan

STAYS, NEW, RETURNS, ADOPTED = range(4)
_EVERYWHERE = {
    SuppressionReason.BOUNCED.value: Status.BOUNCED,
    SuppressionReason.UNSUBSCRIBED.value: Status.UNSUBSCRIBED,
    SuppressionReason.COMPLAINED.value: Status.COMPLAINED,
    SuppressionReason.ERASED.value: Status.ERASED,
}
_SUPPRESS = {
    Status.BOUNCED: SuppressionReason.BOUNCED,
    Status.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
    Status.COMPLAINED: SuppressionReason.COMPLAINED,
    Status.ERASED: SuppressionReason.UNSUBSCRIBED,  # only the subscriber's own request erases
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDiff:
    """The comparison of one list: the staged rows, those that differ (`changed`), and the `decisions`."""

    list_id: int
    staged: StagedList
    changed: Table
    decisions: Table
    at: float
    is_first: bool
    members: int
    keeps_sign_ups: bool

    def word(self, column: str) -> ColumnElement[Any]:
        return type_coerce(self.decisions.c[column], member.c.status.type)


def compute(conn: Connection, list_id: int, staged: StagedList, *, at: float, keeps_sign_ups: bool = False) -> SyncDiff:
    """Compares and decides. `keeps_sign_ups`: members who signed up are not removed if this file lacks them."""
    metadata = MetaData()
    changed = Table(
        f"changed_{staged.rows.name}",
        metadata,
        Column("line", Integer, primary_key=True, autoincrement=False),
        Column("identity", Text, nullable=False),
        Column("member_id", Id),
        Column("arrives", Integer, nullable=False),
        Column("changed", Boolean, nullable=False),
        Column("was", String(16), nullable=False),
        Column("key", String(100), nullable=False),
        prefixes=["TEMPORARY"],
    )
    decisions = Table(
        f"decisions_{staged.rows.name}",
        metadata,
        Column("key", String(100), primary_key=True),
        Column("status", String(16), nullable=False),
        Column("suppress", String(16)),
        Column("cell", String(16)),
        Column("blocked", Text, nullable=False),
        prefixes=["TEMPORARY"],
    )
    for table in (changed, decisions):
        conn.execute(text(f"DROP TABLE IF EXISTS {table.name}"))
        table.create(conn)
    mine = member.c.list_id == list_id
    is_first = conn.execute(select(member.c.id).where(mine).limit(1)).first() is None
    columns = ["line", "identity", "member_id", "arrives", "changed", "was", "key"]
    compare = _compare_first(staged) if is_first else _compare(staged, list_id, at)
    conn.execute(insert(changed).from_select(columns, compare))
    keys = conn.execute(select(changed.c.key).distinct()).scalars().all()
    if keys:
        conn.execute(insert(decisions), [_decide(key) for key in keys])
    members = 0
    if not is_first:
        members = conn.execute(select(func.count()).where(mine, member.c.in_file)).scalar_one()
    return SyncDiff(
        list_id=list_id,
        staged=staged,
        changed=changed,
        decisions=decisions,
        at=at,
        is_first=is_first,
        members=members,
        keeps_sign_ups=keeps_sign_ups,
    )


def _compare_first(staged: StagedList) -> Select[Any]:
    """Returns the rows of a list that was never synced, but for those that simply join."""
    rows, reason = staged.rows, suppression_reason()
    return (
        select(
            rows.c.line,
            rows.c.identity,
            null(),
            literal(NEW),
            false(),
            literal(""),
            staged.status.concat("||||").concat(reason),
        )
        .join(suppression, suppression.c.identity == rows.c.identity, isouter=True)
        .where(or_(staged.status != Status.SUBSCRIBED.value, suppression.c.identity.is_not(None)))
    )


def _compare(staged: StagedList, list_id: int, at: float) -> Select[Any]:
    """Returns the rows that differ from the ledger, or are not plainly subscribed."""
    rows, subscribed = staged.rows, Status.SUBSCRIBED.value
    reason = suppression_reason()
    base = func.coalesce(type_coerce(member.c.base_status, Text), "")
    was = func.coalesce(type_coerce(effective_status(at), Text), "")
    differs = or_(rows.c.fields != member.c.fields, staged.address != member.c.address)
    arrives = case(
        (member.c.id.is_(None), NEW),
        (member.c.removed_at.is_not(None), RETURNS),
        (~member.c.in_file, ADOPTED),
        else_=STAYS,
    )
    key: ColumnElement[Any] = staged.status
    for part in (case((member.c.in_file, base), else_=""), was, set_by_subscriber(), reason):
        key = key.concat("|").concat(part)
    return (
        select(rows.c.line, rows.c.identity, member.c.id, arrives, func.coalesce(differs, false()), was, key)
        .join(member, and_(member.c.list_id == list_id, member.c.identity == rows.c.identity), isouter=True)
        .join(suppression, suppression.c.identity == rows.c.identity, isouter=True)
        .where(
            or_(
                member.c.id.is_(None),
                ~member.c.in_file,
                differs,
                staged.status != subscribed,
                member.c.status != subscribed,
                member.c.base_status != subscribed,
                suppression.c.identity.is_not(None),
            )
        )
    )


def decide(key: str) -> MergeDecision:
    """Returns the decision for a situation, written as `file|base|status|person|suppression`."""
    file, base, status, person, reason = key.split("|")
    return merge_status(
        MergeInput(
            file=Status(file),
            base=Status(base) if base else None,
            status=Status(status) if status else None,
            by_person=bool(person),
            suppression=_EVERYWHERE.get(reason),
            is_suppressed=bool(reason),
        )
    )


def _decide(key: str) -> dict[str, object]:
    merged = decide(key)
    return {
        "key": key,
        "status": merged.status.value,
        "suppress": merged.suppress and _SUPPRESS[merged.suppress].value,
        "cell": merged.cell and merged.cell.value,
        "blocked": merged.blocked,
    }


def summarize(conn: Connection, diff: SyncDiff, *, name: str) -> SyncPlan:
    """Returns what applying it would do: counts, and the first SHOWN of each kind."""
    changed, decisions = diff.changed, diff.decisions
    both = changed.join(decisions, decisions.c.key == changed.c.key)
    moved = or_(decisions.c.suppress.is_not(None), and_(changed.c.was != "", changed.c.was != decisions.c.status))
    stays = changed.c.arrives.in_([STAYS, ADOPTED])

    def count(which: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((which, 1), else_=0)), 0)

    found = conn.execute(
        select(
            count(changed.c.arrives == NEW).label("new"),
            count(changed.c.arrives == RETURNS).label("returns"),
            count(changed.c.arrives == ADOPTED).label("adopted"),
            count(and_(changed.c.changed, stays)).label("changed"),
            count(and_(moved, stays)).label("moved"),
            count(decisions.c.blocked != "").label("blocked"),
            count(and_(decisions.c.blocked != "", ~stays)).label("blocked_joined"),
            count(decisions.c.cell.is_not(None)).label("patched"),
        ).select_from(both)
    ).one()
    arrived = diff.staged.people if diff.is_first else found.new + found.returns
    removed = 0 if diff.is_first else diff.members - (diff.staged.people - arrived - found.adopted)
    if removed and diff.keeps_sign_ups:
        removed = conn.execute(select(func.count()).where(removed_members(diff))).scalar_one()
    return SyncPlan(
        list=name,
        is_first=diff.is_first,
        members_before=diff.members,
        people=diff.staged.people,
        joined=arrived,
        changed=found.changed,
        moved=found.moved,
        removed=removed,
        blocked=found.blocked,
        duplicates=diff.staged.duplicates,
        patched=found.patched,
        appended=conn.execute(select(func.count()).select_from(pending_signups(diff).subquery())).scalar_one(),
        unmailed=_count_unmailed(conn, diff) if arrived else {},
        blocked_joined=found.blocked_joined,
        first_mailed=_first_joined(conn, diff, mailed=True) if arrived and not diff.is_first else (),
        first_unmailed=_first_joined(conn, diff, mailed=False) if arrived else (),
        first_changed=_first_changed(conn, diff) if found.changed else (),
        first_removed=_first_removed(conn, diff) if removed else (),
        first_blocked=_first_blocked(conn, diff) if found.blocked else (),
        erased_lines=_erased_lines(conn, diff),
    )


def _why_unmailed(diff: SyncDiff) -> tuple[ColumnElement[Any], Select[Any]]:
    """Returns why a member who joins will get no mail ("" for one who will), and the query that has these members."""
    changed, decisions = diff.changed, diff.decisions
    status = case((decisions.c.status == Status.SUBSCRIBED.value, ""), else_=decisions.c.status)
    why = func.coalesce(decisions.c.suppress, type_coerce(suppression.c.reason, Text), status)
    joining = (
        select(why.label("why"))
        .select_from(changed)
        .join(decisions, decisions.c.key == changed.c.key)
        .join(suppression, suppression.c.identity == changed.c.identity, isouter=True)
        .where(changed.c.arrives.in_([NEW, RETURNS]))
    )
    return why, joining


def _count_unmailed(conn: Connection, diff: SyncDiff) -> dict[str, int]:
    why, joining = _why_unmailed(diff)
    counted = joining.add_columns(func.count().label("number")).where(why != "").group_by(why).order_by(why)
    return {row.why: row.number for row in conn.execute(counted)}


def _first_joined(conn: Connection, diff: SyncDiff, *, mailed: bool) -> tuple[PlannedJoin, ...]:
    why, joining = _why_unmailed(diff)
    query = joining.add_columns(diff.changed.c.line, diff.changed.c.identity).where(why == "" if mailed else why != "")
    rows = conn.execute(query.order_by(diff.changed.c.line).limit(SHOWN))
    return tuple(PlannedJoin(line=row.line, identity=row.identity, reason=row.why) for row in rows)


def _first_changed(conn: Connection, diff: SyncDiff) -> tuple[PlannedChange, ...]:
    rows = conn.execute(changed_members(diff).order_by(diff.changed.c.line).limit(SHOWN))
    return tuple(
        PlannedChange(line=row.line, identity=row.identity, fields=_differences(row.before, row.after)) for row in rows
    )


def _first_removed(conn: Connection, diff: SyncDiff) -> tuple[str, ...]:
    left = select(member.c.identity).where(removed_members(diff)).order_by(member.c.line, member.c.id)
    return tuple(conn.execute(left.limit(SHOWN)).scalars())


def _first_blocked(conn: Connection, diff: SyncDiff) -> tuple[BlockedRow, ...]:
    changed, decisions = diff.changed, diff.decisions
    query = (
        select(
            changed.c.line,
            changed.c.identity,
            changed.c.arrives,
            decisions.c.blocked,
            suppression.c.reason,
            suppression.c.source,
        )
        .join(decisions, decisions.c.key == changed.c.key)
        .outerjoin(suppression, suppression.c.identity == changed.c.identity)
    )
    rows = conn.execute(query.where(decisions.c.blocked != "").order_by(changed.c.line).limit(SHOWN))
    return tuple(
        BlockedRow(
            line=row.line,
            identity=row.identity,
            why=f"{row.reason} (by {row.source})" if _is_told_by_its_source(row.reason, row.source) else row.blocked,
            joins=row.arrives in {NEW, RETURNS},
        )
        for row in rows
    )


def _is_told_by_its_source(reason: SuppressionReason | None, source: str | None) -> bool:
    """Whether the source of a suppression says who caused it: an opt-out may come from the reader, an admin or a list."""
    return reason is SuppressionReason.UNSUBSCRIBED or (source or "").startswith(FROM_LIST)


def _erased_lines(conn: Connection, diff: SyncDiff) -> tuple[int, ...]:
    """Returns the lines of the rows whose readers were erased, also of their later rows."""
    changed, again = diff.changed, diff.staged.again
    is_erased = and_(suppression.c.identity == changed.c.identity, suppression.c.reason == SuppressionReason.ERASED)
    lines = set(conn.execute(select(changed.c.line).join(suppression, is_erased)).scalars())
    if lines and diff.staged.duplicates:
        later = select(again.c.line).join(changed, changed.c.line == again.c.first).join(suppression, is_erased)
        lines.update(conn.execute(later).scalars())
    return tuple(sorted(lines))


def _differences(before: str, after: str) -> Mapping[str, tuple[str, str]]:
    old, new = json.loads(before), json.loads(after)
    names = dict.fromkeys([*old, *new])
    return {name: (old.get(name, ""), new.get(name, "")) for name in names if old.get(name, "") != new.get(name, "")}


def changed_members(diff: SyncDiff) -> Select[Any]:
    """Returns the members whose fields or spelling of the address changed in the file, with both versions."""
    changed, rows = diff.changed, diff.staged.rows
    return (
        select(changed.c.line, changed.c.identity, member.c.fields.label("before"), rows.c.fields.label("after"))
        .join(rows, rows.c.line == changed.c.line)
        .join(member, member.c.id == changed.c.member_id)
        .where(changed.c.changed, changed.c.arrives.in_([STAYS, ADOPTED]))
    )


def removed_members(diff: SyncDiff) -> ColumnElement[bool]:
    """Members whose row is no longer in the file."""
    rows = diff.staged.rows
    lost = and_(
        member.c.list_id == diff.list_id, member.c.in_file, ~exists().where(rows.c.identity == member.c.identity)
    )
    return and_(lost, member.c.source != SignupSource.SIGN_UP) if diff.keeps_sign_ups else lost


def pending_signups(diff: SyncDiff) -> Select[Any]:
    """Returns the members to be appended to the file: subscribed, signed up, not suppressed."""
    staged = exists().where(diff.staged.rows.c.identity == member.c.identity)
    waits = and_(member.c.line == NO_LINE, ~member.c.in_file)
    return select(member.c.id).where(
        member.c.list_id == diff.list_id,
        or_(waits, member.c.source == SignupSource.SIGN_UP) if diff.keeps_sign_ups else waits,
        member.c.removed_at.is_(None),
        effective_status(diff.at) == Status.SUBSCRIBED.value,
        ~is_suppressed(member.c.identity),
        ~staged,
    )
