"""The targets of links and images: addresses as text and merge fields.

An address that an editor typed is normalised (host as A-labels, the rest percent-encoded where RFC 3986 asks for it)
before it is part of an edition; text between expressions keeps its delimiters. A value only ever fills a component.
"""

from urllib.parse import quote

from markdown_it.token import Token

from mailer.dispatch.model import Template
from mailer.dispatch.template.expression import Expression
from mailer.dispatch.url_validation import normalise_url
from mailer.edition.merge_fields import EscapeContext, MergeField

_DELIMITERS = "%/?#[]@!$&'()*+,;=:~"


def link_target(token: Token, attribute: str, place: EscapeContext) -> tuple[str | MergeField, ...]:
    """Returns the address of a link (`href`) or an image (`src`), which its meta holds as a Template."""
    return template_parts(token.meta[attribute], place)


def template_parts(template: Template, place: EscapeContext) -> tuple[str | MergeField, ...]:
    """Returns `template` with its expressions as merge fields for `place`, its text normalised."""
    return tuple(
        MergeField(part.source, place)
        if isinstance(part, Expression)
        else (normalise_url(part) if index == 0 else quote(part, safe=_DELIMITERS))
        for index, part in enumerate(template)
    )
