"""The HTML of one variant, parsed: its elements, its text, its style blocks, its links.

Parsed by lxml, as forgiving as a mail program. Comments, and with them the parts for Outlook only, are not elements.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from lxml import html as parser
from lxml.html import HtmlElement

_HIDDEN = frozenset({"head", "script", "style", "title", "template"})


@dataclass(frozen=True, slots=True)
class HtmlLink:
    """An `a` with an address, and its words: its text, or the alt text of its images."""

    href: str
    words: str


class HtmlPage:
    """`html` as a tree. `size` is in bytes of UTF-8, which mail programs count."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.size = len(html.encode())
        self.root: HtmlElement = parser.document_fromstring(html)  # type: ignore[no-untyped-call]

    @cached_property
    def elements(self) -> tuple[HtmlElement, ...]:
        """Every element in the order of the page."""
        return tuple(element for element in self.root.iter() if isinstance(element.tag, str))

    def each(self, *tags: str) -> Iterator[HtmlElement]:
        return (element for element in self.elements if element.tag in tags)

    @cached_property
    def style_blocks(self) -> tuple[str, ...]:
        return tuple(element.text or "" for element in self.each("style"))

    @cached_property
    def anchors(self) -> tuple[str, ...]:
        """Every target of a link within the page, once for each element that makes it one."""
        found = []
        for element in self.elements:
            names = {element.get("id"), element.get("name") if element.tag == "a" else None}
            found.extend(sorted(name for name in names if name))
        return tuple(found)

    @cached_property
    def links(self) -> tuple[HtmlLink, ...]:
        return tuple(
            HtmlLink(element.get("href", ""), words_of(element)) for element in self.each("a") if element.get("href")
        )

    @cached_property
    def text(self) -> str:
        """The visible text, white space collapsed."""
        body = self.root.find("body")
        return " ".join(_text(self.root if body is None else body).split())


def words_of(element: HtmlElement) -> str:
    """Returns the visible text of an element."""
    return " ".join(_text(element).split())


def _text(element: HtmlElement) -> str:
    if element.tag == "img":
        return str(element.get("alt") or "")
    if not isinstance(element.tag, str) or element.tag in _HIDDEN:
        return ""
    pieces = [element.text or ""]
    for child in element:
        pieces.append(_text(child))
        pieces.append(child.tail or "")
    space = " " if element.tag in {"p", "td", "th", "tr", "div", "br", "li", "h1", "h2", "h3", "h4"} else ""
    return space + "".join(pieces) + space
