"""Checks the contrast of text and background, in light and in dark (WCAG 2.2, 1.4.3), on the computed colours.

The cascade is followed as far as mail needs it: inlined styles, style blocks for every screen or for one scheme,
!important, specificity, inheritance, translucent colours. A background that is a picture or a gradient is not checked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from cssselect import SelectorError
from lxml.cssselect import CSSSelector
from lxml.etree import XPathError
from lxml.html import HtmlElement

from mailer.dispatch.diagnostics import abbreviate
from mailer.edition.colour import Colour, contrast_ratio
from mailer.lint.context import LintContext
from mailer.lint.css import colour, declarations, style_rules
from mailer.lint.findings import Finding
from mailer.lint.html_page import HtmlPage

ENOUGH = 4.5
ENOUGH_LARGE = 3.0
_LARGE, _LARGE_BOLD = 24.0, 18.66  # pixels: 18 and 14 points
_BLACK, _WHITE, _LINK = Colour(0, 0, 0), Colour(1, 1, 1), Colour(0, 0, 238 / 255)
_BOLD_TAGS = frozenset({"b", "strong", "th", "h1", "h2", "h3", "h4", "h5", "h6"})
_TAG_SIZES = {"h1": 32.0, "h2": 24.0, "h3": 18.72, "small": 13.3}
_PROPERTIES = frozenset(
    {"color", "background", "background-color", "background-image", "font-size", "font-weight", "display", "visibility"}
)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
_SIZE = re.compile(r"([0-9.]+)(px|pt|em|rem|%)")
_FOUND_EACH = 40  # findings; a page that is wrong throughout need not be listed whole


def poor_contrast(context: LintContext) -> Iterator[Finding]:
    """Reports every pair of colours with too little contrast, once a scheme."""
    seen: set[tuple[str, str, str]] = set()
    for page in context.pages:
        for scheme, rule in (("light", "contrast"), ("dark", "contrast-dark")):
            resolver, passed = _StyleResolver(page, scheme), set[_ComputedStyle]()
            if scheme == "dark" and not resolver.knows_scheme:
                continue
            for text, style in resolver.texts():
                if style in passed:
                    continue
                passed.add(style)
                pair = (rule, str(style.colour), str(style.background))
                if pair in seen or len(seen) >= _FOUND_EACH:
                    continue
                ratio, enough = style.ratio, ENOUGH_LARGE if style.is_large else ENOUGH
                if ratio < enough:
                    seen.add(pair)
                    words = abbreviate(text, 40)
                    colours = f"{style.colour} on {style.background}"
                    yield Finding(
                        rule=rule,
                        message=f"“{words}” has a contrast of {ratio:.1f} to 1 in {scheme} mode ({colours})",
                        expected=f"use at least {enough:g} to 1",
                    )


@dataclass(frozen=True, slots=True)
class _ComputedStyle:
    """The computed style of a text; `background` is None where it is a picture."""

    colour: Colour = _BLACK
    background: Colour | None = _WHITE
    size: float = 16.0
    bold: bool = False
    hidden: bool = False

    @property
    def is_large(self) -> bool:
        return self.size >= (_LARGE_BOLD if self.bold else _LARGE)

    @property
    def ratio(self) -> float:
        assert self.background is not None
        return contrast_ratio(self.colour.over(self.background), self.background)


@dataclass(frozen=True, slots=True, order=True)
class _Weight:
    """The precedence in the cascade: importance, inlined or not, specificity, order."""

    important: bool
    inlined: bool
    specificity: tuple[int, int, int]
    order: int


class _StyleResolver:
    """Computes the styles of a page in one scheme."""

    def __init__(self, page: HtmlPage, scheme: str) -> None:
        self._page = page
        self._scheme = scheme
        self._computed: dict[tuple[object, ...], _ComputedStyle] = {}
        self.knows_scheme = any(
            _SCHEME.search(rule.media) and "dark" in rule.media
            for css in page.style_blocks
            for rule in style_rules(css)
        )

    def texts(self) -> Iterator[tuple[str, _ComputedStyle]]:
        """Yields each visible text on a plain background, with its style."""
        body = self._page.root.find("body")
        if body is not None:
            yield from self._within(body, self._style_of(self._page.root, _ComputedStyle()))

    def _within(self, element: HtmlElement, outer: _ComputedStyle) -> Iterator[tuple[str, _ComputedStyle]]:
        style = self._style_of(element, outer)
        if style.hidden:
            return
        own = [element.text, *(child.tail for child in element)]
        text = " ".join(part.strip() for part in own if part and part.strip())
        if text and style.background is not None and element.tag not in {"style", "script"}:
            yield text, style
        for child in element:
            if isinstance(child.tag, str):
                yield from self._within(child, style)

    def _style_of(self, element: HtmlElement, outer: _ComputedStyle) -> _ComputedStyle:
        """Returns the style of `element` within `outer`, computed once for all elements that have the same rules."""
        attributes = (element.tag, bool(element.get("href")), element.get("style"), element.get("bgcolor"))
        key = (*attributes, *self._styled.get(element, {}).items(), outer)
        if key not in self._computed:
            self._computed[key] = self._compute(element, outer)
        return self._computed[key]

    def _compute(self, element: HtmlElement, outer: _ComputedStyle) -> _ComputedStyle:
        values = self._values(element)
        style = outer
        if element.tag == "a" and element.get("href"):
            style = replace(style, colour=_LINK)
        if element.tag in _BOLD_TAGS:
            style = replace(style, bold=True, size=_TAG_SIZES.get(str(element.tag), style.size))
        if (found := colour(values.get("color", ""))) is not None:
            style = replace(style, colour=found)
        elif values.get("color") == "inherit":
            style = replace(style, colour=outer.colour)
        style = replace(style, background=_background(values, outer.background, element.get("bgcolor", "")))
        style = replace(style, size=_size(values.get("font-size", ""), outer.size, style.size))
        if weight := values.get("font-weight"):
            style = replace(style, bold=weight in {"bold", "bolder"} or (weight.isdigit() and int(weight) >= 700))
        if values.get("display") == "none" or values.get("visibility") == "hidden":
            style = replace(style, hidden=True)
        return style

    def _values(self, element: HtmlElement) -> dict[str, str]:
        """Returns the relevant properties, the background’s shorthand as it is."""
        weighed = dict(self._styled.get(element, {}))
        for order, each in enumerate(declarations(element.get("style", ""))):
            if each.name in _PROPERTIES:
                _take(weighed, each.name, each.value, _Weight(each.important, True, (0, 0, 0), order))
        return {name: value.lower() for name, (_, value) in sorted(weighed.items(), key=lambda item: item[1][0])}

    @cached_property
    def _styled(self) -> dict[HtmlElement, dict[str, tuple[_Weight, str]]]:
        """The properties that the style blocks give to each element in this scheme."""
        styled: dict[HtmlElement, dict[str, tuple[_Weight, str]]] = {}
        order = 0
        for css in self._page.style_blocks:
            for rule in style_rules(css):
                order += 1
                wanted = [each for each in rule.declarations if each.name in _PROPERTIES]
                if not wanted or not self._applies(rule.media):
                    continue
                for selector, specificity in _selectors(rule.selector):
                    for element in selector(self._page.root):
                        for each in wanted:
                            weight = _Weight(each.important, False, specificity, order)
                            _take(styled.setdefault(element, {}), each.name, each.value, weight)
        return styled

    def _applies(self, media: str) -> bool:
        """Whether a rule under `media` applies on a wide screen in this scheme."""
        schemes = _SCHEME.findall(media)
        rest = _SCHEME.sub("", media)
        words = set(re.findall(r"[a-z-]+", rest)) - {"and", "only", "screen", "all"}
        return not words and (not schemes or self._scheme in schemes)


def _take(values: dict[str, tuple[_Weight, str]], name: str, value: str, weight: _Weight) -> None:
    if name not in values or values[name][0] <= weight:
        values[name] = (weight, value)


def _selectors(text: str) -> list[tuple[CSSSelector, tuple[int, int, int]]]:
    """Returns the selectors of a list that can be looked up; those that depend on a pointer cannot."""
    found = []
    for each in text.split(","):
        if ":" in each.replace(":root", ""):
            continue
        try:
            selector = CSSSelector(each.strip(), translator="html")  # type: ignore[no-untyped-call]
        except (SelectorError, XPathError, ValueError):
            continue
        classes = len(re.findall(r"[.\[]|:root", each))
        ids = each.count("#")
        tags = len(re.findall(r"(?:^|[\s>+~])[a-zA-Z]", each))
        found.append((selector, (ids, classes, tags)))
    return found


def _background(values: dict[str, str], outer: Colour | None, attribute: str) -> Colour | None:
    """Returns the colour behind the text; `values` are in order of precedence."""
    background = outer
    if (found := colour(attribute)) is not None:
        background = found if outer is None else found.over(outer)
    for name, value in values.items():
        if name not in {"background", "background-color", "background-image"}:
            continue
        if "url(" in value or "gradient(" in value:
            return None
        words = [value] if colour(value) else re.findall(r"#[0-9a-f]+|[a-z-]+\([^)]*\)|[a-z]+", value)
        painted = next((each for word in words if (each := colour(word)) is not None), None)
        if painted is not None and (painted.alpha == 1 or background is not None):
            background = painted if background is None else painted.over(background)
    return background


def _size(text: str, outer: float, otherwise: float) -> float:
    """Returns a font size in pixels."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return otherwise
    number = float(match[1])
    return number * {"px": 1.0, "pt": 4 / 3, "em": outer, "rem": 16.0, "%": outer / 100}[match[2]]
