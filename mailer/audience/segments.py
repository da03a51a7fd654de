"""Segments: the readers selected by an expression, `--where`.

    city == "Lisbon" and not received("2026-10-26-east-quay")
    joined >= "2026-01-01" and list("vip")
    country in ("PT", "ES") or "Porto" in city

A name is a field of the lists, with or without `reader.` before it; its value is a text, "" if the reader has none, and is true
if it is not empty. `joined` is the day of joining, compared with an ISO date. `list("NAME")`: is on that list;
`received("SLUG")`: received that dispatch, or may have. Comparisons are between fields and quoted texts, by code point; `and`,
`or`, `not` and brackets combine them. Nothing else is allowed.

`parse_segment` returns a tree of frozen records; `matches_segment` evaluates it for one subscriber, and the ledger's SQL
(mailer.ledger.sends.audience_query) must give the same result. Raises SegmentError.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from jinja2 import nodes

from mailer.dispatch.template.expression import COMPARE, ExpressionError, parse_node
from mailer.errors import UsageError
from mailer.line_sanitizer import is_clean

JOINED = "joined"
_ALLOWED = (
    'Use comparisons such as city == "Lisbon" (== != < <= > >= in), list("NAME") or received("SLUG"), '
    "joined with and, or, not."
)


class SegmentError(UsageError):
    """An expression that is malformed or not allowed."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str


@dataclass(frozen=True, slots=True)
class FieldText:
    value: str


@dataclass(frozen=True, slots=True)
class _DayCompare:
    """The name `joined`, before it becomes a JoinedOn."""


@dataclass(frozen=True, slots=True)
class IsNotEmpty:
    """A field that is not empty."""

    field: Field


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is one of eq, ne, lt, lteq, gt, gteq."""

    left: Field | FieldText
    operator: str
    right: Field | FieldText


@dataclass(frozen=True, slots=True)
class In:
    left: Field | FieldText
    items: tuple[Field | FieldText, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """`text` is a part of `inside`."""

    text: Field | FieldText
    inside: Field | FieldText


@dataclass(frozen=True, slots=True)
class JoinedOn:
    """The day of joining, compared with `day`."""

    operator: str
    day: dt.date


@dataclass(frozen=True, slots=True)
class OnList:
    name: str


@dataclass(frozen=True, slots=True)
class Received:
    slug: str


@dataclass(frozen=True, slots=True)
class Not:
    inner: "Segment"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Segment", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Segment", ...]


Leaf = IsNotEmpty | Compare | In | Contains | JoinedOn | OnList | Received
Segment = Leaf | Not | And | Or


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFacts:
    """The facts about one subscriber that `matches_segment` needs."""

    fields: Mapping[str, str]
    joined: dt.date
    lists: Collection[str] = ()
    received: Collection[str] = ()


def parse_segment(source: str) -> Segment:
    """Parses an expression. Raises SegmentError."""
    try:
        return _parse_condition(parse_node(source))
    except ExpressionError as error:
        raise SegmentError(f"--where: {error}.", _ALLOWED) from None
    except RecursionError:
        raise SegmentError("--where: the brackets are nested too deeply.", _ALLOWED) from None


def matches_segment(segment: Segment, subscriber: SubscriberFacts) -> bool:
    """Whether the subscriber is in the segment."""
    match segment:
        case Not(inner=inner):
            return not matches_segment(inner, subscriber)
        case And(parts=parts):
            return all(matches_segment(part, subscriber) for part in parts)
        case Or(parts=parts):
            return any(matches_segment(part, subscriber) for part in parts)
        case _:
            return _matches_leaf(segment, subscriber)


def _matches_leaf(leaf: Leaf, subscriber: SubscriberFacts) -> bool:
    match leaf:
        case IsNotEmpty(field=each):
            return bool(_operand_value(each, subscriber))
        case Compare(left=left, operator=name, right=right):
            return COMPARE[name](_operand_value(left, subscriber), _operand_value(right, subscriber))
        case In(left=left, items=items):
            return _operand_value(left, subscriber) in {_operand_value(item, subscriber) for item in items}
        case Contains(text=text, inside=inside):
            return _operand_value(text, subscriber) in _operand_value(inside, subscriber)
        case JoinedOn(operator=name, day=day):
            return COMPARE[name](subscriber.joined.isoformat(), day.isoformat())
        case OnList(name=name):
            return name in subscriber.lists
        case Received(slug=slug):
            return slug in subscriber.received
        case _:
            assert_never(leaf)


def segment_references(segment: Segment) -> Iterator[Field | OnList | Received]:
    """Yields the fields, lists and dispatches that the segment names."""
    match segment:
        case OnList() | Received():
            yield segment
        case IsNotEmpty(field=each):
            yield each
        case Compare(left=left, right=right):
            yield from (each for each in (left, right) if isinstance(each, Field))
        case In(left=left, items=items):
            yield from (each for each in (left, *items) if isinstance(each, Field))
        case Contains(text=text, inside=inside):
            yield from (each for each in (text, inside) if isinstance(each, Field))
        case Not(inner=inner):
            yield from segment_references(inner)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from segment_references(part)
        case JoinedOn():
            return
        case _:
            assert_never(segment)


def _operand_value(operand: Field | FieldText, subscriber: SubscriberFacts) -> str:
    return operand.value if isinstance(operand, FieldText) else subscriber.fields.get(operand.name, "")


def _parse_condition(node: nodes.Node) -> Segment:
    match node:
        case nodes.And(left=left, right=right):
            return And((_parse_condition(left), _parse_condition(right)))
        case nodes.Or(left=left, right=right):
            return Or((_parse_condition(left), _parse_condition(right)))
        case nodes.Not(node=inner):
            return Not(_parse_condition(inner))
        case nodes.Compare():
            return _parse_comparison(node)
        case nodes.Call():
            return _parse_call(node)
        case _:
            operand = _parse_operand(node)
            if isinstance(operand, Field):
                return IsNotEmpty(operand)
            raise SegmentError("--where: this is not a condition.", _ALLOWED)


def _parse_comparison(node: nodes.Compare) -> Segment:
    """`a < b in (c, d)`: each link is a comparison, and all must hold, as in Python."""
    links: list[Segment] = []
    left: nodes.Node = node.expr
    for operand in node.ops:
        links.append(_parse_link(left, operand.op, operand.expr))
        left = operand.expr
    return links[0] if len(links) == 1 else And(tuple(links))


def _parse_link(left: nodes.Node, name: str, right: nodes.Node) -> Segment:
    if name in {"in", "notin"}:
        found: Segment
        if isinstance(right, nodes.Tuple | nodes.List):
            found = In(_parse_text_operand(left), tuple(_parse_text_operand(item) for item in right.items))
        else:
            found = Contains(_parse_text_operand(left), _parse_text_operand(right))
        return found if name == "in" else Not(found)
    first, second = _parse_operand(left), _parse_operand(right)
    if isinstance(first, _DayCompare):
        return _parse_joined(name, second)
    if isinstance(second, _DayCompare):
        return _parse_joined(_REVERSED[name], first)
    return Compare(first, name, second)


_REVERSED = {"eq": "eq", "ne": "ne", "lt": "gt", "lteq": "gteq", "gt": "lt", "gteq": "lteq"}


def _parse_joined(name: str, operand: Field | FieldText | _DayCompare) -> JoinedOn:
    try:
        if isinstance(operand, FieldText):
            return JoinedOn(name, dt.date.fromisoformat(operand.value))
    except ValueError:
        pass
    raise SegmentError("--where: joined must be compared with a date.", 'Write it like this: joined >= "2026-01-31"')


def _parse_call(node: nodes.Call) -> Segment:
    match node:
        case nodes.Call(
            node=nodes.Name(name=str(name)),
            args=[nodes.Const(value=str(value))],
            kwargs=[],
            dyn_args=None,
            dyn_kwargs=None,
        ) if name in {"list", "received"}:
            return OnList(value.removesuffix(".csv")) if name == "list" else Received(value)
        case _:
            raise SegmentError(
                "--where: the only functions are list(…) and received(…), each with one quoted name.",
                _ALLOWED,
            )


def _parse_operand(node: nodes.Node) -> Field | FieldText | _DayCompare:
    match node:
        case nodes.Const(value=str(value)) if is_clean(value):
            return FieldText(value)
        case nodes.Const(value=str()):
            raise SegmentError("--where: a text contains a line break or a control character.", "Remove it.")
        case nodes.Name(name=str(name)) if name != "reader":
            return _DayCompare() if name == JOINED else Field(name)
        case (
            nodes.Getattr(node=nodes.Name(name="reader"), attr=str(name))
            | nodes.Getitem(node=nodes.Name(name="reader"), arg=nodes.Const(value=str(name)))
        ):
            return Field(name)
        case nodes.Const(value=value):
            raise SegmentError(
                f"--where: {value} must be in quotes.",
                f'Write it like this: "{value}". It is compared as text: "10" comes before "4".',
            )
        case _:
            raise SegmentError(f"--where: {type(node).__name__.lower()} is not allowed here.", _ALLOWED)


def _parse_text_operand(node: nodes.Node) -> Field | FieldText:
    operand = _parse_operand(node)
    if isinstance(operand, _DayCompare):
        raise SegmentError(
            "--where: joined must be compared with one date, by < <= == != >= >.",
            'Write it like this: joined >= "2026-01-31"',
        )
    return operand
