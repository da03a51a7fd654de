"""Reads an HTML dispatch, a saved page or the HTML of a message, as paragraphs.

Hidden elements (scripts, styles, hidden preheaders), tracking pixels, and lines that the
program generates itself (unsubscribe, view in browser) are left out; the latter are listed. Layout tables are read cell
by cell, tables of data become Markdown's. `line` is a paragraph's number here, for HTML has no lines to speak of.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from lxml import html
from lxml.etree import ParserError
from lxml.html import HtmlElement

from mailer.importers.markdown_escaping import escape_markdown
from mailer.importers.paragraphs import ImportedParagraph

_INVISIBLE = {
    "script",
    "style",
    "head",
    "template",
    "noscript",
    "title",
    "meta",
    "link",
    "svg",
    "object",
    "iframe",
    "form",
}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|max-height\s*:\s*0|font-size\s*:\s*0|mso-hide\s*:\s*all"
)
_GENERATED_LINE = re.compile(
    r"unsubscribe|view (?:this )?(?:e-?mail )?(?:in|online)|(?:read|view) (?:it )?in (?:your|a|the) browser|"
    r"update (?:your )?preferences|manage (?:your )?(?:subscription|preferences)|abmelden|im browser|se désabonner|"
    r"désinscri|darse de baja|cancelar (?:a )?(?:inscrição|suscripción)|להסרה|إلغاء الاشتراك",
    re.IGNORECASE,
)
_SPACE = re.compile(r"[ \t\r\n\f\u200b\ufeff]+")
_SEPARATOR = re.compile(r"\s+[·|•]\s+")
_NUMBER = re.compile(r"\d{1,2}[.)]")
_DEEPEST = 200  # elements inside one another
_LARGEST_ROW = 300  # characters of a cell in a table of data


@dataclass(frozen=True, slots=True)
class SavedPage:
    """The paragraphs of a page, and the lines that were left out."""

    paragraphs: tuple[ImportedParagraph, ...]
    aside: tuple[str, ...] = ()
    language: str = ""


def read_html(text: str) -> SavedPage:
    """Returns the paragraphs of `text`; none if it is not HTML."""
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8"))  # type: ignore[no-untyped-call]
    except (ParserError, ValueError):
        return SavedPage(())
    reader = _HtmlReader()
    reader.block(root, 0)
    reader.end()
    return SavedPage(tuple(reader.found), tuple(reader.aside), (root.get("lang") or "").strip())


@dataclass(slots=True)
class _HtmlLine:
    text: str = ""
    markdown: str = ""


@dataclass(slots=True)
class _HtmlReader:
    found: list[ImportedParagraph] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    lines: list[_HtmlLine] = field(default_factory=lambda: [_HtmlLine()])
    gap: int = 0
    quoted: int = 0

    def block(self, element: HtmlElement, depth: int) -> None:
        """Reads `element` and its content."""
        tag = element.tag if isinstance(element.tag, str) else ""
        if depth > _DEEPEST or not tag or tag in _INVISIBLE or _is_hidden(element):
            return
        if tag not in _BLOCKS:
            self._inline_or_image(element, tag, depth)
            return
        self.end()
        match tag:
            case "hr":
                self.gap = 2
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self._inside(element, depth)
                self.end(level=int(tag[1]))
            case "ul" | "ol":
                self._list(element, depth)
            case "pre":
                self._code(_all_text(element).strip("\n"))
            case "table" if _is_data(element):
                self._table(element)
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
        text = " ".join(line.text for line in lines)
        if len(text) < _LARGEST_ROW and _GENERATED_LINE.search(text):
            self.aside.append(text)
            lines = [
                _HtmlLine(piece, escape_markdown(piece))
                for piece in _SEPARATOR.split(text)
                if not _GENERATED_LINE.search(piece)
            ]
            if len(lines) != 1:
                return
        markdown = tuple(line.markdown for line in lines)
        if self.quoted:
            markdown = tuple("> " * self.quoted + line for line in markdown)
        self._add(ImportedParagraph(line=0, lines=tuple(line.text for line in lines), markdown=markdown, level=level))

    def _add(self, paragraph: ImportedParagraph) -> None:
        if (
            self.found and _NUMBER.fullmatch(self.found[-1].text) and not paragraph.level
        ):  # a number in a cell of its own
            number = self.found.pop().text
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
            plain = _SPACE.sub(" ", text)
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
        start = len(self.lines) - 1, len(self.lines[-1].text), len(self.lines[-1].markdown)
        self._inside(element, depth)
        if len(self.lines) - 1 != start[0] or len(self.lines[-1].text) < start[1]:
            return  # over several lines, or blocks inside: no mark fits around it
        line = self.lines[-1]
        words = line.markdown[start[2] :]
        if not words.strip():
            return
        mark = {"em": "*", "i": "*", "strong": "**", "b": "**"}.get(tag, "")
        if tag == "a" and (target := _target(element)):
            shown = words.strip()
            markdown = f"<{target}>" if line.text[start[1] :].strip() == target else f"[{shown}]({target})"
        elif mark and not words.strip().startswith(("*", "[")):
            markdown = f"{mark}{words.strip()}{mark}"
        elif tag in {"code", "tt"} and "`" not in line.text[start[1] :]:
            markdown = f"`{line.text[start[1] :].strip()}`"
        else:
            return
        before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
        line.markdown = line.markdown[: start[2]] + before + markdown + after

    def _picture(self, element: HtmlElement) -> None:
        address, alt = (element.get("src") or "").strip(), _SPACE.sub(" ", element.get("alt") or "").strip()
        if not address or _is_tracking_pixel(element):
            return
        self.end()
        shown = alt or urlsplit(address).path.rpartition("/")[2] or "image"
        self._add(
            ImportedParagraph(
                line=0, lines=(shown,), markdown=(f"![{escape_markdown(alt)}](<{address}>)",), picture=address
            )
        )

    def _list(self, element: HtmlElement, depth: int) -> None:
        """Reads a list: one line an item, numbered if the list is."""
        items = [child for child in element if child.tag == "li" and not _is_hidden(child)]
        inner = [self._item_paragraphs(child, depth) for child in items]
        lines: list[str] = []
        markdown: list[str] = []
        for number, found in enumerate((each for each in inner if each), start=1):
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
        reader = _HtmlReader(aside=self.aside)
        reader._inside(element, depth + 1)
        reader.end()
        return reader.found

    def _table(self, element: HtmlElement) -> None:
        rows = [[_cell(cell) for cell in row.iter("td", "th")] for row in element.iter("tr")]
        rows = [row for row in rows if any(row)]
        width = max(map(len, rows))
        padded = [row + [""] * (width - len(row)) for row in rows]
        markdown = [f"| {' | '.join(map(escape_markdown, row))} |" for row in padded]
        markdown.insert(1, "|" + " --- |" * width)
        text = " ".join(" ".join(row) for row in rows)
        self._add(ImportedParagraph(line=0, lines=(text,), markdown=("\n".join(markdown),)))

    def _code(self, text: str) -> None:
        if text.strip():
            self._add(ImportedParagraph(line=0, lines=(" ".join(text.split()),), markdown=(_fence(text),)))


def _trimmed(line: _HtmlLine) -> _HtmlLine:
    return _HtmlLine(_SPACE.sub(" ", line.text).strip(), _escape_line_start(_SPACE.sub(" ", line.markdown).strip()))


def _escape_line_start(markdown: str) -> str:
    """Escapes a line that would begin a list, heading or quote; the rest of it is escaped already."""
    return re.sub(r"^(\d*)([#+\-=:.)])(?=\s|$|[#\-=])", r"\1\\\2", markdown)


def _fence(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _all_text(element: HtmlElement) -> str:
    return "".join(str(text) for text in element.itertext())


def _cell(cell: HtmlElement) -> str:
    return _SPACE.sub(" ", _all_text(cell)).strip()


def _is_hidden(element: HtmlElement) -> bool:
    return element.get("hidden") is not None or bool(_HIDDEN.search((element.get("style") or "").lower()))


def _is_tracking_pixel(element: HtmlElement) -> bool:
    """Whether an image is one pixel, there to be fetched rather than seen."""
    return {(element.get(side) or "").removesuffix("px").strip() for side in ("width", "height")} <= {"0", "1"}


def _is_data(table: HtmlElement) -> bool:
    """Whether a table holds data, rather than layout."""
    if table.get("role") in {"presentation", "none"} or any(
        True for _ in _descendants(table, "table", "p", "h1", "h2", "h3", "img")
    ):
        return False
    rows = [[_cell(cell) for cell in row.iter("td", "th")] for row in table.iter("tr")]
    wide = [row for row in rows if len(row) > 1]
    return len(wide) > 1 and all(len(cell) <= _LARGEST_ROW for row in rows for cell in row)


def _descendants(element: HtmlElement, *tags: str) -> Iterator[HtmlElement]:
    return (each for each in element.iter(*tags) if each is not element)


def _target(element: HtmlElement) -> str:
    """Returns the target of a link, if it is outside of the page."""
    href = (element.get("href") or "").strip()
    scheme = href.partition(":")[0].lower()
    return (
        href.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
        if scheme in {"http", "https", "mailto"}
        else ""
    )
