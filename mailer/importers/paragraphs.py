"""What an archive is made of before anybody asks what it means: paragraphs, with the lines they come from.

    paragraphs(text)     its paragraphs: lines without a blank one between them
    markdown(paragraph)  a paragraph as Markdown that says the same and nothing more

Text stays text: whatever Markdown or the templates would take for a sign of theirs is escaped. Lines that were wrapped
are joined again; a line that ends where the next word would still have fitted was ended on purpose, and stays so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_TAB = 4
_WIDEST = 100  # a longer line was never wrapped
_ITEM = re.compile(r"(?P<mark>[-*•‣·–—]|\d{1,3}[.)])\s+(?P<text>\S.*)")
_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$^]|!(?=\[)|&(?=[#\w]+;)|\{(?=[{%#])|(?<=[}%#])\}")
_FIRST = re.compile(r"(?P<before>\s*(?:\d+(?=[.)])|))(?P<mark>[#+\-=:.)])")
_URL = re.compile(r"https?://[^\s<>\"“”()\[\]{}|\\^`]+[^\s<>\"“”()\[\]{}|\\^`.,;:!?'’*_~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedParagraph:
    """Lines of an archive; `line` is the number of the first, `gap` how many blank ones stand before it.

    What comes from HTML has its Markdown in `made`, one for each line, joined by `joint`; `level` is that of a heading,
    0 for text, and `picture` the address of an image that stands alone.
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
        """Its first `after` lines, and the others."""
        first, rest = (self.markdown[:after], self.markdown[after:]) if self.markdown is not None else (None, None)
        return (
            replace(self, lines=self.lines[:after], markdown=first),
            replace(self, line=self.line + after, lines=self.lines[after:], markdown=rest, gap=0),
        )


def paragraphs(text: str) -> tuple[ImportedParagraph, ...]:
    """The paragraphs of `text`, in order; together they have every line that is not blank."""
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
    """The width that an archive was wrapped at, in characters; 0 if it was not."""
    widest = max((len(line) for each in found for line in each.lines), default=0)
    return widest if widest <= _WIDEST else 0


def markdown(paragraph: ImportedParagraph, width: int) -> str:
    """`paragraph` as Markdown, without a line end; `width` as `width_of` says."""
    if paragraph.markdown is not None:
        return paragraph.separator.join(paragraph.markdown)
    if items := _items(paragraph.lines):
        return "\n".join(items)
    lines = [escape(line, is_first=True) for line in paragraph.lines]
    joined = lines[0]
    for before, line, raw in zip(paragraph.lines, lines[1:], paragraph.lines[1:], strict=False):
        wrapped = width and len(before) + 1 + len(raw.split()[0]) > width
        joined += f"\n{line}" if wrapped else f"\\\n{line}"
    return joined


def escape(text: str, *, is_first: bool = False) -> str:
    """`text` so that Markdown and templates read it as text; `is_first`: it stands at the beginning of a line."""
    pieces: list[str] = []
    end = 0
    for url in _URL.finditer(text):
        pieces += [_SPECIAL.sub(r"\\\g<0>", text[end : url.start()]), f"<{url[0]}>"]
        end = url.end()
    escaped = "".join([*pieces, _SPECIAL.sub(r"\\\g<0>", text[end:])])
    return _FIRST.sub(r"\g<before>\\\g<mark>", escaped, count=1) if is_first and _FIRST.match(escaped) else escaped


def unwrapped(text: str) -> str:
    """`text` for one line of the front matter or of particulars: no template sign, single spaces."""
    return " ".join(text.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #").split())


def _lines(text: str) -> list[str]:
    return re.split("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)


def _clean(line: str) -> str:
    kept = "".join(" " if character == "\t" else character for character in line.expandtabs(_TAB))
    return "".join(character for character in kept if character.isprintable() or character in _JOINERS).strip()


_JOINERS = "\u200c\u200d\u200e\u200f\xad\xa0\u202f\u2009\u2066\u2067\u2068\u2069"


def _items(lines: Sequence[str]) -> list[str]:
    """The lines as items of a list, if every item says that it is one."""
    matches = [_ITEM.fullmatch(line) for line in lines]
    if not matches[0] or sum(match is not None for match in matches) < 2:
        return []
    items: list[str] = []
    indent = ""
    for line, match in zip(lines, matches, strict=True):
        if match:
            mark = match["mark"] if match["mark"][0].isdigit() else "-"
            indent = " " * (len(mark) + 1)
            items.append(f"{mark} {escape(match['text'], is_first=True)}")
        else:
            items.append(f"{indent}{escape(line, is_first=True)}")
    return items
