"""The plaintext of an edition before a variant is chosen: blocks, and their rendering as lines.

    blocks --render_blocks(blocks, key, numbers)--> TemplateParts

A block has the blank lines before it (`gap`), the beginning of its lines (`indent`: list levels, quotes) and its
content. Blocks without merge fields become lines here, once a variant; those with merge fields wrap themselves per reader.
Links are numbered within their section (the editor's note, an article) and listed at its end, after its footnotes.
"""

from dataclasses import dataclass
from os.path import commonprefix

from mailer.edition.html.conditional_nodes import NumberNode, join_adjacent
from mailer.edition.merge_fields import Fillable, ListName, MergeField, ReaderValues, TemplateParts, depends_on, fill
from mailer.edition.numbering import Numbering, VariantKey
from mailer.edition.plaintext.flowed import fixed_lines, flow
from mailer.edition.plaintext.tables import format_table
from mailer.edition.plaintext.wrap import width, wrap

Target = tuple[str | MergeField, ...]


@dataclass(frozen=True, slots=True)
class TextLink:
    """A reference to `target`; reads as ` [2]`."""

    target: Target


Words = tuple[str | MergeField | ListName | NumberNode | TextLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBlock:
    """A paragraph, list item or line. Its first line starts with `lead`, the others are aligned with the text after it."""

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
class UnruledTable(Table):
    """A table with a blank line under its header, in place of a row of hyphens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalBlock:
    """Blocks that are present only where `choice` takes `branch`."""

    choice: int
    branch: int
    blocks: "Blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class FootnoteBlock:
    """The text of the footnote `label`, printed in the section that the variant decides."""

    label: str
    blocks: "Blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionBlock:
    """The editor's note (`section` "") or an article (its anchor): the scope of link numbers and footnotes."""

    section: str
    blocks: "Blocks"
    notes: tuple[FootnoteBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBlock:
    """A part that the template names: its blocks, and the number of blank lines before them."""

    gap: int
    blocks: "Blocks"


Block = TextBlock | Table | ConditionalBlock | SectionBlock | PartBlock
Blocks = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class FilledParagraph:
    """A paragraph with merge fields: omitted, with its blank line, where the values leave it empty."""

    before: str
    first: str
    rest: str
    literal: bool
    flowed: bool
    parts: TemplateParts

    @property
    def has_fixed_length(self) -> bool:
        return all(isinstance(part, str) or part.has_fixed_length for part in self.parts)

    @property
    def depends_on(self) -> frozenset[str]:
        return depends_on(self.parts)

    def fill(self, values: ReaderValues) -> str:
        text = fill(self.parts, values)
        if not text.strip():
            return ""
        return self.before + _lines(text, self.first, self.rest, literal=self.literal, flowed=self.flowed)


@dataclass(frozen=True, slots=True)
class TableLayout:
    """A table with merge fields, whose columns are as wide as this reader's values."""

    before: str
    indent: str
    flowed: bool
    header: tuple[TemplateParts, ...]
    rows: tuple[tuple[TemplateParts, ...], ...]
    alignments: tuple[str, ...]
    ruled: bool

    @property
    def has_fixed_length(self) -> bool:
        return False

    @property
    def depends_on(self) -> frozenset[str]:
        return frozenset().union(*(depends_on(cell) for row in (self.header, *self.rows) for cell in row))

    def fill(self, values: ReaderValues) -> str:
        header = [_cell(parts, values) for parts in self.header]
        rows = [[_cell(parts, values) for parts in row] for row in self.rows]
        text = format_table(header, rows, self.alignments, self.indent, ruled=self.ruled)
        return self.before + (fixed_lines(text, self.indent) if self.flowed else text)


def render_blocks(blocks: Blocks, key: VariantKey, numbers: Numbering, *, flowed: bool = False) -> TemplateParts:
    """Returns `blocks` for the variant `key`, with a line feed at the end; `flowed`: as format=flowed."""
    writer = _Writer(key, numbers, flowed=flowed)
    writer.write(blocks)
    return join_adjacent([*writer.parts, "\n"])


class _Writer:
    def __init__(self, key: VariantKey, numbers: Numbering, *, flowed: bool) -> None:
        self.flowed = flowed
        self.key = key
        self.numbers = numbers
        self.parts: list[str | Fillable] = []
        self.links: dict[Target, int] = {}
        self.indent = ""
        self.gap: int | None = None  # what the template wants before the next block

    def write(self, blocks: Blocks) -> None:
        for block in blocks:
            match block:
                case TextBlock():
                    self.flow(block)
                case Table():
                    self.table(block)
                case ConditionalBlock(choice=choice, branch=branch, blocks=inner):
                    if self.key[choice] == branch:
                        self.write(inner)
                case SectionBlock():
                    self.section(block)
                case PartBlock(gap=gap, blocks=inner):
                    self.gap = max(self.gap or 0, gap)
                    self.write(inner)

    def section(self, section: SectionBlock) -> None:
        self.links = {}
        self.write(section.blocks)
        bodies = {note.label: note.blocks for note in section.notes}
        for label in self.numbers.by_section.get(section.section, ()):
            self.write(bodies[label])
        listed = 0
        while listed < len(self.links):
            target = list(self.links)[listed]
            listed += 1
            self.flow(TextBlock(lead=(f"[{listed}] ",), words=target, gap=1 if listed == 1 else 0))

    def flow(self, flow: TextBlock) -> None:
        lead = "".join(part for part in self.words(flow.lead) if isinstance(part, str))
        first, rest = flow.indent + lead, flow.indent + " " * width(lead)
        parts = join_adjacent(self.words(flow.words))
        before = self.before(flow.indent, flow.gap)
        if any(not isinstance(part, str) for part in parts):
            self.parts.append(FilledParagraph(before, first, rest, flow.literal, self.flowed, parts))
            return
        text = "".join(part for part in parts if isinstance(part, str))
        rest = flow.indent if flow.literal else rest
        self.parts.append(before + _lines(text, first, rest, literal=flow.literal, flowed=self.flowed))

    def table(self, table: Table) -> None:
        header = tuple(join_adjacent(self.words(cell)) for cell in table.header)
        rows = tuple(tuple(join_adjacent(self.words(cell)) for cell in row) for row in table.rows)
        before = self.before(table.indent, table.gap)
        ruled = not isinstance(table, UnruledTable)
        layout = TableLayout(before, table.indent, self.flowed, header, rows, table.alignments, ruled)
        static = all(isinstance(part, str) for cells in (header, *rows) for cell in cells for part in cell)
        self.parts.append(layout.fill(ReaderValues(token="")) if static else layout)

    def words(self, words: Words) -> list[str | Fillable]:
        parts: list[str | Fillable] = []
        for word in words:
            match word:
                case NumberNode():
                    parts.append(word.of(self.numbers))
                case TextLink(target=target):
                    parts.append(f" [{self.links.setdefault(target, len(self.links) + 1)}]")
                case _:
                    parts.append(word)
        return parts

    def before(self, indent: str, gap: int) -> str:
        """Returns the end of the block before: a line feed and `gap` lines, which continue a quote around both blocks."""
        gap = gap if self.gap is None else self.gap
        self.gap = None
        if not self.parts:
            self.indent = indent
            return ""
        shared = commonprefix([self.indent, indent]).rstrip(" ")  # noqa: RUF071 - of characters, not of a path
        self.indent = indent
        return "\n" + f"{fixed_lines(shared, shared) if self.flowed else shared}\n" * gap


def _lines(text: str, first: str, rest: str, *, literal: bool, flowed: bool) -> str:
    """Returns `text` after `first`, its further lines after `rest`: unchanged where it is `literal`, else wrapped."""
    if flowed and not literal:
        return flow(text, first, rest)
    lines = "\n".join((rest + line).rstrip() for line in text.split("\n")) if literal else wrap(text, first, rest)
    return fixed_lines(lines, rest) if flowed else lines


def _cell(parts: TemplateParts, values: ReaderValues) -> str:
    return fill(parts, values).replace("\n", " ").strip()
