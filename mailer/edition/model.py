"""An edition: a compiled dispatch, the same for everybody, immutable, identified by its digest.

    Edition --variant(key)--> Variant --fill(values)--> the message of one recipient

A variant is the edition under one combination of conditions. Its subject, HTML and plaintext are TemplateParts: static text
and merge fields, each of which escapes its value for its own context. An edition goes to JSON and back with the same digest
and the same bytes, so that a ledger can keep it and another process can send it without the dispatch or the templates.
"""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from mailer.edition.conditions import ConditionChain, combinations, variant_key
from mailer.edition.html.conditional_nodes import ConditionalNode, FootnoteList, FootnoteNode, Nodes, render_tree
from mailer.edition.json_codec import decode, encode
from mailer.edition.merge_fields import (
    EscapeContext,
    Fillable,
    ListName,
    MergeField,
    ReaderValues,
    TemplateParts,
    cached_expression,
    fill,
)
from mailer.edition.numbering import Numbering, NumberingInput, VariantKey, number_variant
from mailer.edition.plaintext.blocks import Blocks, render_blocks
from mailer.errors import MailerError

__all__ = [
    "Edition",
    "EditionError",
    "EscapeContext",
    "Fillable",
    "Image",
    "ReaderValues",
    "TemplateParts",
    "Variant",
    "VariantKey",
    "fill",
]  # fmt: skip

VARIANT_LIMIT = 64
_FORMAT = 1


class EditionError(MailerError):
    """An edition cannot be compiled or read."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that belongs to an edition, named by its content: `<sha256 prefix>.<jpg|png>`; sizes in pixels.

    Known only of an image that was just loaded, not of a stored one: `is_animated`, its file has several pictures, of which the
    first is shown; `vanishes`, it is dark on a transparent ground, and so not seen in dark mode.
    """

    name: str
    content_type: str
    width: int
    height: int
    data: bytes = field(repr=False)
    is_animated: bool = field(default=False, compare=False)
    vanishes: bool = field(default=False, compare=False)

    def display_size(self, widest: int) -> tuple[int, int]:
        """Returns the `width` and `height` attributes for a column of `widest` pixels."""
        width = min(self.width, widest)
        return width, max(1, round(self.height * width / self.width))

    @property
    def content_id(self) -> str:
        """The Content-ID, without angle brackets, of an image that is embedded in the message (RFC 2392)."""
        return f"{self.name.partition('.')[0]}@images.mailer.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An edition under one combination of conditions. Text has LF line ends; `html` is a whole document."""

    key: VariantKey
    subject: TemplateParts
    html: TemplateParts
    text: TemplateParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A compiled dispatch. `digest` is the SHA-256 of `to_json()`; images take part by their names, the hashes of their contents.

    `embed`: images are embedded in the message; otherwise `media_url` is their address on the web. `flowed`: the plaintext is
    format=flowed (RFC 3676).
    """

    slug: str
    title: str
    date: dt.date
    language: str
    direction: str
    from_name: str
    from_address: str
    subject_parts: tuple[str | MergeField, ...]
    html: Nodes
    text: Blocks
    chains: tuple[ConditionChain, ...]
    outline: NumberingInput
    embed: bool
    media_url: str
    images: tuple[Image, ...] = ()
    flowed: bool = False
    digest: str = field(init=False)
    _variants: dict[tuple[VariantKey, bool], Variant] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", sha256(self.to_json().encode()).hexdigest())

    @property
    def subject(self) -> str:
        """The subject with empty fields."""
        return " ".join(fill(self.subject_parts, ReaderValues(token="")).split())

    @property
    def merge_fields(self) -> tuple[str, ...]:
        """The sources of the expressions in subject and HTML (the plaintext has no others), each once."""
        found = [*self.subject_parts, *_fillable_in(self.html)]
        sources = dict.fromkeys(merge_field.what for merge_field in found if isinstance(merge_field, MergeField))
        return tuple(source for source in sources if not source.startswith("@"))

    @property
    def names_list(self) -> bool:
        """Whether it names the list that brought the reader."""
        return any(isinstance(each, ListName) for each in _fillable_in(self.html))

    @property
    def conditions(self) -> tuple[str, ...]:
        """The sources of the conditions, each once."""
        sources = dict.fromkeys(source for chain in self.chains for source in chain.conditions if source)
        return tuple(source for source in sources if not source.startswith("@"))

    @property
    def fields(self) -> frozenset[str]:
        """The reader fields that the edition uses."""
        return self.condition_fields.union(*(cached_expression(source).fields for source in self.merge_fields))

    @property
    def condition_fields(self) -> frozenset[str]:
        """The reader fields that its conditions use."""
        return frozenset().union(*(cached_expression(source).fields for source in self.conditions))

    @property
    def article_count(self) -> int:
        """The number of articles, those of every branch."""
        return sum(1 for section in self.outline.sections() if section.name)

    @property
    def variant_count(self) -> int:
        """The number of possible variants."""
        return combinations(self.chains)

    def key_for(self, values: ReaderValues) -> VariantKey:
        """Returns the key of the variant for a reader with `values`."""
        return variant_key(self.chains, values)

    def check_variant_limit(self, keys: Collection[VariantKey]) -> None:
        """Raises EditionError for more than VARIANT_LIMIT variants; `keys` are those of the readers, distinct."""
        if len(keys) > VARIANT_LIMIT:
            raise EditionError(
                f"the conditions {', '.join(f'“{source}”' for source in self.conditions)} make {len(keys)} different "
                f"messages for these readers; the limit is {VARIANT_LIMIT}",
                "Use fewer {% if %}. Or send to parts of the list with --where.",
            )

    def variant(self, key: VariantKey, *, browser: bool = False) -> Variant:
        """Returns the edition under `key`, cached. For a `browser`, images always have their web address."""
        variant = self._variants.get((key, browser))
        if variant is None:
            numbers = number_variant(self.outline, key)
            variant = self._variants[key, browser] = Variant(
                key=key,
                subject=self.subject_parts,
                html=self._html(key, numbers, embed=self.embed and not browser),
                text=render_blocks(self.text, key, numbers, flowed=self.flowed),
            )
        return variant

    def _html(self, key: VariantKey, numbers: Numbering, *, embed: bool) -> TemplateParts:
        content_ids = {image.name: image.content_id for image in self.images}
        return render_tree(
            self.html, key, numbers, lambda name: f"cid:{content_ids[name]}" if embed else self.media_url + name
        )

    def to_json(self) -> str:
        """Returns all of it but the bytes of the images, on one line."""
        content: dict[str, object] = {
            "format": _FORMAT,
            "slug": self.slug,
            "title": self.title,
            "date": self.date.isoformat(),
            "language": self.language,
            "direction": self.direction,
            "from_name": self.from_name,
            "from_address": self.from_address,
            "subject": encode(self.subject_parts),
            "html": encode(self.html),
            "text": encode(self.text),
            "chains": encode(self.chains),
            "outline": encode(self.outline),
            "embed": self.embed,
            "media_url": self.media_url,
            "images": [
                {"name": image.name, "content_type": image.content_type, "width": image.width, "height": image.height}
                for image in self.images
            ],
        }
        if self.flowed:  # left out otherwise, so that what was stored before there was such a thing keeps its digest
            content["flowed"] = True
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, images: Iterable[Image] = ()) -> "Edition":
        """Returns the edition that `to_json` wrote; `images` supply the bytes, without which each image has none.

        Raises EditionError for a malformed edition, or one of a newer mailer.
        """
        bytes_of = {image.name: image.data for image in images}
        try:
            content = json.loads(text)
            if content["format"] != _FORMAT:
                raise EditionError(
                    f"this edition was stored by another version of mailer (format {content['format']})",
                    "Use that version, or a newer one.",
                )
            return cls(
                slug=content["slug"],
                title=content["title"],
                date=dt.date.fromisoformat(content["date"]),
                language=content["language"],
                direction=content["direction"],
                from_name=content["from_name"],
                from_address=content["from_address"],
                subject_parts=decode(content["subject"]),
                html=decode(content["html"]),
                text=decode(content["text"]),
                chains=decode(content["chains"]),
                outline=decode(content["outline"]),
                embed=content["embed"],
                media_url=content["media_url"],
                images=tuple(Image(**image, data=bytes_of.get(image["name"], b"")) for image in content["images"]),
                flowed=content.get("flowed", False),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EditionError(
                f"a stored edition cannot be read ({type(error).__name__}: {error})",
                "Restore the database from a backup.",
            ) from error


def _fillable_in(nodes: Nodes) -> Iterator[MergeField | ListName]:
    for node in nodes:
        match node:
            case MergeField() | ListName():
                yield node
            case ConditionalNode(nodes=inner) | FootnoteNode(nodes=inner) | FootnoteList(notes=inner):
                yield from _fillable_in(inner)
