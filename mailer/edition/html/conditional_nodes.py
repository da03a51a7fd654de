"""The HTML of an edition before a variant is chosen: static text, and nodes for what a variant or a reader decides.

    Nodes --render_tree(key, numbers)--> TemplateParts

A ConditionalNode is present only in the variants that take its branch; the number of a NumberNode depends on the variant;
a FootnoteList has the footnotes that the variant's section has, in their order; an ImageSource is an image's address,
inside the message or on the web.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeVar

from mailer.edition.merge_fields import Fillable, ListName, MergeField, TemplateParts
from mailer.edition.numbering import Numbering, VariantKey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NumberNode:
    """The number of an article in the contents (`name` is its anchor) or of a footnote (`name` is its label)."""

    kind: Literal["article", "note"]
    name: str

    def of(self, numbers: Numbering) -> str:
        return str((numbers.articles if self.kind == "article" else numbers.notes)[self.name])


@dataclass(frozen=True, slots=True)
class ImageSource:
    """The address of the image called `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class ConditionalNode:
    """Nodes that are present only where `choice` takes `branch`."""

    choice: int
    branch: int
    nodes: "Nodes"


@dataclass(frozen=True, slots=True)
class FootnoteNode:
    """The body of one footnote, shown in the section that the variant prints `label` in."""

    label: str
    nodes: "Nodes"


@dataclass(frozen=True, slots=True)
class FootnoteList:
    """The footnotes that `section` may have to show ("" is the editor's note, else an article's anchor)."""

    section: str
    notes: tuple[FootnoteNode, ...]


Node = str | MergeField | ListName | NumberNode | ImageSource | ConditionalNode | FootnoteNode | FootnoteList
Nodes = tuple[Node, ...]


def render_tree(nodes: Nodes, key: VariantKey, numbers: Numbering, address_of: Callable[[str], str]) -> TemplateParts:
    """Returns `nodes` for the variant `key`; `address_of` gives the address of an image by its name."""
    parts: list[str | Fillable] = []
    _resolve(nodes, key, numbers, address_of, parts)
    return join_adjacent(parts)


def _resolve(
    nodes: Nodes, key: VariantKey, numbers: Numbering, address_of: Callable[[str], str], parts: list[str | Fillable]
) -> None:
    for node in nodes:
        match node:
            case NumberNode():
                parts.append(node.of(numbers))
            case ImageSource():
                parts.append(address_of(node.name))
            case ConditionalNode():
                if key[node.choice] == node.branch:
                    _resolve(node.nodes, key, numbers, address_of, parts)
            case FootnoteList():
                bodies = {note.label: note.nodes for note in node.notes}
                for label in numbers.by_section.get(node.section, ()):
                    _resolve(bodies[label], key, numbers, address_of, parts)
            case FootnoteNode():
                _resolve(node.nodes, key, numbers, address_of, parts)
            case _:
                parts.append(node)


def join_adjacent(parts: Iterable[str | T]) -> tuple[str | T, ...]:
    """Returns `parts` with neighbouring strings joined and empty ones left out."""
    result: list[str | T] = []
    for is_text, run in groupby(parts, key=lambda part: isinstance(part, str)):
        if not is_text:
            result.extend(run)
        elif text := "".join(map(str, run)):
            result.append(text)
    return tuple(result)
