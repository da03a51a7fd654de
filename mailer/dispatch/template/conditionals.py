"""Divides the body at its tag lines and article headings, and builds the tree of conditions.

    find_boundaries  tokens -> blocks, headings, tags and footnotes in source order
    build_tree       those -> a tree of if chains (if … elif … else … endif); misplaced tags are reported

Chains are numbered in the order in which they open, so outer before inner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position
from mailer.dispatch.template.lexer import Tag
from mailer.dispatch.template.placeholders import MaskedBody

DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentBlock:
    """One top-level block of Markdown; never empty."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A `##` and the lines right under it, the first of which is line `line` (from 0) of the body."""

    title: tuple[Token, ...]
    lines: tuple[str, ...]
    line: int
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class FootnoteDefinition:
    """A footnote's definition."""

    label: str
    tokens: tuple[Token, ...]
    position: Position


@dataclass(slots=True, kw_only=True)
class BranchSpan:
    """One branch of a chain: the tag that opens it, and its items."""

    tag: Tag
    items: list["Item"] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class IfChain:
    """An if chain; `end` is its endif, None when it has none."""

    index: int
    branches: list[BranchSpan]
    end: Tag | None = None

    @property
    def holds_articles(self) -> bool:
        """Whether it contains a `##`, and is therefore a condition between articles."""
        return any(
            isinstance(item, Heading) or (isinstance(item, IfChain) and item.holds_articles)
            for branch in self.branches
            for item in branch.items
        )


Item = ContentBlock | Heading | FootnoteDefinition | IfChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A piece of the body, from line `first` up to line `end`, both from 0; `kind` is its first token's type."""

    piece: ContentBlock | Heading | Tag | FootnoteDefinition
    first: int
    end: int
    kind: str


def find_boundaries(tokens: Sequence[Token], body: MaskedBody, findings: DiagnosticCollector) -> list[Boundary]:
    """Returns the pieces at the top level, in source order."""
    boundaries: list[Boundary] = []
    start = depth = 0
    for number, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            boundaries += _boundaries_of(tokens[start : number + 1], body, findings)
            start = number + 1
    _report_split_containers(boundaries, body, findings)
    return boundaries


def _boundaries_of(tokens: Sequence[Token], body: MaskedBody, findings: DiagnosticCollector) -> list[Boundary]:
    opening = tokens[0]
    first, end = opening.map or (0, 0)

    def as_boundary(piece: ContentBlock | Heading | Tag | FootnoteDefinition) -> Boundary:
        return Boundary(piece=piece, first=first, end=end, kind=opening.type)

    if opening.type == "tag_line":
        tag = _tag(opening, body)
        return [as_boundary(tag)] if tag else []
    if opening.type == "article_open":
        heading = Heading(
            title=tuple(tokens[1].children or ()),
            lines=tuple(opening.meta["lines"]),
            line=first + 1,
            position=body.position(first),
        )
        return [as_boundary(heading)]
    rest, notes = _notes(tokens, body)
    for token in (*rest, *(token for note in notes for token in note.tokens)):
        if token.type == "tag_line" and (tag := _tag(token, body)):
            _misplaced(tag, _CONTAINERS.get(opening.type, "another block"), findings)
    boundaries: list[Boundary] = [as_boundary(note) for note in notes]
    return [as_boundary(ContentBlock(tokens=tuple(rest))), *boundaries] if rest else boundaries


def _tag(token: Token, body: MaskedBody) -> Tag | None:
    return next(
        (placeholder.tag for placeholder in body.split(token.content) if not isinstance(placeholder, str)), None
    )


def _notes(tokens: Sequence[Token], body: MaskedBody) -> tuple[list[Token], list[FootnoteDefinition]]:
    """Takes the footnotes out of `tokens`, those inside of lists, quotes and other footnotes too."""
    rest: list[Token] = []
    notes: list[FootnoteDefinition] = []
    open_notes: list[tuple[Token, list[Token]]] = []
    for token in tokens:
        if token.type == "footnote_reference_open":
            open_notes.append((token, []))
        elif token.type == "footnote_reference_close":
            opening, inner = open_notes.pop()
            for own in inner:
                own.level -= opening.level + 1
            line = opening.map[0] if opening.map else 0
            label = str(opening.meta["label"])
            column = max(body.lines[line].find(f"[^{label}]:"), 0)
            position = body.position(line, column)
            notes.append(FootnoteDefinition(label=body.restore(label), tokens=tuple(inner), position=position))
        else:
            (open_notes[-1][1] if open_notes else rest).append(token)
    return rest, notes


_CONTAINERS = {
    "bullet_list_open": "a list",
    "ordered_list_open": "a list",
    "blockquote_open": "a quote",
    "table_open": "a table",
    "footnote_reference_open": "a footnote",
}


def _report_split_containers(boundaries: Sequence[Boundary], body: MaskedBody, findings: DiagnosticCollector) -> None:
    """Reports tag lines that split a list, quote, table or footnote."""
    before: Boundary | None = None
    run: list[Tag] = []
    for number, this in enumerate(boundaries):
        if isinstance(this.piece, Tag):
            run.append(this.piece)
            continue
        if before and run and before.kind in _CONTAINERS:
            touching = _adjacent([before, *boundaries[number - len(run) : number + 1]], body)
            if touching and _only_opens_or_closes(run) and _continues(before.kind, this.kind, body.lines[this.first]):
                _misplaced(run[0], _CONTAINERS[before.kind], findings)
        before, run = this, []


def _only_opens_or_closes(run: Sequence[Tag]) -> bool:
    """Whether `run` only opens or only closes; else the blocks before and after it are alternatives."""
    return {tag.name for tag in run} in ({"if"}, {"endif"})


def _continues(before: str, after: str, line: str) -> bool:
    """Whether `line`, which begins a block of the kind `after`, would otherwise continue the block before."""
    return after == before or line.startswith((" ", "\t")) or (before == "table_open" and "|" in line)


def _adjacent(boundaries: Sequence[Boundary], body: MaskedBody) -> bool:
    """Whether there is no blank line between any of `boundaries`."""
    return all(body.lines[boundary.first - 1].strip() and boundary.first > 0 for boundary in boundaries[1:])


def _misplaced(tag: Tag, where: str, findings: DiagnosticCollector) -> None:
    findings.add(
        "tag-place",
        tag.position,
        f"“{{% {tag.name} %}}” is inside {where}",
        "move it before or after, with a blank line between",
    )


def build_tree(boundaries: Sequence[Boundary], findings: DiagnosticCollector) -> list[Item]:
    """Returns the pieces as a tree. A chain that is not closed ends with the body."""
    tree = _Tree(findings)
    for this in boundaries:
        if not isinstance(this.piece, Tag):
            tree.items.append(this.piece)
        elif this.piece.name == "if":
            tree.open(this.piece)
        else:
            tree.continue_or_close(this.piece)
    return tree.close()


class _Tree:
    def __init__(self, findings: DiagnosticCollector) -> None:
        self._findings = findings
        self._top: list[Item] = []
        self._open: list[IfChain] = []
        self._count = 0
        self._too_deep = 0

    @property
    def items(self) -> list[Item]:
        """The list that the next piece is added to."""
        return self._open[-1].branches[-1].items if self._open else self._top

    def open(self, tag: Tag) -> None:
        if self._too_deep or len(self._open) == DEEPEST:
            if not self._too_deep:
                self._findings.add(
                    "tag-depth", tag.position, "conditions are nested too deeply here", f"use at most {DEEPEST} levels"
                )
            self._too_deep += 1
            return
        chain = IfChain(index=self._count, branches=[BranchSpan(tag=tag)])
        self._count += 1
        self.items.append(chain)
        self._open.append(chain)

    def continue_or_close(self, tag: Tag) -> None:
        """Handles elif, else and endif."""
        shown = f"“{{% {tag.name} %}}”"
        if self._too_deep:
            self._too_deep -= tag.name == "endif"
        elif not self._open:
            self._findings.add(
                "tag-unmatched", tag.position, f"{shown} has no {{% if %}}", "add one before it, or remove this"
            )
        elif tag.name == "endif":
            self._open.pop().end = tag
        else:
            if self._open[-1].branches[-1].tag.name == "else":
                self._findings.add(
                    "tag-unmatched",
                    tag.position,
                    f"{shown} comes after {{% else %}}",
                    "move it before {% else %}, or remove it",
                )
            self._open[-1].branches.append(BranchSpan(tag=tag))

    def close(self) -> list[Item]:
        for chain in self._open:
            expected = "add {% endif %} on a line of its own"
            self._findings.add("tag-unclosed", chain.branches[0].tag.position, "this {% if %} is not closed", expected)
        return self._top
