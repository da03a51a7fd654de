"""An edition's HTML before a variant is chosen: static text and, between it, what a variant or a reader decides.

    Nodes --resolve(key, numbers)--> Parts

A When stands only in the variants that take its branch; a Number is known once the variant is; Notes shows the
footnotes that the variant's section has, in their order; a Source is an image's address, inside the message or on the web.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from mailer.edition.numbers import Numbers, VariantKey
from mailer.edition.slot import Filler, Parts, Slot


@dataclass(frozen=True, slots=True)
class Number:
    """The number of an article in the contents (`name` is its anchor) or of a footnote (`name` is its label)."""

    kind: Literal["article", "note"]
    name: str

    def of(self, numbers: Numbers) -> str:
        return str((numbers.articles if self.kind == "article" else numbers.notes)[self.name])


@dataclass(frozen=True, slots=True)
class Source:
    """The address of the image called `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class When:
    """What stands only where `choice` takes `branch`."""

    choice: int
    branch: int
    nodes: "Nodes"


@dataclass(frozen=True, slots=True)
class Note:
    """One footnote's body, shown where the variant places `label`."""

    label: str
    nodes: "Nodes"


@dataclass(frozen=True, slots=True)
class Notes:
    """The footnotes that `section` may have to show ("" is the editor's note, else an article's anchor)."""

    section: str
    notes: tuple[Note, ...]


Node = str | Slot | Number | Source | When | Note | Notes
Nodes = tuple[Node, ...]


def resolve(nodes: Nodes, key: VariantKey, numbers: Numbers, address_of: Callable[[str], str]) -> Parts:
    """`nodes` as they stand in the variant `key`; `address_of` gives the address of an image by its name."""
    parts: list[str | Filler] = []
    _resolve(nodes, key, numbers, address_of, parts)
    return merged(parts)


def _resolve(
    nodes: Nodes, key: VariantKey, numbers: Numbers, address_of: Callable[[str], str], parts: list[str | Filler]
) -> None:
    for node in nodes:
        match node:
            case Number():
                parts.append(node.of(numbers))
            case Source():
                parts.append(address_of(node.name))
            case When():
                if key[node.choice] == node.branch:
                    _resolve(node.nodes, key, numbers, address_of, parts)
            case Notes():
                bodies = {note.label: note.nodes for note in node.notes}
                for label in numbers.placed.get(node.section, ()):
                    _resolve(bodies[label], key, numbers, address_of, parts)
            case Note():
                _resolve(node.nodes, key, numbers, address_of, parts)
            case _:
                parts.append(node)


def merged(parts: Iterable[str | Filler]) -> Parts:
    """`parts` with neighbouring strings joined and empty ones left out."""
    result: list[str | Filler] = []
    pending: list[str] = []
    for part in parts:
        if isinstance(part, str):
            pending.append(part)
            continue
        if text := "".join(pending):
            result.append(text)
        pending.clear()
        result.append(part)
    if text := "".join(pending):
        result.append(text)
    return tuple(result)
