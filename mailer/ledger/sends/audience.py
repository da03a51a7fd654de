"""The audience of a send before it is frozen: counts, pages and streams of the very query that freezes it.

Each function takes a connection on which the lists are in the state to be used. Raises LedgerError.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Subquery, case, func, literal, select

from mailer.ledger.sends.audience_query import Audience, AudienceQuery, has_or_may_receive
from mailer.ledger.store.tables import list_, member
from mailer.ledger.types.sends import Recipient

_PAGE = 2_000
_AT_ONCE = 500  # identities in one query


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceCounts:
    """Counts of an audience. `reasons`: "" for those who are mailed, else why not. `people`: members, counted on each list."""

    people: int
    reasons: Mapping[str, int]
    excluded: int
    got_it: int

    @property
    def recipients(self) -> int:
        return sum(self.reasons.values())


def count(conn: Connection, audience: Audience, *, at: float, new_to: str = "") -> AudienceCounts:
    """Counts the audience by reason; `new_to`: recipients who have this dispatch, or may still get it, are excluded."""
    people = AudienceQuery(conn, audience.selection, at=at).query(excluded=True, values=False).subquery()
    has_it = has_or_may_receive(people.c.identity, new_to) if new_to else literal(0)
    query = select(people.c.reason, people.c.excluded, has_it.label("has_it"), func.count().label("number"))
    rows = conn.execute(query.group_by(people.c.reason, people.c.excluded, "has_it")).all()
    reasons: dict[str, int] = {}
    for row in rows:
        if not row.excluded and not row.has_it:
            reasons[row.reason] = reasons.get(row.reason, 0) + row.number
    on_lists = (
        select(func.count())
        .join(list_)
        .where(list_.c.name.in_(audience.selection.lists), member.c.removed_at.is_(None))
    )
    return AudienceCounts(
        people=conn.execute(on_lists.select_from(member)).scalar_one(),
        reasons=reasons,
        excluded=sum(row.number for row in rows if row.excluded),
        got_it=sum(row.number for row in rows if row.has_it and not row.excluded),
    )


def recipients(conn: Connection, audience: Audience, *, at: float, new_to: str = "") -> Iterator[Recipient]:
    """Yields the recipients who would be mailed, in order."""
    query = _in_order(conn, audience, at, new_to, only_mailed=True)
    for row in conn.execute(query.execution_options(yield_per=_PAGE)):
        yield _recipient(row)


def first_recipient(conn: Connection, audience: Audience, *, at: float, new_to: str = "") -> Recipient | None:
    """Returns the first recipient who would be mailed, else the first who would be frozen."""
    for only_mailed in (True, False):
        row = conn.execute(_in_order(conn, audience, at, new_to, only_mailed=only_mailed).limit(1)).first()
        if row:
            return _recipient(row)
    return None


def find(conn: Connection, audience: Audience, identities: Collection[str], *, at: float) -> dict[str, Recipient]:
    """Returns the recipients among `identities`, mailed or not."""
    found: dict[str, Recipient] = {}
    wanted = sorted(set(identities))
    people = _frozen(conn, audience, at)
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(people).where(people.c.identity.in_(wanted[start : start + _AT_ONCE]))
        found.update((row.identity, _recipient(row)) for row in conn.execute(query))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceRow:
    """A member of the audience. `reason`: why not mailed, or ""."""

    address: str
    fields: Mapping[str, str]
    reason: str
    joined_at: float


def listed(conn: Connection, audience: Audience, *, at: float, limit: int | None = None) -> Iterator[AudienceRow]:
    """Yields all members of the audience, mailed or not, in order."""
    query = _in_order(conn, audience, at, "", only_mailed=False).limit(limit)
    for row in conn.execute(query.execution_options(yield_per=_PAGE)):
        yield AudienceRow(
            address=row.address, fields=json.loads(row.fields), reason=row.reason, joined_at=row.joined_at
        )


def skipped_recipients(conn: Connection, audience: Audience, *, at: float, limit: int) -> tuple[AudienceRow, ...]:
    """Returns the first members who would be frozen without being mailed."""
    people = _frozen(conn, audience, at)
    query = select(people).where(people.c.reason != "").order_by(people.c.position, people.c.line, people.c.id)
    return tuple(
        AudienceRow(address=row.address, fields=json.loads(row.fields), reason=row.reason, joined_at=row.joined_at)
        for row in conn.execute(query.limit(limit))
    )


def values_that_occur(
    conn: Connection, audience: Audience, names: tuple[str, ...], *, at: float, new_to: str = ""
) -> Iterator[Mapping[str, str]]:
    """Yields each combination of values that occurs in the fields `names` of those who would be mailed."""
    people = AudienceQuery(conn, audience.selection, at=at).query(names, values=False).subquery()
    columns: list[ColumnElement[Any]] = [people.c[f"f{number}"] for number in range(len(names))]
    query = select(*columns).where(people.c.reason == "").distinct()
    if new_to:
        query = query.where(~has_or_may_receive(people.c.identity, new_to))
    for row in conn.execute(query.execution_options(yield_per=_PAGE)):
        yield dict(zip(names, row, strict=True))


def count_empty(
    conn: Connection, audience: Audience, names: tuple[str, ...], *, at: float, new_to: str = ""
) -> Mapping[str, int]:
    """Counts those who would be mailed and have nothing in a field, for each of `names`."""
    people = AudienceQuery(conn, audience.selection, at=at).query(names, values=False).subquery()
    counts = [func.sum(case((people.c[f"f{number}"] == "", 1), else_=0)) for number in range(len(names))]
    query = select(*counts).where(people.c.reason == "")
    if new_to:
        query = query.where(~has_or_may_receive(people.c.identity, new_to))
    row = conn.execute(query).one()
    return {name: int(row[number] or 0) for number, name in enumerate(names)}


def _frozen(conn: Connection, audience: Audience, at: float) -> Subquery:
    """Returns the members of the audience with what is stored with each."""
    return (
        AudienceQuery(conn, audience.selection, at=at).query(audience.fields, list_names=audience.list_names).subquery()
    )


def _in_order(conn: Connection, audience: Audience, at: float, new_to: str, *, only_mailed: bool) -> Any:
    audience_now = AudienceQuery(conn, audience.selection, at=at)
    people = audience_now.query(audience.fields, list_names=audience.list_names).subquery()
    query = select(people).order_by(*audience_now.order(people))
    if only_mailed:
        query = query.where(people.c.reason == "")
    return query.where(~has_or_may_receive(people.c.identity, new_to)) if new_to else query


def _recipient(row: Row[Any]) -> Recipient:
    return Recipient(row.identity, row.address, json.loads(row.fields), row.reason)
