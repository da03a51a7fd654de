"""The numbers of a variant: of articles in the contents, of footnotes, and the section that each footnote is printed in.

Anchors come from the whole dispatch, numbers from the variant: an article that a reader does not get leaves no gap.
HTML and plaintext use the same Numbering, so they always agree. A footnote is printed under the section that refers to
it first; one that is referred to by a footnote comes after it, in the same section.
"""

from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass

VariantKey = tuple[int, ...]
"""The branch that is taken in each choice of the edition: -1 for none, -2 if the choice itself is in a branch not taken."""


@dataclass(frozen=True, slots=True)
class FootnoteRef:
    """A place that refers to the footnote `label`."""

    label: str


@dataclass(frozen=True, slots=True)
class Section:
    """The editor's note (`name` "") or an article (`name` is its anchor) with the references in it."""

    name: str
    items: "Items"


@dataclass(frozen=True, slots=True)
class ConditionalItems:
    """Items that count only where `choice` takes `branch`."""

    choice: int
    branch: int
    items: "Items"


@dataclass(frozen=True, slots=True)
class Footnote:
    """A footnote and the labels that its own text refers to."""

    label: str
    mentions: tuple[str, ...]


Items = tuple[FootnoteRef | Section | ConditionalItems, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberingInput:
    """The items to number, in order. `summaries` lines come before the articles in the contents."""

    summaries: int = 0
    items: Items = ()
    footnotes: tuple["Footnote", ...] = ()

    def sections(self) -> list[Section]:
        """Every section, those of every branch."""
        return _sections(self.items)

    def reachable(self, section: Section) -> tuple[str, ...]:
        """Returns every label that `section` could have to print, whatever the variant."""
        return tuple(_closure(_mentions(section.items), self, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """The numbers of one variant; `by_section` gives the footnotes of each section, in order."""

    articles: Mapping[str, int]
    notes: Mapping[str, int]
    by_section: Mapping[str, tuple[str, ...]]


def number_variant(outline: NumberingInput, key: VariantKey) -> Numbering:
    """Returns the numbers of the variant `key`."""
    articles: dict[str, int] = {}
    notes: dict[str, int] = {}
    by_section: dict[str, tuple[str, ...]] = {}
    for section in _sections(outline.items, key):
        if section.name:
            articles[section.name] = outline.summaries + len(articles) + 1
        labels = _closure(_mentions(section.items, key), outline, notes)
        notes.update({label: number for number, label in enumerate(labels, len(notes) + 1)})
        by_section[section.name] = tuple(labels)
    return Numbering(articles=articles, notes=notes, by_section=by_section)


def _closure(mentioned: list[str], outline: NumberingInput, known: Container[str]) -> list[str]:
    """Returns `mentioned` and then the footnotes that those refer to, each once, without the `known` ones."""
    inner = {footnote.label: footnote.mentions for footnote in outline.footnotes}
    labels: dict[str, None] = {}
    pending = deque(mentioned)
    while pending:
        label = pending.popleft()
        if label not in labels and label not in known:
            labels[label] = None
            pending.extend(inner.get(label, ()))
    return list(labels)


def _sections(items: Items, key: VariantKey | None = None) -> list[Section]:
    sections: list[Section] = []
    for item in items:
        if isinstance(item, Section):
            sections.append(item)
        elif isinstance(item, ConditionalItems) and (key is None or key[item.choice] == item.branch):
            sections.extend(_sections(item.items, key))
    return sections


def _mentions(items: Items, key: VariantKey | None = None) -> list[str]:
    """Returns the labels referred to, in order; with `key` those of that variant, without it all."""
    labels: list[str] = []
    for item in items:
        if isinstance(item, FootnoteRef):
            labels.append(item.label)
        elif isinstance(item, ConditionalItems) and (key is None or key[item.choice] == item.branch):
            labels.extend(_mentions(item.items, key))
    return labels
