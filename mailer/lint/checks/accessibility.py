"""Checks accessibility: alt texts, image sizes, headings, tables, languages, anchors.

Mostly for templates, since the program writes the rest; so each finding is reported once, whatever the variant.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from lxml.html import HtmlElement

from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding
from mailer.lint.html_page import words_of

WIDEST_IMAGE = 700
"""Pixels; no theme’s column is wider."""

_LAYOUT = frozenset({"presentation", "none"})
_SHOWN = 50


def images(context: LintContext) -> Iterator[Finding]:
    for page in context.pages:
        for image in page.each("img"):
            source = image.get("src") or ""
            at = context.source_index.find(source)
            if image.get("alt") is None:
                message = f"the image “{abbreviate(source, _SHOWN)}” has no alt attribute"
                yield Finding(rule="alt-missing", message=message, expected='add alt="…"', position=at)
            width = image.get("width") or ""
            if not width.isdigit() or int(width) > WIDEST_IMAGE:
                content = f"a width of {width}" if width else "no width"
                message = f"the image “{abbreviate(source, _SHOWN)}” has {content}"
                yield Finding(rule="image-size", message=message, expected=f"use at most {WIDEST_IMAGE}", position=at)


def headings(context: LintContext) -> Iterator[Finding]:
    for page in context.pages:
        found = [(int(str(each.tag)[1]), words_of(each)) for each in page.each("h1", "h2", "h3", "h4", "h5", "h6")]
        first = sum(level == 1 for level, _ in found)
        if first != 1:
            yield Finding(rule="heading-order", message=f"the page has {first} h1 headings", expected="use exactly one")
        for (before, _), (level, words) in pairwise(found):
            if level > before + 1:
                yield Finding(
                    rule="heading-order",
                    message=f"the heading “{abbreviate(words, _SHOWN)}” is an h{level} after an h{before}",
                    expected=f"use an h{before + 1}",
                    position=_heading_place(context, words),
                )


def _heading_place(context: LintContext, words: str) -> Position:
    """Returns the position of a subheading in the dispatch, whose punctuation may differ."""
    offset = next((offset for offset, line in context.source_index.body_lines if line.lstrip("# ") == words), 0)
    return context.source_index.position(offset)


def tables(context: LintContext) -> Iterator[Finding]:
    for page in context.pages:
        for table in page.each("table"):
            if table.get("role") not in _LAYOUT and not _header_cells(table):
                yield Finding(
                    rule="table-role",
                    message=f"the table with “{abbreviate(words_of(table), 30)}” has no header cells and no role",
                    expected='add role="presentation", or <th> cells',
                )


def _header_cells(table: HtmlElement) -> list[HtmlElement]:
    """Returns the th of a table itself, not of one inside it."""
    return [cell for cell in table.iter("th") if next(cell.iterancestors("table"), None) is table]


def languages(context: LintContext) -> Iterator[Finding]:
    for page in context.pages:
        body = page.root.find("body")
        first = next((each for each in body if isinstance(each.tag, str)), None) if body is not None else None
        for name, element in (("the html element", page.root), ("the first element in the body", first)):
            if element is None or not element.get("lang"):
                yield Finding(rule="page-language", message=f"{name} has no language", expected='add lang="…"')


def anchors(context: LintContext) -> Iterator[Finding]:
    for page in context.pages:
        places = Counter(page.anchors)
        for name in sorted(name for name, count in places.items() if count > 1):
            message = f"the anchor “{abbreviate(name, _SHOWN)}” is used {places[name]} times"
            yield Finding(rule="anchor-duplicate", message=message, expected="use it once")
        for link in page.links:
            name = link.href.removeprefix("#")
            if link.href.startswith("#") and name not in places:
                message = f"the link “{abbreviate(link.words, _SHOWN)}” leads to “#{abbreviate(name, _SHOWN)}”, which is missing"
                yield Finding(rule="anchor-dead", message=message, expected='add <a name="…">')
