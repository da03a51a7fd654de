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

from mailer.dispatch.expression import Expression, parse_expression
from mailer.sanitize import clean

ADDRESS = "@address"
TOKEN = "@token"  # noqa: S105 - a name, not a secret


class Place(StrEnum):
    """Where a value stands, which decides how it is written."""

    HTML = "html"  # element text or a double-quoted attribute: & < > " ' escaped
    URL = "url"  # a component of a link in HTML: percent-encoded as UTF-8, RFC 3986 2.1
    TEXT = "text"  # plaintext: as it is
    TEXT_URL = "text-url"  # a component of a link in plaintext
    HEADER = "header"  # the unencoded value of a header; encoding and folding are the message's


class Values(NamedTuple):
    """What a message of one reader is filled with. `token` is the unsubscribe token; inert ones unsubscribe nobody."""

    token: str
    fields: Mapping[str, str] = MappingProxyType({})
    address: str = ""


class Filler(Protocol):
    """Something that differs per reader.

    `is_bounded`: never longer than a token or an address, however written. `needs`: the reader fields, ADDRESS and TOKEN that
    its text depends on, and nothing else does it depend on.
    """

    @property
    def is_bounded(self) -> bool: ...

    @property
    def needs(self) -> frozenset[str]: ...

    def fill(self, values: Values) -> str: ...


Parts = tuple["str | Filler", ...]


def needs(parts: Parts) -> frozenset[str]:
    """What the fillers among `parts` need."""
    return frozenset().union(*(part.needs for part in parts if not isinstance(part, str)))


def fill(parts: Parts, values: Values) -> str:
    return "".join(part if isinstance(part, str) else part.fill(values) for part in parts)


@dataclass(frozen=True, slots=True)
class Slot:
    """The value of `what` (an expression's source, ADDRESS or TOKEN), written for `place`."""

    what: str
    place: Place

    @property
    def is_bounded(self) -> bool:
        return self.what.startswith("@")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({self.what}) if self.what.startswith("@") else expression(self.what).fields

    def fill(self, values: Values) -> str:
        match self.what:
            case "@address":
                value = values.address
            case "@token":
                value = values.token
            case source:
                value = expression(source).text(values.fields)
        return write(value, self.place)


def write(value: str, place: Place) -> str:
    """`value`, cleaned and encoded for `place`; never longer than a line."""
    if value.isalnum() and value.isascii():
        return value  # the same anywhere
    value = clean(value)
    match place:
        case Place.HTML:
            return str(escape(value))
        case Place.URL | Place.TEXT_URL:
            return quote(value, safe="")
        case Place.TEXT | Place.HEADER:
            return value


@lru_cache(maxsize=4096)
def expression(source: str) -> Expression:
    """The expression that `source` spells; those of an edition were valid when it was compiled."""
    return parse_expression(source)
