"""An edition's plaintext before a variant is chosen: blocks, and how they become lines.

    blocks --render(blocks, key, numbers)--> Parts

A block knows the blank lines before it (`gap`), what its lines start with (`indent`: list levels, quotes) and what
stands in it. What holds no slot becomes lines here, once a variant; what does is a filler that wraps itself per reader.
Links are numbered within their passage (the editor's note, an article) and listed at its end, after its footnotes.
"""

from dataclasses import dataclass
from os.path import commonprefix

from mailer.edition.flowed import fix, flow
from mailer.edition.numbers import Numbers, VariantKey
from mailer.edition.slot import Filler, Parts, Slot, Values, fill, needs
from mailer.edition.table import table_text
from mailer.edition.tree import Number, merged
from mailer.edition.wrap import width, wrap

Target = tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A place that refers to `target`; reads as ` [2]`."""

    target: Target


Words = tuple[str | Slot | Number | Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A paragraph, list item or line. Its first line starts with `lead`, the others align with what follows that."""

    words: Words
    lead: Words = ()
    indent: str = ""
    gap: int = 1
    literal: bool = False  # not wrapped: code, underlines


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    header: tuple[Words, ...]
    rows: tuple[tuple[Words, ...], ...]
    alignments: tuple[str, ...]
    indent: str = ""
    gap: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Blocks that stand only where `choice` takes `branch`."""

    choice: int
    branch: int
    blocks: "Blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """The text of the footnote `label`, printed where the variant places it."""

    label: str
    blocks: "Blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The editor's note (`section` "") or an article (its anchor): the reach of link numbers and footnotes."""

    section: str
    blocks: "Blocks"
    notes: tuple[Footer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the template placed: its blocks, and the blank lines that it wants before them."""

    gap: int
    blocks: "Blocks"


Block = Flow | Table | Option | Passage | Part
Blocks = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph with slots: nothing at all, its blank line included, where the values leave it empty."""

    before: str
    first: str
    rest: str
    literal: bool
    flowed: bool
    parts: Parts

    @property
    def is_bounded(self) -> bool:
        return all(isinstance(part, str) or part.is_bounded for part in self.parts)

    @property
    def needs(self) -> frozenset[str]:
        return needs(self.parts)

    def fill(self, values: Values) -> str:
        text = fill(self.parts, values)
        if not text.strip():
            return ""
        return self.before + _lines(text, self.first, self.rest, literal=self.literal, flowed=self.flowed)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with slots, whose columns are as wide as this reader's values."""

    before: str
    indent: str
    flowed: bool
    header: tuple[Parts, ...]
    rows: tuple[tuple[Parts, ...], ...]
    alignments: tuple[str, ...]

    @property
    def is_bounded(self) -> bool:
        return False

    @property
    def needs(self) -> frozenset[str]:
        return frozenset().union(*(needs(cell) for row in (self.header, *self.rows) for cell in row))

    def fill(self, values: Values) -> str:
        header = [_cell(parts, values) for parts in self.header]
        rows = [[_cell(parts, values) for parts in row] for row in self.rows]
        text = table_text(header, rows, self.alignments, self.indent)
        return self.before + (fix(text, self.indent) if self.flowed else text)


def render(blocks: Blocks, key: VariantKey, numbers: Numbers, *, flowed: bool = False) -> Parts:
    """`blocks` as they stand in the variant `key`, with a line feed at the end; `flowed`: as format=flowed."""
    writer = _Writer(key, numbers, flowed=flowed)
    writer.write(blocks)
    return merged([*writer.parts, "\n"])


class _Writer:
    def __init__(self, key: VariantKey, numbers: Numbers, *, flowed: bool) -> None:
        self.flowed = flowed
        self.key = key
        self.numbers = numbers
        self.parts: list[str | Filler] = []
        self.links: dict[Target, int] = {}
        self.indent = ""
        self.gap: int | None = None  # what the template wants before the next block

    def write(self, blocks: Blocks) -> None:
        for block in blocks:
            match block:
                case Flow():
                    self.flow(block)
                case Table():
                    self.table(block)
                case Option(choice=choice, branch=branch, blocks=inner):
                    if self.key[choice] == branch:
                        self.write(inner)
                case Passage():
                    self.passage(block)
                case Part(gap=gap, blocks=inner):
                    self.gap = max(self.gap or 0, gap)
                    self.write(inner)

    def passage(self, passage: Passage) -> None:
        self.links = {}
        self.write(passage.blocks)
        bodies = {note.label: note.blocks for note in passage.notes}
        for label in self.numbers.placed.get(passage.section, ()):
            self.write(bodies[label])
        listed = 0
        while listed < len(self.links):
            target = list(self.links)[listed]
            listed += 1
            self.flow(Flow(lead=(f"[{listed}] ",), words=target, gap=1 if listed == 1 else 0))

    def flow(self, flow: Flow) -> None:
        lead = "".join(part for part in self.words(flow.lead) if isinstance(part, str))
        first, rest = flow.indent + lead, flow.indent + " " * width(lead)
        parts = merged(self.words(flow.words))
        before = self.before(flow.indent, flow.gap)
        if any(not isinstance(part, str) for part in parts):
            self.parts.append(Paragraph(before, first, rest, flow.literal, self.flowed, parts))
            return
        text = "".join(part for part in parts if isinstance(part, str))
        rest = flow.indent if flow.literal else rest
        self.parts.append(before + _lines(text, first, rest, literal=flow.literal, flowed=self.flowed))

    def table(self, table: Table) -> None:
        header = tuple(merged(self.words(cell)) for cell in table.header)
        rows = tuple(tuple(merged(self.words(cell)) for cell in row) for row in table.rows)
        before = self.before(table.indent, table.gap)
        grid = Grid(before, table.indent, self.flowed, header, rows, table.alignments)
        static = all(isinstance(part, str) for cells in (header, *rows) for cell in cells for part in cell)
        self.parts.append(grid.fill(Values(token="")) if static else grid)

    def words(self, words: Words) -> list[str | Filler]:
        parts: list[str | Filler] = []
        for word in words:
            match word:
                case Number():
                    parts.append(word.of(self.numbers))
                case Link(target=target):
                    parts.append(f" [{self.links.setdefault(target, len(self.links) + 1)}]")
                case _:
                    parts.append(word)
        return parts

    def before(self, indent: str, gap: int) -> str:
        """What ends the block before: a line feed and `gap` lines, which carry on a quote that both stand in."""
        gap = gap if self.gap is None else self.gap
        self.gap = None
        if not self.parts:
            self.indent = indent
            return ""
        shared = commonprefix([self.indent, indent]).rstrip(" ")  # noqa: RUF071 - characters are meant
        self.indent = indent
        return "\n" + f"{fix(shared, shared) if self.flowed else shared}\n" * gap


def _lines(text: str, first: str, rest: str, *, literal: bool, flowed: bool) -> str:
    """`text` after `first`, its further lines after `rest`: as it is where it is `literal`, else wrapped."""
    if flowed and not literal:
        return flow(text, first, rest)
    lines = "\n".join((rest + line).rstrip() for line in text.split("\n")) if literal else wrap(text, first, rest)
    return fix(lines, rest) if flowed else lines


def _cell(parts: Parts, values: Values) -> str:
    return fill(parts, values).replace("\n", " ").strip()
