"""The audience of a send as one query over members: several lists, minus the excluded ones, each subscriber once.

A subscriber comes with the first of the lists that has them, in the order of the lists and of their files. A field has the
first value that is not empty; the profile overrides the file. `reason` is why somebody is frozen and skipped: the active
suppression, or an unknown status word, or the status on the first list (unconfirmed, paused, unsubscribed), unless they are
subscribed to another of the lists. Members of an excluded list are left out, as is everybody outside the segment `where`.

The same query counts before a send, shows a list, and freezes: only the columns differ.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Exists,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    type_coerce,
    union_all,
)

from mailer.audience import segments as w
from mailer.csv.columns.header_row import EMAIL, STATUS
from mailer.csv.rows import Status
from mailer.delivery.states import TERMINAL, DeliveryState, SendKind
from mailer.edition.merge_fields import LIST_NAME
from mailer.ledger.deliveries.transitions import RECEIVED
from mailer.ledger.store.expressions import effective_status
from mailer.ledger.store.tables import delivery, list_, member, send, suppression

_MOST_PAIRS = 40  # fields in one call of a JSON function: databases limit the arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceSpec:
    """Which members: of `lists`, in their order, on none of `exclude`, within `where`. `zone` is the time zone of its days."""

    lists: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    where: w.Segment | None = None
    zone: dt.tzinfo = dt.UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """An AudienceSpec to be frozen, and what is stored with each recipient: fields, and the name of the list.

    `list_names`: list -> its name for readers, of those that have one. The name is that of the first list on which the
    recipient is subscribed.
    """

    selection: AudienceSpec
    fields: tuple[str, ...] = ()
    list_names: Mapping[str, str] = field(default_factory=dict)


class AudienceQuery:
    """The query for an AudienceSpec, at one instant, on one database."""

    def __init__(self, conn: Connection, selection: AudienceSpec, *, at: float) -> None:
        self._selection = selection
        self._at = at
        self._postgresql = conn.dialect.name == "postgresql"
        rows = conn.execute(select(list_.c.name, list_.c.id))
        self._ids = {row.name: row.id for row in rows}
        self._lists = [self._ids.get(name, 0) for name in selection.lists]
        self._excluded = [self._ids.get(name, 0) for name in selection.exclude]

    def query(
        self,
        fields: Sequence[str] = (),
        *,
        list_names: Mapping[str, str] | None = None,
        excluded: bool = False,
        values: bool = True,
    ) -> Select[Any]:
        """Returns the query: identity, address, reason, joined_at, position, line, id; and `fields`, as one object or as f0, f1 …

        With `list_names`, the object also has LIST_NAME. `excluded`: includes excluded members, with a column `excluded`.
        Without `values`: the columns f0, f1 … instead of `fields`.
        """
        names = [(list_names or {}).get(name, "") for name in self._selection.lists]
        parts = [
            self._of_list(position, fields, names, excluded=excluded, values=values)
            for position in range(len(self._lists))
        ]
        together: FromClause = (parts[0] if len(parts) == 1 else union_all(*parts)).subquery("people")
        return select(together)

    def order(self, found: FromClause) -> tuple[ColumnElement[Any], ...]:
        """Returns the order of a `query`: lists, then lines. For one list, an index has that order and nothing is sorted."""
        places = (found.c.line, found.c.id)
        return places if len(self._lists) == 1 else (found.c.position, *places)

    def _of_list(
        self, position: int, fields: Sequence[str], names: Sequence[str], *, excluded: bool, values: bool
    ) -> Select[Any]:
        """Returns the members of this list who are on none before it."""
        here = _FieldSql(member.alias(f"m{position}"), [], postgresql=self._postgresql, at=self._at)
        table: Any = here.first.outerjoin(suppression, suppression.c.identity == here.first.c.identity)
        for number in range(position + 1, len(self._lists)):
            other = member.alias(f"m{position}_{number}")
            same = and_(
                other.c.list_id == self._lists[number],
                other.c.identity == here.first.c.identity,
                other.c.removed_at.is_(None),
            )
            table = table.outerjoin(other, same)
            here.others.append(other)
        first = here.first.c
        columns: list[ColumnElement[Any]] = [
            first.identity,
            first.address,
            here.reason().label("reason"),
            first.joined_at,
            literal(position).label("position"),
            first.line,
            first.id,
        ]
        found = [here.value(name) for name in fields]
        if values and any(names):
            columns.append(
                here.as_object((*fields, LIST_NAME), [*found, here.list_name(names[position:])]).label("fields")
            )
        elif values:
            columns.append(here.as_object(fields, found).label("fields"))
        else:
            columns += [value.label(f"f{number}") for number, value in enumerate(found)]
        out = self._on_any(first.identity, self._excluded)
        if excluded:
            columns.append(out.label("excluded"))
        query = select(*columns).select_from(table)
        query = query.where(first.list_id == self._lists[position], first.removed_at.is_(None))
        if position:
            query = query.where(~self._on_any(first.identity, self._lists[:position]))
        if self._excluded and not excluded:
            query = query.where(~out)
        if self._selection.where is not None:
            query = query.where(self._condition(self._selection.where, here))
        return query

    def _on_any(self, identity: ColumnElement[str], lists: Sequence[int]) -> ColumnElement[bool]:
        if not lists:
            return false()
        there = member.alias()
        on = and_(there.c.list_id.in_(lists), there.c.identity == identity, there.c.removed_at.is_(None))
        return exists().where(on)

    def _condition(self, where: w.Segment, here: "_FieldSql") -> ColumnElement[bool]:
        match where:
            case w.Not(inner=inner):
                return not_(self._condition(inner, here))
            case w.And(parts=parts):
                return and_(*(self._condition(part, here) for part in parts))
            case w.Or(parts=parts):
                return or_(*(self._condition(part, here) for part in parts))
            case w.IsNotEmpty(field=each):
                return here.value(each.name) != ""
            case w.Compare(left=left, operator=name, right=right):
                return _OPERATORS[name](here.operand(left), here.operand(right))
            case _:
                return self._asks(where, here)

    def _asks(
        self, where: w.In | w.Contains | w.JoinedOn | w.OnList | w.Received, here: "_FieldSql"
    ) -> ColumnElement[bool]:
        match where:
            case w.In(left=left, items=items):
                return here.operand(left).in_([here.operand(item) for item in items]) if items else false()
            case w.Contains(text=text, inside=inside):
                find = func.strpos if self._postgresql else func.instr
                return find(here.operand(inside), here.operand(text)) > 0
            case w.JoinedOn(operator=name, day=day):
                return _on_day(here.first.c.joined_at, name, day, self._selection.zone)
            case w.OnList(name=name):
                return self._on_any(here.first.c.identity, [self._ids.get(name, 0)])
            case w.Received(slug=slug):
                return has_received(here.first.c.identity, slug)
            case _:
                assert_never(where)


def has_received(identity: ColumnElement[str], slug: str) -> ColumnElement[bool]:
    """Whether the person has the dispatch, or may have it."""
    earlier, its_send = delivery.alias(), send.alias()
    return _is_to(identity, slug, earlier, its_send).where(earlier.c.state.in_(RECEIVED))


def has_or_may_receive(identity: ColumnElement[str], slug: str, *, besides: int = 0) -> ColumnElement[bool]:
    """Whether the person has the dispatch, may have it, or may still get it from an unfinished send other than `besides`.

    A failed delivery counts as long as its send is unfinished: the breaker may make it pending again.
    """
    earlier, its_send = delivery.alias(), send.alias()
    may_receive = and_(earlier.c.state != DeliveryState.SKIPPED, its_send.c.state.not_in(sorted(TERMINAL)))
    has_it = earlier.c.state.in_(RECEIVED)
    return _is_to(identity, slug, earlier, its_send).where(its_send.c.id != besides, or_(has_it, may_receive))


def _is_to(identity: ColumnElement[str], slug: str, earlier: FromClause, its_send: FromClause) -> Exists:
    return exists().where(
        earlier.c.identity == identity,
        its_send.c.id == earlier.c.send_id,
        its_send.c.slug == slug,
        its_send.c.kind != SendKind.TEST,
    )


_OPERATORS: dict[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "lteq": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gteq": lambda left, right: left >= right,
}


def _on_day(moment: Column[float], name: str, day: dt.date, zone: dt.tzinfo) -> ColumnElement[bool]:
    """Compares the day of `moment` with `day`."""
    begins, ends = _midnight(day, zone), _midnight(day, zone, days=1)
    match name:
        case "eq":
            return and_(moment >= begins, moment < ends)
        case "ne":
            return or_(moment < begins, moment >= ends)
        case "lt":
            return moment < begins
        case "lteq":
            return moment < ends
        case "gt":
            return moment >= ends
        case _:
            return moment >= begins


def _midnight(day: dt.date, zone: dt.tzinfo, *, days: int = 0) -> float:
    try:
        return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), zone).timestamp()
    except (OverflowError, ValueError):  # outside of the years 1 to 9999
        return float("-inf") if day.year == 1 else float("inf")


class _FieldSql:
    """SQL for the fields of a subscriber: `first` is the row on the first list, `others` on later ones, NULL where absent."""

    def __init__(self, first: Any, others: list[Any], *, postgresql: bool, at: float) -> None:
        self.first = first
        self.others = others
        self._postgresql = postgresql
        self._at = at

    def value(self, name: str) -> ColumnElement[Any]:
        """Returns the field as a message would have it, or ""."""
        if not self.others:
            return func.coalesce(self._of_row(self.first, name), "")
        values = [func.nullif(self._of_row(row, name), "") for row in (self.first, *self.others)]
        return func.coalesce(*values, "")

    def operand(self, operand: w.Field | w.FieldText) -> ColumnElement[Any]:
        text = literal(operand.value) if isinstance(operand, w.FieldText) else self.value(operand.name)
        return text.collate("C") if self._postgresql else text

    def reason(self) -> ColumnElement[Any]:
        """Returns why the subscriber is not mailed, or ""."""
        suppressed = type_coerce(suppression.c.reason, Text)
        here = effective_status(self._at, self.first)
        subscribed, unknown = Status.SUBSCRIBED.value, Status.UNKNOWN.value
        words = [here, *(effective_status(self._at, row) for row in self.others)]
        return case(
            (suppressed.is_not(None), suppressed),
            *((word == unknown, unknown) for word in words),
            *((word == subscribed, "") for word in words),
            else_=here,
        )

    def list_name(self, names: Sequence[str]) -> ColumnElement[Any]:
        """Returns the name of the first list that the subscriber is subscribed to; `names` are those of the rows' lists."""
        rows = (self.first, *self.others)
        subscribed = Status.SUBSCRIBED.value
        whens = [
            (effective_status(self._at, row) == subscribed, literal(name))
            for row, name in zip(rows, names, strict=True)
        ]
        return case(*whens, else_=literal(""))

    def as_object(self, fields: Sequence[str], values: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """Returns the fields as a JSON object, without the empty ones."""
        pairs = list(zip(fields, values, strict=True))
        if not pairs:
            return literal("{}")
        chunks = [pairs[start : start + _MOST_PAIRS] for start in range(0, len(pairs), _MOST_PAIRS)]
        if self._postgresql:
            whole: Any = func.jsonb_strip_nulls(func.jsonb_build_object(*_flat(chunks[0])))
            for chunk in chunks[1:]:
                whole = whole.concat(func.jsonb_strip_nulls(func.jsonb_build_object(*_flat(chunk))))
            return cast(whole, Text)
        made: ColumnElement[Any] = literal("{}")
        for chunk in chunks:
            made = func.json_patch(made, func.json_object(*_flat(chunk)))
        return made

    def _of_row(self, row: Any, name: str) -> ColumnElement[Any]:
        if name == STATUS:
            return effective_status(self._at, row)
        in_file = self._json(row.c.fields, name)
        profile = case((row.c.profile != "{}", self._json(row.c.profile, name)))
        if name == EMAIL:
            return func.coalesce(profile, in_file, row.c.address)
        return func.coalesce(profile, in_file)

    def _json(self, column: Any, name: str) -> ColumnElement[Any]:
        if self._postgresql:
            text: ColumnElement[Any] = cast(column, JSON)[name].as_string()
            return text
        return func.json_extract(column, f'$."{name}"')


def _flat(pairs: Iterable[tuple[str, ColumnElement[Any]]]) -> list[Any]:
    return [part for name, value in pairs for part in (literal(name), func.nullif(value, ""))]
