"""What differs per reader: a value, and the place it stands in, which decides how it is written.

A value is text: never markup, template, Markdown or a second header. It is cleaned of everything that could act (line
ends, controls, bidi controls, code points that are no characters), then encoded for its place. Expressions travel as
their source, so that a stored edition can be filled by another process; `@address` and `@token`, which no expression
can spell, are the two values that the program itself puts in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Protocol
from urllib.parse import quote

from markupsafe import escape

from mailer.dispatch.template.expression import Expression, parse_expression
from mailer.sanitize import clean

ADDRESS = "@address"
TOKEN = "@token"  # noqa: S105 - a name, not a secret


class EscapeContext(StrEnum):
    """Where a value stands, which decides how it is written."""

    HTML = "html"  # element text or a double-quoted attribute: & < > " ' escaped
    URL = "url"  # a component of a link in HTML: percent-encoded as UTF-8, RFC 3986 2.1
    TEXT = "text"  # plaintext: as it is
    TEXT_URL = "text-url"  # a component of a link in plaintext
    HEADER = "header"  # the unencoded value of a header; encoding and folding are the message's


class ReaderValues(NamedTuple):
    """What a message of one reader is filled with. `token` is the unsubscribe token; inert ones unsubscribe nobody."""

    token: str
    fields: Mapping[str, str] = MappingProxyType({})
    address: str = ""


class Fillable(Protocol):
    """Something that differs per reader.

    `has_fixed_length`: never longer than a token or an address, however written. `depends_on`: the reader fields, ADDRESS and TOKEN that
    its text depends on, and nothing else does it depend on.
    """

    @property
    def has_fixed_length(self) -> bool: ...

    @property
    def depends_on(self) -> frozenset[str]: ...

    def fill(self, values: ReaderValues) -> str: ...


TemplateParts = tuple["str | Fillable", ...]


def depends_on(parts: TemplateParts) -> frozenset[str]:
    """What the fillers among `parts` need."""
    return frozenset().union(*(part.depends_on for part in parts if not isinstance(part, str)))


def fill(parts: TemplateParts, values: ReaderValues) -> str:
    return "".join(part if isinstance(part, str) else part.fill(values) for part in parts)


@dataclass(frozen=True, slots=True)
class MergeField:
    """The value of `what` (an expression's source, ADDRESS or TOKEN), written for `place`."""

    what: str
    place: EscapeContext

    @property
    def has_fixed_length(self) -> bool:
        return self.what.startswith("@")

    @property
    def depends_on(self) -> frozenset[str]:
        return frozenset({self.what}) if self.what.startswith("@") else expression(self.what).fields

    def fill(self, values: ReaderValues) -> str:
        match self.what:
            case "@address":
                value = values.address
            case "@token":
                value = values.token
            case source:
                value = expression(source).text(values.fields)
        return escape_value(value, self.place)


def escape_value(value: str, place: EscapeContext) -> str:
    """`value`, cleaned and encoded for `place`; never longer than a line."""
    if value.isalnum() and value.isascii():
        return value  # the same anywhere
    value = clean(value)
    match place:
        case EscapeContext.HTML:
            return str(escape(value))
        case EscapeContext.URL | EscapeContext.TEXT_URL:
            return quote(value, safe="")
        case EscapeContext.TEXT | EscapeContext.HEADER:
            return value


@lru_cache(maxsize=4096)
def expression(source: str) -> Expression:
    """The expression that `source` spells; those of an edition were valid when it was compiled."""
    return parse_expression(source)
