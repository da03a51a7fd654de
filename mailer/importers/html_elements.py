"""What an HTML element contains, and whether a reader sees it."""

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

INVISIBLE = {
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
BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)\b")
_SIZE = re.compile(r"(?:^|;)\s*(?:max-height|font-size|font)\s*:\s*(?P<size>[^;]*)")
_ZERO = re.compile(r"0*\.?0+(?:px|pt|em|rem|ex|ch|vh|vw|%)?(?:\s*!important)?")
SPACE = re.compile(r"[ \t\r\n\f\u200b\ufeff]+")
LIST_MARKER = re.compile(r"\d{1,2}[.)]|[•·‣▪■●►]")
_WIDEST_SPAN = 50  # columns or rows of one cell
LARGEST_CELL = 300  # characters of a cell in a table of data


def all_text(element: HtmlElement) -> str:
    """Returns all text in an element, hidden or not."""
    return "".join(str(text) for text in element.itertext())


def cell_text(cell: HtmlElement) -> str:
    """Returns the text of a cell on one line."""
    return SPACE.sub(" ", all_text(cell)).strip()


def is_hidden(element: HtmlElement) -> bool:
    """Whether an element and all in it is hidden: not if an element in it has a size of its own."""
    style = (element.get("style") or "").lower()
    if element.get("hidden") is not None or _HIDDEN.search(style):
        return True
    if not any(_ZERO.fullmatch(size["size"].strip()) for size in _SIZE.finditer(style)):
        return False
    sizes = (
        size["size"] for each in descendants(element, "*") for size in _SIZE.finditer((each.get("style") or "").lower())
    )
    return all(_ZERO.fullmatch(size.strip()) for size in sizes)


def visible_text(root: HtmlElement) -> str:
    """Returns the text of a page in one piece, with blanks where blocks and lines end."""
    parts: list[str] = []
    open_elements: list[tuple[HtmlElement, bool]] = [(root, False)]
    while open_elements:
        element, is_read = open_elements.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        space = " " if tag in BLOCKS or tag == "br" else ""
        if is_read:
            parts += [space, element.tail or ""]
            continue
        open_elements.append((element, True))
        if tag and tag not in INVISIBLE:
            parts += [space, element.text or ""]
            open_elements += [(child, False) for child in reversed(element)]
    return "".join(parts)


def contains(element: HtmlElement, *tags: str) -> bool:
    """Whether one of the `tags` is in an element."""
    return any(True for _ in descendants(element, *tags))


def preformatted(element: HtmlElement) -> str:
    """Returns the text of a `pre`, with a line end for each `br`."""
    for each in element.iter("br"):
        each.tail = f"\n{each.tail or ''}"
    return all_text(element)


def is_tracking_pixel(element: HtmlElement) -> bool:
    """Whether an image is one pixel, there to be fetched rather than seen."""
    return {(element.get(side) or "").removesuffix("px").strip() for side in ("width", "height")} <= {"0", "1"}


def is_data_table(table: HtmlElement) -> bool:
    """Whether a table holds data, rather than layout."""
    barred = ["table", "h1", "h2", "h3", "img", "ul", "ol", "pre", "blockquote"]
    if not contains(table, "th"):
        barred.append("p")
    if table.get("role") in {"presentation", "none"} or contains(table, *barred):
        return False
    rows = [[cell_text(cell) for cell in row.iter("td", "th")] for row in table.iter("tr")]
    wide = [row for row in rows if len(row) > 1]
    if any(LIST_MARKER.fullmatch(row[0]) for row in wide):
        return False  # bullets in cells of their own
    return len(wide) > 1 and all(len(cell) <= LARGEST_CELL for row in rows for cell in row)


def spread_cells(table: HtmlElement) -> list[list[HtmlElement | None]]:
    """Returns the cells of each row, each in its column: None where a cell of another row or column extends to."""
    rows: list[list[HtmlElement | None]] = []
    below: dict[int, int] = {}  # column: the rows that a cell above still extends to
    for row in table.iter("tr"):
        cells: list[HtmlElement | None] = []
        for cell in row.iter("td", "th"):
            while below.get(len(cells), 0):
                below[len(cells)] -= 1
                cells.append(None)
            for index in range(_span(cell, "colspan")):
                below[len(cells)] = _span(cell, "rowspan") - 1
                cells.append(None if index else cell)
        for column in range(len(cells), max(below, default=-1) + 1):
            below[column] = max(0, below.get(column, 0) - 1)
        rows.append(cells)
    return rows


def _span(cell: HtmlElement, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return min(max(int(value), 1), _WIDEST_SPAN) if value.isascii() and value.isdecimal() else 1


def descendants(element: HtmlElement, *tags: str) -> Iterator[HtmlElement]:
    return (each for each in element.iter(*tags) if each is not element)
