"""Merge fields: the values that differ per reader, each escaped for the context it is in.

A value is text: never markup, template, Markdown or a second header. It is cleaned of everything that could act (line
ends, controls, bidi controls, code points that are no characters), then encoded for its context. One that is written from right
to left is isolated, so that it does not turn the order of the sentence. Expressions are kept as
source, so that another process can fill a stored edition; `@address` and `@token`, which no expression
can spell, are values of the program itself; so is `@list`, which is frozen among the fields of a delivery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Protocol
from urllib.parse import quote

from markupsafe import escape

from mailer.addresses import readable_address
from mailer.dispatch.template.expression import Expression, parse_expression
from mailer.i18n.bidi import has_left_to_right, has_right_to_left, isolate
from mailer.line_sanitizer import clean_line

ADDRESS = "@address"
TOKEN = "@token"  # noqa: S105 - a name, not a secret
LIST_NAME = "@list"
LONGEST_LIST_NAME = 100  # characters; a longer name is cut, so that it is never longer than an address may be


class EscapeContext(StrEnum):
    """The context of a value, which decides how it is escaped."""

    HTML = "html"  # element text or a double-quoted attribute: & < > " ' escaped
    URL = "url"  # a component of a link in HTML: percent-encoded as UTF-8, RFC 3986 2.1
    TEXT = "text"  # plaintext: as it is
    TEXT_URL = "text-url"  # a component of a link in plaintext
    HTML_RTL = "html-rtl"  # as HTML and TEXT, in an edition that is written from right to left
    TEXT_RTL = "text-rtl"
    HEADER = "header"  # the unencoded value of a header; encoding and folding are the message's


_RIGHT_TO_LEFT = {EscapeContext.HTML: EscapeContext.HTML_RTL, EscapeContext.TEXT: EscapeContext.TEXT_RTL}
_READ = frozenset({*_RIGHT_TO_LEFT, *_RIGHT_TO_LEFT.values()})


def in_direction(place: EscapeContext, direction: str) -> EscapeContext:
    """Returns the context `place` of an edition with this `direction`, `ltr` or `rtl`."""
    return _RIGHT_TO_LEFT.get(place, place) if direction == "rtl" else place


class ReaderValues(NamedTuple):
    """The values of one reader; `fields` may also have LIST_NAME.

    `token` is the unsubscribe token; a placeholder token unsubscribes nobody.
    """

    token: str
    fields: Mapping[str, str] = MappingProxyType({})
    address: str = ""


class Fillable(Protocol):
    """A part that differs per reader.

    `has_fixed_length`: never longer than a token or an address, however escaped. `depends_on`: the reader fields, ADDRESS and
    TOKEN that its text depends on.
    """

    @property
    def has_fixed_length(self) -> bool: ...

    @property
    def depends_on(self) -> frozenset[str]: ...

    def fill(self, values: ReaderValues) -> str: ...


TemplateParts = tuple["str | Fillable", ...]


def depends_on(parts: TemplateParts) -> frozenset[str]:
    """Returns what the fillable parts of `parts` depend on."""
    return frozenset().union(*(part.depends_on for part in parts if not isinstance(part, str)))


def fill(parts: TemplateParts, values: ReaderValues) -> str:
    return "".join(part if isinstance(part, str) else part.fill(values) for part in parts)


@dataclass(frozen=True, slots=True)
class MergeField:
    """The value of `what` (an expression's source, ADDRESS or TOKEN), escaped for `place`."""

    what: str
    place: EscapeContext

    @property
    def has_fixed_length(self) -> bool:
        return self.what.startswith("@")

    @property
    def depends_on(self) -> frozenset[str]:
        return frozenset({self.what}) if self.what.startswith("@") else cached_expression(self.what).fields

    def fill(self, values: ReaderValues) -> str:
        match self.what:
            case "@address":
                value = values.address
                if self.place in _READ:
                    value = readable_address(value)
            case "@token":
                value = values.token
            case source:
                value = cached_expression(source).text(values.fields)
        return escape_value(value, self.place)


@dataclass(frozen=True, slots=True)
class ListName:
    """The name of the list that brought the reader; `fallback` for a reader of a list without a name for readers."""

    place: EscapeContext
    fallback: str

    @property
    def has_fixed_length(self) -> bool:
        return True

    @property
    def depends_on(self) -> frozenset[str]:
        return frozenset({LIST_NAME})

    def fill(self, values: ReaderValues) -> str:
        name = values.fields.get(LIST_NAME) or self.fallback
        return escape_value(name if len(name) <= LONGEST_LIST_NAME else f"{name[: LONGEST_LIST_NAME - 1]}…", self.place)


def escape_value(value: str, place: EscapeContext) -> str:
    """Returns `value`, cleaned and escaped for `place`; always one line."""
    is_isolated = place in {EscapeContext.HTML_RTL, EscapeContext.TEXT_RTL}
    if value.isalnum() and value.isascii() and not is_isolated:
        return value  # the same anywhere
    value = clean_line(value)
    if (has_left_to_right if is_isolated else has_right_to_left)(value) and place in _READ:
        value = isolate(value)
    match place:
        case EscapeContext.HTML | EscapeContext.HTML_RTL:
            return str(escape(value))
        case EscapeContext.URL | EscapeContext.TEXT_URL:
            return quote(value, safe="")
        case EscapeContext.TEXT | EscapeContext.TEXT_RTL | EscapeContext.HEADER:
            return value


@lru_cache(maxsize=4096)
def cached_expression(source: str) -> Expression:
    """Returns the expression of `source`, cached; those of an edition were valid when it was compiled."""
    return parse_expression(source)
