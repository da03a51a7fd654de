"""Splits an archive into paragraphs, each with its line, and writes them as Markdown.

    split_paragraphs(text)      its paragraphs: lines without a blank one between them
    markdown(paragraph, width)  a paragraph as Markdown with the same text and no other markup

Lines that were wrapped are joined again; a line that ends where the next word would still have fitted was ended on purpose, and
stays so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailer.importers.markdown_escaping import escape_markdown

_TAB = 4
_WIDEST = 100  # a longer line was never wrapped
_ITEM = re.compile(r"(?P<mark>[-*•‣·–—]|\d{1,3}[.)])\s+(?P<text>\S.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedParagraph:
    """Lines of an archive; `line` is the number of the first, `gap` the number of blank lines before it.

    A paragraph from HTML has its Markdown in `markdown`, one for each line, joined by `separator`; `level` is that of a
    heading, 0 for text, and `picture` the address of an image that is a paragraph of its own.
    """

    line: int
    lines: tuple[str, ...]
    gap: int = 0
    level: int = 0
    markdown: tuple[str, ...] | None = None
    separator: str = "\\\n"
    picture: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.lines)

    def split(self, after: int) -> tuple["ImportedParagraph", "ImportedParagraph"]:
        """Returns its first `after` lines, and the others."""
        first, rest = (self.markdown[:after], self.markdown[after:]) if self.markdown is not None else (None, None)
        return (
            replace(self, lines=self.lines[:after], markdown=first),
            replace(self, line=self.line + after, lines=self.lines[after:], markdown=rest, gap=0),
        )


def split_paragraphs(text: str) -> tuple[ImportedParagraph, ...]:
    """Returns the paragraphs of `text`, in order; together they have every line that is not blank."""
    found: list[ImportedParagraph] = []
    lines: list[str] = []
    gap = 0
    for number, raw in enumerate([*_lines(text), ""], start=1):
        line = _clean(raw)
        if line:
            lines.append(line)
            continue
        if lines:
            found.append(ImportedParagraph(line=number - len(lines), lines=tuple(lines), gap=gap))
            lines, gap = [], 0
        gap += 1
    return tuple(found)


def width_of(found: Sequence[ImportedParagraph]) -> int:
    """Returns the width that an archive was wrapped at, in characters; 0 if it was not."""
    widest = max((len(line) for each in found for line in each.lines), default=0)
    return widest if widest <= _WIDEST else 0


def markdown(paragraph: ImportedParagraph, width: int) -> str:
    """Returns `paragraph` as Markdown, without a line end; `width` as returned by `width_of`."""
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


def _lines(text: str) -> list[str]:
    return re.split("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)


def _clean(line: str) -> str:
    kept = "".join(" " if character == "\t" else character for character in line.expandtabs(_TAB))
    return "".join(character for character in kept if character.isprintable() or character in _JOINERS).strip()


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
