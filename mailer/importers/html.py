"""Reads an HTML dispatch, a saved page or the HTML of a message, as paragraphs.

Scripts and styles, tracking pixels, hidden elements, and lines that the program generates itself (unsubscribe, view in browser)
are left out; the last two are listed with their text. A link that Markdown cannot have here is listed, too. Layout tables are
read cell by cell, tables of data become Markdown's. `line` is a paragraph's number here, for HTML has no lines to speak of.
"""

import re
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

from lxml import html
from lxml.etree import ParserError
from lxml.html import HtmlElement

from mailer.importers.html_elements import (
    BLOCKS,
    INVISIBLE,
    LARGEST_CELL,
    LIST_MARKER,
    SPACE,
    all_text,
    cell_text,
    contains,
    is_data_table,
    is_hidden,
    is_tracking_pixel,
    preformatted,
    spread_cells,
    visible_text,
)
from mailer.importers.markdown_escaping import escape_markdown
from mailer.importers.model import ImportDoubt
from mailer.importers.paragraphs import ImportedParagraph, fenced

_GENERATED = (
    r"unsubscribe|opt out|"
    r"(?:read|view|open) (?:it |this )?(?:e-?mail |message |newsletter )?(?:in (?:your |a |the )?(?:web ?)?browser|online)|"
    r"(?:update|manage|change|edit) (?:your |my )?(?:subscription|preferences|e-?mail preferences)|"
    r"abmelden|abbestellen|im browser|online ansehen|(?:se |me )?désabonner|désinscri|voir en ligne|darse de baja|"
    r"ver en (?:el |línea)|cancelar (?:a |la )?(?:inscrição|suscripción|assinatura)|ver no navegador|disiscriv|"
    r"להסרה|צפייה בדפדפן|إلغاء الاشتراك"
)
_GENERATED_LINK = re.compile(_GENERATED, re.IGNORECASE)
_GENERATED_LINE = re.compile(
    rf"(?:click here to |here to |to |hier |cliquez ici pour )?(?:{_GENERATED})", re.IGNORECASE
)
_GENERATED_WORDS = 7  # the most of a line that is only such a phrase
_EMBEDDED = ("area", "iframe", "video", "audio", "source", "embed")
_SEPARATOR = re.compile(r"(\s+[·|•–—]\s+)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_DEEPEST = 150  # elements inside one another; the text of deeper ones is kept without its structure
_SHOWN = 40  # characters of a list or table in a doubt


@dataclass(frozen=True, slots=True)
class SavedPage:
    """The paragraphs of a page, and the lines that were left out (`aside`). `doubts`: what was left out or lost, with its text.

    `title`: of the page, in its head; `links`: the addresses of all links that lead elsewhere, and of films and frames; `text`:
    all that readers see.
    """

    paragraphs: tuple[ImportedParagraph, ...]
    aside: tuple[str, ...] = ()
    doubts: tuple[ImportDoubt, ...] = ()
    language: str = ""
    title: str = ""
    links: tuple[str, ...] = ()
    text: str = ""


def read_html(text: str) -> SavedPage:
    """Returns the paragraphs of `text`; none if it is not HTML."""
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True)  # type: ignore[no-untyped-call]
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)  # type: ignore[no-untyped-call]
    except (ParserError, ValueError):
        return SavedPage(())
    base = next((str(each.get("href") or "") for each in root.iter("base")), "")
    reader = _HtmlReader(base=base)
    reader.block(root, 0)
    reader.end()
    embedded = [str(each.get("href") or each.get("src") or "") for each in root.iter(*_EMBEDDED)]
    title = next((all_text(each) for each in root.iter("title") if each.getparent().tag in {"head", "html"}), "")
    return SavedPage(
        paragraphs=tuple(reader.found),
        aside=tuple(reader.aside),
        doubts=tuple(reader.doubts),
        language=(root.get("lang") or "").strip(),
        title=SPACE.sub(" ", title).strip(),
        links=(*reader.links, *(address for address in embedded if address.startswith(("https:", "http:")))),
        text=visible_text(root),
    )


@dataclass(slots=True)
class _HtmlLine:
    text: str = ""
    markdown: str = ""
    is_generated: bool = False  # it has a link that the program generates itself


@dataclass(slots=True)
class _HtmlReader:
    """Reads elements one after the other. `before`: the number of paragraphs of the page before those that are `found`."""

    base: str = ""
    found: list[ImportedParagraph] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    doubts: list[ImportDoubt] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    lines: list[_HtmlLine] = field(default_factory=lambda: [_HtmlLine()])
    gap: int = 0
    quoted: int = 0
    before: int = 0

    def block(self, element: HtmlElement, depth: int) -> None:
        """Reads `element` and its content."""
        tag = element.tag if isinstance(element.tag, str) else ""
        if not tag or tag in INVISIBLE or is_hidden(element):
            self._leave_out(element, tag)
            return
        if depth > _DEEPEST:
            self._flatten(element)
        elif tag not in BLOCKS:
            self._inline_or_image(element, tag, depth)
        else:
            self.end()
            self._by_tag(element, tag, depth)

    def _by_tag(self, element: HtmlElement, tag: str, depth: int) -> None:
        match tag:
            case "hr":
                self.gap = 2
            case "figcaption":
                start = len(self.found)
                self._inside(element, depth)
                self.end()
                self.found[start:] = [replace(each, is_caption=True) for each in self.found[start:]]
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self._inside(element, depth)
                self.end(level=int(tag[1]))
            case "ul" | "ol":
                self._list(element, depth)
            case "pre":
                self._code(element)
            case "table":
                self._table(element, depth)
            case "blockquote":
                self.quoted += 1
                self._inside(element, depth)
                self.end()
                self.quoted -= 1
            case _:
                self._inside(element, depth)
                self.end()

    def end(self, level: int = 0) -> None:
        """Ends a paragraph: the text since the last block."""
        lines = [line for line in map(_trimmed, self.lines) if line.text]
        self.lines = [_HtmlLine()]
        if not lines:
            return
        lines = self._without_generated(lines)
        if not lines:
            return
        markdown = tuple(line.markdown for line in lines)
        if self.quoted:
            markdown = tuple("> " * self.quoted + line for line in markdown)
        self._add(ImportedParagraph(line=0, lines=tuple(line.text for line in lines), markdown=markdown, level=level))

    def _without_generated(self, lines: list[_HtmlLine]) -> list[_HtmlLine]:
        """Returns `lines` without those that the program generates itself; of several on one line, the others stay."""
        text = " ".join(line.text for line in lines)
        has_link = len(text) < LARGEST_CELL and any(line.is_generated for line in lines)
        pieces, separators = _SEPARATOR.split(text)[::2], ["", *_SEPARATOR.split(text)[1::2]]
        if not has_link and not any(map(_is_generated, pieces)):
            return lines
        is_kept = [not (_is_generated(piece) or (has_link and _GENERATED_LINK.search(piece))) for piece in pieces]
        dropped = [piece for piece, stays in zip(pieces, is_kept, strict=True) if not stays]
        if not dropped:
            return lines
        self.aside.append(text)
        named = " · ".join(dropped)
        self._doubt(f"left out, because every message gets such a line automatically: “{named}”")
        rest = ""
        for piece, separator, stays in zip(pieces, separators, is_kept, strict=True):
            if stays:
                rest += f"{separator if rest else ''}{piece}"
        return [_HtmlLine(rest, escape_markdown(rest))] if rest else []

    def _doubt(self, message: str) -> None:
        self.doubts.append(ImportDoubt(line=self.before + len(self.found) + 1, message=message))

    def _leave_out(self, element: HtmlElement, tag: str) -> None:
        """Names the text of an element that is not shown, unless it is no text for readers."""
        if tag in {"form", "noscript", "object", "iframe", "svg"}:
            why = "it is part of a form" if tag == "form" else "it is not shown in mail"
        elif tag and tag not in INVISIBLE:
            why = "it is hidden on the page"
        else:
            return
        text = " ".join(all_text(element).replace("\u200c", "").replace("\u034f", "").split())
        if text:
            self._doubt(f"left out, because {why}: “{text if len(text) < LARGEST_CELL else text[:LARGEST_CELL] + '…'}”")

    def _flatten(self, element: HtmlElement) -> None:
        """Reads the text of an element that is too deep in the page, with its links as text."""
        self._text(f" {' '.join(all_text(element).split())} ")
        for each in element.iter("a"):
            if target := self._target(each):
                self._text(f"({target}) ")

    def _add(self, paragraph: ImportedParagraph) -> None:
        if (
            self.found and LIST_MARKER.fullmatch(self.found[-1].text) and not paragraph.level and not paragraph.picture
        ):  # a number or a bullet in a cell of its own
            mark = self.found.pop().text
            number = mark if mark[0].isdigit() else "-"
            markdown = paragraph.markdown or ()
            paragraph = replace(
                paragraph, lines=(f"{number} {paragraph.text}",), markdown=(f"{number} {' '.join(markdown)}",)
            )
        self.found.append(replace(paragraph, line=len(self.found) + 1, gap=max(self.gap, 1)))
        self.gap = 0

    def _inside(self, element: HtmlElement, depth: int) -> None:
        self._text(element.text)
        for child in element:
            self.block(child, depth + 1)
            self._text(child.tail)

    def _text(self, text: str | None) -> None:
        if text:
            plain = SPACE.sub(" ", text)
            self.lines[-1].text += plain
            self.lines[-1].markdown += escape_markdown(plain)

    def _inline_or_image(self, element: HtmlElement, tag: str, depth: int) -> None:
        if tag == "br":
            self.lines.append(_HtmlLine())
        elif tag == "img":
            self._picture(element)
        else:
            self._inline(element, tag, depth)

    def _inline(self, element: HtmlElement, tag: str, depth: int) -> None:
        target = self._target(element) if tag == "a" else ""
        if target and contains(element, *BLOCKS, "img"):
            self._linked_blocks(element, target, depth)
            return
        if self._raised_or_quoted(element, tag, depth):
            return
        if tag in {"s", "del", "strike"} and (struck := all_text(element).strip()):
            self._doubt(f"“{struck}” is struck through on the page, and is plain text here")
        first, start = len(self.lines) - 1, (len(self.lines[-1].text), len(self.lines[-1].markdown))
        self._inside(element, depth)
        if tag == "a" and _GENERATED_LINK.search(" ".join(line.text for line in self.lines[first:])[start[0] :]):
            self.lines[-1].is_generated = True
            if target:
                self.links.remove(target)
        if len(self.lines) - 1 < first or len(self.lines[first].text) < start[0]:
            return  # blocks inside
        for line, (text_start, start_at) in zip(self.lines[first:], [start, *[(0, 0)] * len(self.lines)], strict=False):
            line.markdown = _marked(line, text_start, start_at, tag, target)

    def _raised_or_quoted(self, element: HtmlElement, tag: str, depth: int) -> bool:
        """Reads `sup`, `sub` and `q` as characters, if there are such; names text above or below the line that has none."""
        if tag == "q":
            self._text('"')
            self._inside(element, depth)
            self._text('"')
            return True
        if tag not in {"sup", "sub"}:
            return False
        signs, where = (_RAISED, "above") if tag == "sup" else (_LOWERED, "below")
        text = all_text(element)
        if any(map(str.isalnum, text)) and (len(element) or any(ord(sign) not in signs for sign in text.strip())):
            self._doubt(f"“{text.strip()}” is {where} the line on the page, and is plain text here")
            return False
        self._text(text.translate(signs))
        return True

    def _linked_blocks(self, element: HtmlElement, target: str, depth: int) -> None:
        """Reads a link around blocks or pictures: each paragraph of text in it becomes a link."""
        self.end()
        start = len(self.found)
        self._inside(element, depth)
        self.end()
        has_text = False
        for index, each in enumerate(self.found[start:], start=start):
            if each.picture or not each.markdown:
                continue
            has_text = True
            if "](" not in " ".join(each.markdown):
                linked = tuple(f"[{line}]({target})" for line in each.markdown)
                self.found[index] = replace(each, markdown=linked)
        if not has_text:
            shown = " ".join(each.text for each in self.found[start:] if each.picture).strip()
            self._doubt(f"the picture “{shown}” is a link to {target}, which was left out")

    def _target(self, element: HtmlElement) -> str:
        """Returns the address of a link, if it is outside of the page; names one that only works on the page."""
        href = (element.get("href") or "").strip()
        if self.base and href and not href.startswith("#"):
            href = urljoin(self.base, href)
        if href.startswith("//"):
            href = f"https:{href}"
        scheme = href.partition(":")[0].lower()
        if scheme in {"http", "https", "mailto", "tel"}:
            target = href.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
            self.links.append(target)
            return target
        shown = " ".join(all_text(element).split())
        if href and not href.startswith("#") and scheme != "javascript":
            why = "is no address of the web or of mail" if _SCHEME.match(href) else "works on that page only"
            self._doubt(f"“{shown}” is a link to {href}, which {why}; kept as text")
        return ""

    def _picture(self, element: HtmlElement) -> None:
        address, alt = (element.get("src") or "").strip(), SPACE.sub(" ", element.get("alt") or "").strip()
        if not address or is_tracking_pixel(element):
            if alt:
                self._doubt(f"left out, because it is a picture of one pixel or without an address: “{alt}”")
            return
        self.end()
        self._add(
            ImportedParagraph(
                line=0, lines=(alt,), markdown=(f"![{escape_markdown(alt)}](<{address}>)",), picture=address
            )
        )

    def _list(self, element: HtmlElement, depth: int) -> None:
        """Reads a list: one line an item, numbered if the list is."""
        items = [child for child in element if child.tag == "li" and not is_hidden(child)]
        inner = [self._item_paragraphs(child, depth) for child in items]
        lines: list[str] = []
        markdown: list[str] = []
        start = element.get("start") or ""
        first = int(start) if re.fullmatch("[0-9]{1,9}", start) else 1
        values = [child.get("value") for child in items]
        if (
            element.tag == "ol"
            and items
            and (
                element.get("reversed") is not None
                or element.get("type", "1") != "1"
                or any(value not in {None, str(number)} for number, value in enumerate(values, start=first))
            )
        ):
            self._doubt(f"the list that begins “{cell_text(items[0])[:_SHOWN]}” is numbered differently on the page")
        for number, found in enumerate((each for each in inner if each), start=first):
            mark = f"{number}." if element.tag == "ol" else "-"
            lines.append(f"{mark} {' '.join(each.text for each in found)}")
            body = ""
            for index, each in enumerate(found):
                text = each.separator.join(each.markdown or ())
                starts_list = each.lines[0].startswith(("- ", "1."))
                body += ("" if not index else "\n" if starts_list else "\n\n") + text
            markdown.append(f"{mark} " + body.replace("\n", "\n" + " " * (len(mark) + 1)))
        if lines:
            self._add(ImportedParagraph(line=0, lines=tuple(lines), markdown=tuple(markdown), separator="\n"))

    def _item_paragraphs(self, element: HtmlElement, depth: int) -> list[ImportedParagraph]:
        """Returns the paragraphs of one item, read separately."""
        before = self.before + len(self.found)
        reader = _HtmlReader(base=self.base, aside=self.aside, doubts=self.doubts, links=self.links, before=before)
        reader._inside(element, depth + 1)
        reader.end()
        return reader.found

    def _table(self, element: HtmlElement, depth: int) -> None:
        """Reads a table of data as one, any other cell by cell; names one with headings that becomes text."""
        if is_data_table(element):
            self._data_table(element, depth)
            return
        if any(next(cell.iterancestors("table")) is element for cell in element.iter("th")):
            first = cell_text(next(element.iter("th", "td")))[:_SHOWN]
            self._doubt(f"the table that begins “{first}” became text, cell by cell")
        self._inside(element, depth)
        self.end()

    def _data_table(self, element: HtmlElement, depth: int) -> None:
        cells = [
            [[] if cell is None else self._item_paragraphs(cell, depth) for cell in row]
            for row in spread_cells(element)
        ]
        cells = [row for row in cells if any(row)]
        width = max(map(len, cells))
        written = [[" ".join(" ".join(each.markdown or ()) for each in cell) for cell in row] for row in cells]
        markdown = [f"| {' | '.join([*row, *[''] * (width - len(row))])} |" for row in written]
        markdown.insert(1, "|" + " --- |" * width)
        text = " ".join(each.text for row in cells for cell in row for each in cell)
        self._add(ImportedParagraph(line=0, lines=(text,), markdown=("\n".join(markdown),)))

    def _code(self, element: HtmlElement) -> None:
        for each in element.iter("a"):
            self._target(each)
        text = preformatted(element).strip("\n")
        if text.strip():
            self._add(ImportedParagraph(line=0, lines=(" ".join(text.split()),), markdown=(fenced(text),)))


def _trimmed(line: _HtmlLine) -> _HtmlLine:
    markdown = _escape_line_start(SPACE.sub(" ", line.markdown).strip())
    return _HtmlLine(SPACE.sub(" ", line.text).strip(), markdown, line.is_generated)


def _escape_line_start(markdown: str) -> str:
    """Escapes a line that would begin a list, heading or quote; the rest of it is escaped already."""
    return re.sub(r"^(\d*)([#+\-=:.)])(?=\s|$|[#\-=])", r"\1\\\2", markdown)


def _marked(line: _HtmlLine, text_start: int, start: int, tag: str, target: str) -> str:
    """Returns the Markdown of `line`, with what comes after `start` marked as `tag` does."""
    words = line.markdown[start:]
    if not words.strip():
        return line.markdown
    mark = {"em": "*", "i": "*", "strong": "**", "b": "**"}.get(tag, "")
    shown = words.strip()
    text = line.text[text_start:].strip()
    if target:
        marked = f"<{target}>" if text == target else f"[{shown}]({target})"
    elif mark and not shown.startswith(("*", "[")):
        marked = f"{mark}{shown}{mark}"
    elif tag in {"code", "tt"} and "`" not in text:
        marked = f"`{text}`"
    else:
        return line.markdown
    before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
    return line.markdown[:start] + before + marked + after


def _is_generated(text: str) -> bool:
    """Whether `text` is nothing but a phrase such as “View online”."""
    return len(text.split()) <= _GENERATED_WORDS and _GENERATED_LINE.match(text.strip()) is not None
