"""Expressions over the reader: `{{ reader.first_name or "reader" }}` and the conditions of `{% if %}`.

Jinja2 parses them; what is allowed (docs/editor.md) is a short list of its nodes, and each becomes a Python closure over a
mapping of fields. Jinja2 renders nothing per reader, so no expression can reach an attribute, call a function or grow
without bound. Values are strings, an absent field is "", and `default` therefore fills in for an empty one.
"""

import operator
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.filters import do_title, do_trim, do_truncate

from mailer.dispatch.diagnostics import Position, abbreviate

Fields = Mapping[str, str]
Evaluate = Callable[[Fields], object]


class ExpressionError(ValueError):
    """An expression that is not allowed. `expected` says what to write instead."""

    def __init__(self, message: str, expected: str = "") -> None:
        super().__init__(message)
        self.expected = expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """An allowed expression: its source without the braces, its position, and the fields it reads."""

    source: str
    position: Position = field(default_factory=Position, compare=False)
    fields: frozenset[str] = field(compare=False)
    evaluate: Evaluate = field(compare=False, repr=False)

    def text(self, fields: Fields) -> str:
        """Returns the value as text; a comparison as Jinja2 would write it."""
        value = self.evaluate(fields)
        return value if isinstance(value, str) else str(value)

    @property
    def has_default(self) -> bool:
        """Whether its text is not empty for a reader without fields, because of an `or` or a `default`."""
        node = parse_node(self.source)
        while isinstance(node, nodes.Filter) and node.name != "default" and isinstance(node.node, nodes.Node):
            node = node.node
        return isinstance(node, nodes.Or | nodes.Filter) and bool(self.text({}).strip())

    def holds(self, fields: Fields) -> bool:
        return bool(self.evaluate(fields))


ALLOWED = (
    "use reader fields, comparisons, “and”, “or”, “not”, “in”, "
    "and the filters default, upper, lower, title, trim, truncate"
)
LONGEST = 1_000  # characters; keeps the tree shallow enough to walk
COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701 - only parses; nothing is rendered by it


def parse_expression(source: str, position: Position | None = None) -> Expression:
    """Parses `source`, the text between the braces or after `if`.

    Raises ExpressionError for anything that docs/editor.md does not allow.
    """
    names: set[str] = set()
    try:
        evaluate = _closure(parse_node(source), names)
    except RecursionError:
        raise ExpressionError("this expression is nested too deeply", ALLOWED) from None
    return Expression(
        source=source.strip(), position=position or Position(), fields=frozenset(names), evaluate=evaluate
    )


def parse_node(source: str) -> nodes.Node:
    """Returns the Jinja2 tree of one expression, of whatever nodes. Raises ExpressionError if `source` is not one."""
    if not source.strip():
        raise ExpressionError("this expression is empty", "write one such as reader.first_name")
    if len(source) > LONGEST:
        raise ExpressionError(f"this expression has more than {LONGEST:,} characters", "shorten it")
    if source[0] in "-+" or source[-1] == "-":
        raise ExpressionError("“-” or “+” next to the braces is not allowed", "remove it")
    source = source.strip()
    try:
        template = _ENVIRONMENT.parse("{{ " + source + " }}")
    except TemplateSyntaxError:
        if any(mark in source for mark in "“”„‘’«»"):
            expected = 'use straight ones: "Porto Novo"'
            raise ExpressionError(f"“{abbreviate(source)}” has curly quotation marks", expected) from None
        raise ExpressionError(f"“{abbreviate(source)}” is not a valid expression", ALLOWED) from None
    output = template.body[0] if len(template.body) == 1 else None
    if isinstance(output, nodes.Output) and len(output.nodes) == 1:
        node = output.nodes[0]
        if not isinstance(node, nodes.TemplateData):
            return node
    raise ExpressionError(f"“{abbreviate(source)}” is not a single expression", ALLOWED)


def _closure(node: nodes.Node, names: set[str]) -> Evaluate:
    match node:
        case (
            nodes.Getattr(node=nodes.Name(name="reader"), attr=str(name))
            | nodes.Getitem(node=nodes.Name(name="reader"), arg=nodes.Const(value=str(name)))
        ):
            return _field(name, names)
        case nodes.Const():
            return _text_constant(node.value)
        case nodes.And() | nodes.Or():
            return _either_or_both(node, names)
        case nodes.Not():
            inner = _closure(node.node, names)
            return lambda fields: not inner(fields)
        case nodes.Compare():
            return _comparison(node, names)
        case nodes.Filter(node=nodes.Node() as inner_node):
            return _filter(node, _closure(inner_node, names))
        case _:
            raise _refusal(node)


def _refusal(node: nodes.Node) -> ExpressionError:
    if isinstance(node, nodes.Name):
        if node.name == "reader":
            return ExpressionError("“reader” needs a field", "write one such as reader.first_name")
        return ExpressionError(f"unknown name “{node.name}”", f"did you mean “reader.{node.name}”?")
    kind = type(node).__name__
    return ExpressionError(f"{_NAMES.get(kind, kind)} is not allowed here", ALLOWED)


_NAMES = {
    "Add": "a sum",
    "Call": "a call",
    "Concat": "joining with ~",
    "CondExpr": "an inline if",
    "Dict": "a dictionary",
    "Getattr": "an attribute of a value",
    "Getitem": "an index",
    "List": "a list",
    "Test": "a test",
    "Tuple": "a tuple",
}


def _text_constant(value: object) -> Evaluate:
    if not isinstance(value, str):
        raise ExpressionError(f"the value {value} is not in quotes", f'write "{value}"')
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise ExpressionError("a text in quotes contains a line break or a control character", "remove it")
    return lambda _fields: value


def _either_or_both(node: nodes.And | nodes.Or, names: set[str]) -> Evaluate:
    left, right = _closure(node.left, names), _closure(node.right, names)
    if isinstance(node, nodes.And):
        return lambda fields: left(fields) and right(fields)
    return lambda fields: left(fields) or right(fields)


def _field(name: str, names: set[str]) -> Evaluate:
    names.add(name)
    return lambda fields: fields.get(name, "")


def _comparison(node: nodes.Compare, names: set[str]) -> Evaluate:
    """`a < b in (c, d)`: each link compares its left side with its right one, as in Python."""
    first = _closure(node.expr, names)
    links: list[tuple[Callable[[str, Any], object], Evaluate]] = []
    for operand in node.ops:
        if operand.op in {"in", "notin"}:
            among = _membership_operand(operand.expr, names)
            links.append((_within if operand.op == "in" else _not_within, among))
        else:
            links.append((COMPARE[operand.op], _closure(operand.expr, names)))

    def compare(fields: Fields) -> object:
        left = _string(first(fields))
        for relation, right_of in links:
            right = right_of(fields)
            if not relation(left, right if isinstance(right, tuple) else _string(right)):
                return False
            left = "" if isinstance(right, tuple) else _string(right)
        return True

    return compare


def _membership_operand(node: nodes.Node, names: set[str]) -> Evaluate:
    """The right side of `in`: a tuple or list of values, or a text to search in."""
    if isinstance(node, nodes.Tuple | nodes.List):
        items = [_closure(item, names) for item in node.items]
        return lambda fields: tuple(_string(item(fields)) for item in items)
    return _closure(node, names)


def _within(left: str, right: tuple[str, ...] | str) -> bool:
    return left in right


def _not_within(left: str, right: tuple[str, ...] | str) -> bool:
    return left not in right


def _string(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _default(value: str, default_value: object = "", boolean: bool = True) -> str:  # noqa: ARG001 - Jinja2's name
    """Returns `default_value` for an empty value. Jinja2's `default` does so for undefined ones, which do not exist here."""
    return value or _string(default_value)


def _truncate(
    value: str, length: int = 255, killwords: bool = False, end: str = "...", leeway: int | None = None
) -> str:
    return do_truncate(_ENVIRONMENT, value, length, killwords, end, leeway)


FILTERS: dict[str, Callable[..., str]] = {
    "default": _default,
    "d": _default,
    "upper": str.upper,
    "lower": str.lower,
    "title": do_title,
    "trim": do_trim,
    "truncate": _truncate,
}


def _filter(node: nodes.Filter, inner: Evaluate) -> Evaluate:
    function = FILTERS.get(node.name)
    if function is None:
        close = get_close_matches(node.name, FILTERS, n=1)
        raise ExpressionError(
            f"the filter “{node.name}” is not allowed", f"did you mean “{close[0]}”?" if close else ALLOWED
        )
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise ExpressionError("* and ** are not allowed in a filter", ALLOWED)
    arguments = [_constant(argument) for argument in node.args]
    keywords = {str(keyword.key): _constant(keyword.value) for keyword in node.kwargs}
    try:
        function("probe of the arguments", *arguments, **keywords)
    except (TypeError, ValueError, AssertionError, AttributeError):
        raise ExpressionError(f"the filter “{node.name}” does not take these arguments", ALLOWED) from None
    return lambda fields: function(_string(inner(fields)), *arguments, **keywords)


def _constant(node: nodes.Node) -> object:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return _text_constant(node.value)({})
    if isinstance(node, nodes.Const) and isinstance(node.value, int):
        return node.value
    raise ExpressionError("the arguments of a filter must be numbers or texts in quotes", ALLOWED)
