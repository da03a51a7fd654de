"""Splits an archive into paragraphs, each with its line, and writes them as Markdown.

    split_paragraphs(text)      its paragraphs: lines without a blank one between them
    markdown(paragraph, width)  a paragraph as Markdown with the same text and no other markup

Lines that were wrapped are joined again; a line that ends where the next word would still have fitted was ended on purpose, and
stays so. A line of `=`, `-` or `~` makes a heading of the line above it; such a line alone is a rule, which only makes space.
Lines with columns, and indented lines, are kept as a code block.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mailer.importers.markdown_escaping import escape_markdown

_TAB = 4
_WIDEST = 100  # a longer line was never wrapped
_NARROWEST = 40  # lines that are all shorter were not wrapped: each is a line of its own
_FEW = 20  # one in so many lines may be longer
_RAGGED = 15  # characters that a wrapped line may be shorter than the width
_ENOUGH = 6  # wrapped lines for each that is longer
_RULE = re.compile(r"([=\-~_*#+])(?:\s?\1){2,}")
_LEVELS = {"=": 1, "-": 2, "~": 3}
_COLUMNS = re.compile(r"\S\s{2,}\S.*")
_GRID = re.compile(r"[|+].+[|+]")  # a line of a table that is drawn with signs
_ITEM = re.compile(r"(?P<mark>[-*•‣·–—]|\d{1,3}[.)])\s+(?P<text>\S.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedParagraph:
    """Lines of an archive; `line` is the number of the first, `gap` the number of blank lines before it.

    A paragraph from HTML has its Markdown in `markdown`, one for each line, joined by `separator`. `level` is that of a heading,
    0 for text. `picture` is the address of an image that is a paragraph of its own; `is_caption`: it is the caption of one.
    `code` is the text of a paragraph whose blanks count.
    """

    line: int
    lines: tuple[str, ...]
    gap: int = 0
    level: int = 0
    markdown: tuple[str, ...] | None = None
    separator: str = "\\\n"
    picture: str = ""
    is_caption: bool = False
    code: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.lines)

    def split(self, after: int) -> tuple["ImportedParagraph", "ImportedParagraph"]:
        """Returns its first `after` lines, and the others."""
        first, rest = (self.markdown[:after], self.markdown[after:]) if self.markdown is not None else (None, None)
        return (
            replace(self, lines=self.lines[:after], markdown=first, code=""),
            replace(self, line=self.line + after, lines=self.lines[after:], markdown=rest, gap=0, code=""),
        )


def split_paragraphs(text: str, *, first_line: int = 1) -> tuple[ImportedParagraph, ...]:
    """Returns the paragraphs of `text`, in order; together they have every line that is neither blank nor a rule."""
    found: list[ImportedParagraph] = []
    lines: list[str] = []
    gap = 0
    for number, raw in enumerate([*_lines(text), ""], start=first_line):
        line = _clean(raw)
        if line.strip():
            lines.append(line)
            continue
        if lines:
            for paragraph in _parts(lines, number - len(lines)):
                level = 2 if paragraph.level == 1 and found else paragraph.level  # only the first is the headline
                found.append(replace(paragraph, gap=max(gap, paragraph.gap), level=level))
                gap = 0
            lines = []
        gap += 1
    return tuple(found)


def _parts(lines: list[str], number: int) -> Iterator[ImportedParagraph]:
    """Yields the headings among `lines`, which begin at the line `number`, and the text between them."""
    start = gap = 0
    is_table = _is_preformatted([line for line in lines if not _RULE.fullmatch(line.strip())])
    for index, line in enumerate(lines):
        rule = None if is_table else _RULE.fullmatch(line.strip())
        if rule is None:
            continue
        level = _LEVELS.get(rule[1], 0)
        is_heading = level and index == start + 1 and len(lines[start].strip()) <= _WIDEST
        if index > start:
            yield _paragraph(lines[start:index], number + start, gap, level=level if is_heading else 0)
        start, gap = index + 1, 0 if is_heading else 2
    if start < len(lines):
        yield _paragraph(lines[start:], number + start, gap)


def _paragraph(lines: list[str], number: int, gap: int, *, level: int = 0) -> ImportedParagraph:
    stripped = tuple(line.strip() for line in lines)
    code = textwrap.dedent("\n".join(lines)) if _is_preformatted(lines) else ""
    return ImportedParagraph(line=number, lines=stripped, gap=gap, level=level, code=code)


def _is_preformatted(lines: list[str]) -> bool:
    """Whether lines have columns, or are all indented."""
    with_columns = sum(
        _GRID.fullmatch(line.strip()) is not None
        or (_COLUMNS.search(line.strip()) is not None and not _ITEM.fullmatch(line.strip()))
        for line in lines
    )
    is_indented = len(lines) > 1 and all(line.startswith(" " * _TAB) for line in lines)
    return is_indented or (with_columns > 1 and with_columns * 2 > len(lines))


def width_of(found: Sequence[ImportedParagraph]) -> int:
    """Returns the width that most lines of an archive were wrapped at, in characters; 0 if they were not.

    A line that is one long word, such as an address, cannot be wrapped, and does not count. A few longer lines are allowed: more,
    if enough other lines are nearly as long as the width.
    """
    lengths = [len(line) for each in found for line in each.lines if len(line.split()) > 1]
    wrapped = [length for length in lengths if length <= _WIDEST]
    width, longer = max(wrapped, default=0), len(lengths) - len(wrapped)
    inner = [len(line) for each in found for line in each.lines[:-1] if len(line) <= _WIDEST]
    full = sum(length > width - _RAGGED for length in inner)
    is_wrapped = longer * _FEW <= len(lengths) or (full >= _ENOUGH * longer and full * 2 > len(inner))
    return width if is_wrapped and width >= _NARROWEST else 0


def markdown(paragraph: ImportedParagraph, width: int) -> str:
    """Returns `paragraph` as Markdown, without a line end; `width` as returned by `width_of`."""
    if paragraph.code:
        return fenced(paragraph.code)
    if paragraph.markdown is not None:
        return paragraph.separator.join(paragraph.markdown)
    if items := _items(paragraph.lines):
        return "\n".join(items)
    lines = [escape_markdown(line, is_first=True) for line in paragraph.lines]
    joined = lines[0]
    for before, line, raw in zip(paragraph.lines, lines[1:], paragraph.lines[1:], strict=False):
        wrapped = width and len(before) + 1 + len(raw.split()[0]) > width
        joined += f"\n{line}" if wrapped else f"\\\n{line}"
    return joined


def fenced(text: str) -> str:
    """Returns `text` as a code block."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _lines(text: str) -> list[str]:
    return re.split("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)


def _clean(line: str) -> str:
    kept = "".join(" " if character == "\t" else character for character in line.expandtabs(_TAB))
    return "".join(character for character in kept if character.isprintable() or character in _JOINERS).rstrip()


_JOINERS = "\u200c\u200d\u200e\u200f\xad\xa0\u202f\u2009\u2066\u2067\u2068\u2069"


def _items(lines: Sequence[str]) -> list[str]:
    """Returns the lines as items of a list, if they all belong to items."""
    matches = [_ITEM.fullmatch(line) for line in lines]
    if not matches[0] or sum(match is not None for match in matches) < 2:
        return []
    items: list[str] = []
    indent = ""
    for line, match in zip(lines, matches, strict=True):
        if match:
            mark = match["mark"] if match["mark"][0].isdigit() else "-"
            indent = " " * (len(mark) + 1)
            items.append(f"{mark} {escape_markdown(match['text'], is_first=True)}")
        else:
            items.append(f"{indent}{escape_markdown(line, is_first=True)}")
    return items
