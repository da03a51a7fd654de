"""Where the cells of a CSV row stand in its text, so that some can be set and the others keep their bytes.

Agrees with Python's csv.reader, for a row that it reads as one: a quote opens a quoted cell only as the cell's first
character, two quotes inside are one, and what follows the closing quote up to the delimiter belongs to the cell.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache


def cell_spans(text: str, delimiter: str) -> list[tuple[int, int]]:
    """Start and end of each cell in `text`, quotes included; a blank line has none. `text` is without its line end."""
    if not text:
        return []
    match = _cell(delimiter).match
    spans = []
    start = 0
    while found := match(text, start):
        spans.append(found.span())
        if found.end() == len(text):
            break
        start = found.end() + 1
    return spans


def is_quoted(text: str, delimiter: str) -> bool:
    """Whether every cell of the row is in quotes."""
    spans = cell_spans(text, delimiter)
    return bool(spans) and all(text.startswith('"', start) for start, _ in spans)


def set_cells(text: str, delimiter: str, values: Mapping[int, str]) -> str:
    """The row `text`, line end and all, with `values` in the cells of these numbers; missing ones are made.

    A cell that was quoted stays so; new ones are quoted where every cell of the row is.
    """
    body, end = split_line_ending(text)
    parts = [body[start:stop] for start, stop in cell_spans(body, delimiter)]
    every = bool(parts) and all(part.startswith('"') for part in parts)
    parts.extend([format_cell("", delimiter, quoted=every)] * (max(values) + 1 - len(parts)))
    for index, value in values.items():
        parts[index] = format_cell(value, delimiter, quoted=parts[index].startswith('"'))
    return delimiter.join(parts) + end


def write_row(values: Sequence[str], delimiter: str, *, quoted: bool) -> str:
    return delimiter.join(format_cell(value, delimiter, quoted=quoted) for value in values)


def format_cell(value: str, delimiter: str, *, quoted: bool) -> str:
    """`value` as a cell: in quotes if it needs them, or is `quoted` anyway."""
    if quoted or delimiter in value or any(mark in value for mark in '"\r\n'):
        doubled = value.replace('"', '""')
        return f'"{doubled}"'
    return value


def split_line_ending(text: str) -> tuple[str, str]:
    """`text` and its line end, which may be empty."""
    body = text.removesuffix("\n").removesuffix("\r")
    return body, text[len(body) :]


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    return re.compile(rf'(?:"(?:[^"]+|"")*+(?:"|\Z))?[^{re.escape(delimiter)}]*+')
