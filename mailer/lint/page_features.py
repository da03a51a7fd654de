"""Lists the features of HTML and CSS that a page uses, named as in the data of caniemail (docs/caniemail.py).

    property:gap  value:display:flex  function:calc  unit:vw  at:import  pseudo:before
    element:video  attribute:srcset  input:checkbox  format:webp

Only rules for every screen count: a rule under @media or @supports is optional by its nature. Pure.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from mailer.lint.css import Declaration, at_rules, declarations, style_rules
from mailer.lint.html_page import HtmlPage

_FUNCTION = re.compile(r"([a-z-]+)\(")
_UNIT = re.compile(r"(?<![\w#.-])-?[0-9]*\.?[0-9]+(%|[a-z]+)\b")
_PSEUDO = re.compile(r"::?([a-z-]+)")
_STRING = re.compile(r'"[^"]*"|\'[^\']*\'|url\([^)]*\)')


def uses(page: HtmlPage) -> dict[str, str]:
    """Returns the features that `page` uses, each with its first place: an element's tag or "<style>"."""
    found: dict[str, str] = {}
    for css in page.style_blocks:
        for use in _of_sheet(css):
            found.setdefault(use, "<style>")
    for element in page.elements:
        for use in _of_element(element):
            found.setdefault(use, f"<{element.tag}>")
    return found


@lru_cache(maxsize=32)
def _of_sheet(css: str) -> tuple[str, ...]:
    found = [f"at:{name}" for name, _ in at_rules(css)]
    for rule in style_rules(css):
        if not rule.media:
            found += [f"pseudo:{name}" for name in _PSEUDO.findall(rule.selector)]
            found += _of_declarations(rule.declarations)
    return tuple(found)


@lru_cache(maxsize=2048)
def _of_style(style: str) -> tuple[str, ...]:
    return tuple(_of_declarations(declarations(style)))


def _of_declarations(each: tuple[Declaration, ...]) -> Iterator[str]:
    for declaration in each:
        value = _STRING.sub(" ", declaration.value.lower())
        yield f"property:{declaration.name}"
        yield f"value:{declaration.name}:{value}"
        if declaration.name == "background" and "url(" in declaration.value.lower():
            yield "property:background-image"
        for function in _FUNCTION.findall(value):
            yield f"function:{function}"
        for unit in _UNIT.findall(value):
            yield f"unit:{unit}"


def _of_element(element: HtmlElement) -> Iterator[str]:
    tag = str(element.tag)
    yield f"element:{tag}"
    if tag in {"input", "button"}:
        yield f"input:{element.get('type', 'text' if tag == 'input' else 'submit')}"
    for name in element.attrib:
        yield f"attribute:{name}"
    if tag in {"img", "source"}:
        yield from formats(element)
    yield from _of_style(element.get("style", ""))


def formats(image: HtmlElement) -> Iterator[str]:
    """Yields the format of an image by its address, as a use."""
    source = image.get("src") or ""
    if source.startswith("data:"):
        yield "format:base64"
        return
    try:
        path = urlsplit(source).path
    except ValueError:
        return
    name, dot, suffix = path.rpartition(".")
    if dot and name:
        yield f"format:{suffix.lower()}"
