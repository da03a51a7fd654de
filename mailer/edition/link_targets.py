"""Where links and images point: templates of addresses, as slots and text for the place they stand in.

An address that an editor typed is normalised (host as A-labels, the rest percent-encoded where RFC 3986 asks for it)
before it stands in a letter; what is between its expressions keeps its delimiters. A value only ever fills a component.
"""

from collections.abc import Sequence
from urllib.parse import quote

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.token import Token

from mailer.dispatch.model import Template
from mailer.dispatch.template.expression import Expression
from mailer.edition.merge_fields import EscapeContext, MergeField

_DELIMITERS = "%/?#[]@!$&'()*+,;=:~"


def normalised(url: str) -> str:
    """`url` in ASCII, as a mail client wants it."""
    return normalizeLink(url.strip())


def address(token: Token, attribute: str, place: EscapeContext) -> tuple[str | MergeField, ...]:
    """The address of a link (`href`) or an image (`src`), which its meta holds as a Template."""
    return merge_fields(token.meta[attribute], place)


def merge_fields(template: Template, place: EscapeContext) -> tuple[str | MergeField, ...]:
    """`template` with its expressions as slots of `place`, its text normalised."""
    return tuple(
        MergeField(part.source, place)
        if isinstance(part, Expression)
        else (normalised(part) if index == 0 else quote(part, safe=_DELIMITERS))
        for index, part in enumerate(template)
    )


def closing_index(tokens: Sequence[Token], index: int) -> int:
    """The index of the token that closes what `tokens[index]` opens."""
    depth = 0
    for position in range(index, len(tokens)):
        depth += tokens[position].nesting
        if depth == 0:
            return position
    raise ValueError(f"{tokens[index].type} is never closed")
