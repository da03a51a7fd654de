"""Converts the HTML of an edition into content for a web page or a feed.

    to_web_page(html, address)       -> WebPage: the content of its body, and its CSS rules
    to_feed_content(html, address)   -> the same content without styles, for feed readers

`address` maps each address of a link or image to the one in the page. Style attributes become classes, so that the page may
forbid them; each distinct one is a rule that beats the edition's own. Comments are left out: those that mail clients take for
conditions mean nothing to browsers. Pure; takes any HTML that a template may have made, and raises nothing for it.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import html
from lxml.etree import XPath
from lxml.html import HtmlElement
from markupsafe import escape

AddressMap = Callable[[str], str]
"""Maps an address of the edition to the one in the page."""

LONGEST_DESCRIPTION = 200  # characters; previews of a link show no more of it
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all")
_PADDING = re.compile("[\u00ad\u034f\u061c\u115f\u17b4\u17b5\u180e\u200b-\u200f\u2007\u2060-\u2064\ufeff]+")
_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")  # no other characters, which could change a policy
_READ = "read"  # the class of what an editor wrote, in the packaged templates
_SHORTEST = 40  # characters of a paragraph that describes the edition
_LOOKS = ("class", "style", "bgcolor", "width", "height", "align", "valign", "cellpadding", "cellspacing", "border")
_KEPT_LOOKS = {"img": {"width", "height"}}
_NOT_SHOWN = {"script", "style", "template", "noscript", "object", "iframe", "form", "title", "meta", "link"}
_comments = XPath("//comment() | //processing-instruction()")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebImage:
    address: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """`css` are the rules of `content` and of its `body_class`; `origins`, the hosts of foreign images: https://host.

    `description` is the edition's preview line, else its first long paragraph; `picture` its first image.
    """

    css: str
    body_class: str
    content: str
    description: str
    picture: WebImage | None
    origins: tuple[str, ...]


def to_web_page(text: str, address: AddressMap, *, left_out: Collection[str] = ()) -> WebPage:
    """Returns the HTML document `text` as content of a page. Links to the addresses `left_out` are removed."""
    root = _parse(text)
    body = root.body
    _drop_links(body, left_out)
    description = _description(body)
    sheets = [element.text_content() for element in root.iter("style")]
    _drop(root, _NOT_SHOWN)
    rules = _classes(body)
    _map(body, address)
    pictures = [WebImage(address=each.get("src", ""), alt=each.get("alt", "")) for each in body.iter("img")]
    return WebPage(
        css="\n".join((*sheets, *rules)),
        body_class=body.get("class", ""),
        content=_inside(body),
        description=description,
        picture=next((each for each in pictures if each.address), None),
        origins=tuple(sorted(set(_origins(pictures)))),
    )


def to_feed_content(text: str, address: AddressMap, *, left_out: Collection[str] = ()) -> str:
    """Returns the HTML document `text` for a feed: no styles, no hidden text, no characters that XML forbids."""
    root = _parse(text)
    _drop_links(root.body, left_out)
    for element in list(root.body.iter()):
        if isinstance(element.tag, str) and _HIDDEN.search(element.get("style", "")):
            element.drop_tree()
    _drop(root, _NOT_SHOWN)
    for element in root.body.iter():
        for name in _LOOKS:
            if name not in _KEPT_LOOKS.get(str(element.tag), ()):
                element.attrib.pop(name, None)
    _map(root.body, address)
    return _XML.sub("", _inside(root.body)).strip()


def _parse(text: str) -> HtmlElement:
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True)  # type: ignore[no-untyped-call]
    root: HtmlElement = html.document_fromstring(text.encode(), parser=parser)  # type: ignore[no-untyped-call]
    for comment in _comments(root):
        comment.drop_tree()
    return root


def _drop(root: HtmlElement, names: set[str]) -> None:
    for element in list(root.iter(*names)):
        if element.getparent() is not None:
            element.drop_tree()


def _drop_links(body: HtmlElement, addresses: Collection[str]) -> None:
    """Removes the links to `addresses`, each with the span around it if that contains nothing else but a separator."""
    for link in [each for each in body.iter("a") if each.get("href") in addresses]:
        around = link.getparent()
        is_alone = around is not None and around.tag == "span" and _words(around).lstrip(" ·") == _words(link)
        dropped = around if is_alone else link
        paragraph = next(dropped.iterancestors("p"), None)
        dropped.drop_tree()
        if paragraph is not None and not _words(paragraph) and paragraph.find(".//img") is None:
            paragraph.drop_tree()


def _classes(body: HtmlElement) -> list[str]:
    """Turns each style attribute into a class; returns the rules. Their weight is three classes: only !important beats them."""
    names: dict[str, str] = {}
    for element in body.iter():
        if style := element.attrib.pop("style", "").strip():
            name = names.setdefault(style, f"e{len(names) + 1}")
            element.set("class", f"{element.get('class', '')} {name}".strip())
    return [f".{name}.{name}.{name}{{{style}}}" for style, name in names.items() if not set(style) & set("{}<")]


def _map(body: HtmlElement, address: AddressMap) -> None:
    for element in body.iter("a", "area", "img"):
        name = "src" if element.tag == "img" else "href"
        if given := element.get(name):
            element.set(name, address(given))


def _description(body: HtmlElement) -> str:
    texts = (_words(element) for element in _lines(body))
    text = next((words for words in texts if words), "")
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    return text[: LONGEST_DESCRIPTION - 1].rpartition(" ")[0].rstrip(",;:–-") + "…"


def _lines(body: HtmlElement) -> Iterator[HtmlElement]:
    """Yields the hidden lines, which inboxes show after the subject, then paragraphs: those of the text before all others."""
    yield from (each for each in body.iter("div", "span") if _HIDDEN.search(each.get("style", "")))
    written = [
        each for each in body.iter("p") if any(_READ in up.get("class", "").split() for up in each.iterancestors())
    ]
    yield from (each for each in written if len(_words(each)) >= _SHORTEST)
    yield from written
    yield from (each for each in body.iter("p") if len(_words(each)) >= _SHORTEST)


def _words(element: HtmlElement) -> str:
    text = str(element.text_content())  # type: ignore[no-untyped-call]
    return " ".join(_XML.sub("", _PADDING.sub("", text)).split())


def _inside(body: HtmlElement) -> str:
    """Returns the content of the body as HTML."""
    children = (html.tostring(child, encoding="unicode") for child in body)  # type: ignore[no-untyped-call]
    return str(escape(body.text or "")) + "".join(children)


def _origins(pictures: Sequence[WebImage]) -> Iterator[str]:
    for each in pictures:
        with suppress(ValueError):  # no address at all
            parts = urlsplit(each.address)
            if parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.netloc):
                yield f"{parts.scheme}://{parts.netloc}"
