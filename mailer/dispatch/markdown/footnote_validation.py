"""Checks footnotes: each is defined once, and is present wherever it is referred to.

A path lists the branches around a place: the branch taken of each if chain, outermost first. A
footnote is present for all readers who see its reference when the path to its definition begins the reference's path.
"""

from collections.abc import Iterable, Mapping

from markdown_it.token import Token

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.template.conditionals import FootnoteDefinition

Path = tuple[tuple[int, int], ...]


class Footnotes:
    """Collects definitions and references while the body is built; `check` reports what is wrong with them."""

    def __init__(self) -> None:
        self._notes: dict[str, tuple[FootnoteDefinition, Path]] = {}
        self._duplicates: list[FootnoteDefinition] = []
        self._references: list[tuple[Token, Path]] = []

    def add_definition(self, note: FootnoteDefinition, path: Path) -> None:
        if note.label in self._notes:
            self._duplicates.append(note)
        else:
            self._notes[note.label] = (note, path)
        self.add_references(note.tokens, path)

    def add_references(self, tokens: Iterable[Token], path: Path) -> None:
        """Adds the references in `tokens`, inline or block ones."""
        for token in tokens:
            if token.type == "footnote_ref":
                self._references.append((token, path))
            if token.children:
                self.add_references(token.children, path)

    def check(self, findings: DiagnosticCollector) -> Mapping[str, tuple[Token, ...]]:
        """Returns the footnotes by label, in the order of their definitions; reports faults to `findings`."""
        for note in self._duplicates:
            first = self._notes[note.label][0].position.line
            message = f"the footnote “{note.label}” is defined twice"
            findings.add("footnote-duplicate", note.position, message, f"keep one; the first is in line {first}")
        for token, path in self._references:
            label, position = token.meta["label"], token.meta["position"]
            found = self._notes.get(label)
            if found is None:
                expected = f"add a paragraph that begins with [^{label}]:"
                findings.add("footnote-missing", position, f"the footnote “{label}” is not defined", expected)
            elif path[: len(found[1])] != found[1]:
                message = f"the footnote “{label}” is defined inside an {{% if %}} that does not apply here"
                expected = f"move its definition (line {found[0].position.line}) out of the {{% if %}}"
                findings.add("footnote-branch", position, message, expected)
        used = {token.meta["label"] for token, _ in self._references}
        for label, (note, _) in self._notes.items():
            if not note.tokens:
                findings.add(
                    "footnote-empty", note.position, f"the footnote “{label}” has no text", "write it after the colon"
                )
            if label not in used:
                findings.add(
                    "footnote-unused",
                    note.position,
                    f"the footnote “{label}” is not used",
                    f"refer to it as [^{label}], or remove it",
                )
        return {label: note.tokens for label, (note, _) in self._notes.items()}
