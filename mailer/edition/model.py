"""An edition: what everybody receives, compiled once from a dispatch, immutable, named by its digest.

    Edition --variant(key)--> Variant --fill(values)--> what one reader gets

A variant is the edition under one combination of conditions. Its subject, HTML and plaintext are Parts: static text and,
between it, what differs per reader. Each of those fills itself in for the place where it stands, so that nobody else
has to know about escaping.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Place(StrEnum):
    """Where a value stands, which decides how it is written."""

    HTML = "html"  # element text or a double-quoted attribute: & < > " ' escaped
    URL = "url"  # a component of a link in HTML: percent-encoded as UTF-8, RFC 3986 2.1
    TEXT = "text"  # plaintext: as it is
    TEXT_URL = "text-url"  # a component of a link in plaintext
    HEADER = "header"  # the unencoded value of a header; encoding and folding are the message's


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a message of one reader is filled with. `token` is the unsubscribe token; inert ones unsubscribe nobody."""

    fields: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    token: str


class Filler(Protocol):
    """Something that differs per reader."""

    def fill(self, values: Values) -> str: ...


Parts = tuple["str | Filler", ...]


def fill(parts: Parts, values: Values) -> str:
    return "".join(part if isinstance(part, str) else part.fill(values) for part in parts)


VariantKey = tuple[int, ...]
"""For each choice of the edition the branch that is taken; -1 for none, -2 where its outer choice leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An edition under one combination of conditions. Text has LF line ends; `html` is a whole document."""

    key: VariantKey
    subject: Parts
    html: Parts
    text: Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that belongs to an edition, named by its content: `<sha256 prefix>.<jpg|png|gif>`; sizes in pixels."""

    name: str
    content_type: str
    width: int
    height: int
    data: bytes = field(repr=False)
