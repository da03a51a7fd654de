"""Cells within the text of a CSV row: finds them, and sets some while the others keep their bytes.

Agrees with Python's csv.reader with `skipinitialspace`: a quote opens a quoted cell only if nothing but blanks is before it, two
quotes inside are one, and text between the closing quote and the delimiter belongs to the cell.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

_WELL_QUOTED = re.compile(r'"(?:[^"]|"")*+"')


def cell_spans(text: str, delimiter: str) -> list[tuple[int, int]]:
    """Returns start and end of each cell in `text`, quotes included; a blank line has none. `text` has no line end."""
    if not text:
        return []
    match = _cell_pattern(delimiter).match
    spans = []
    start = 0
    while found := match(text, start):
        spans.append(found.span())
        if found.end() == len(text):
            break
        start = found.end() + 1
    return spans


def is_fully_quoted(text: str, delimiter: str) -> bool:
    """Whether every cell of the row is quoted."""
    spans = cell_spans(text, delimiter)
    return bool(spans) and all(_is_quoted(text[start:stop]) for start, stop in spans)


def is_misquoted(text: str, delimiter: str) -> bool:
    """Whether a quoted cell of the row `text` has text behind its closing quote, as if a quote inside of it was not doubled."""
    parts = (text[start:stop].strip(" ") for start, stop in cell_spans(text, delimiter))
    return any(part.startswith('"') and not _WELL_QUOTED.fullmatch(part) for part in parts)


def set_cells(text: str, delimiter: str, values: Mapping[int, str]) -> str:
    """Returns the row `text`, with its line end and `values` in the cells of these indexes; missing cells are added.

    A quoted cell stays quoted; a new one is quoted if all cells of the row are.
    """
    body, end = split_line_ending(text)
    parts = [body[start:stop] for start, stop in cell_spans(body, delimiter)]
    all_quoted = bool(parts) and all(map(_is_quoted, parts))
    parts.extend([format_cell("", delimiter, quoted=all_quoted)] * (max(values) + 1 - len(parts)))
    for index, value in values.items():
        parts[index] = format_cell(value, delimiter, quoted=_is_quoted(parts[index]))
    return delimiter.join(parts) + end


def format_row(values: Sequence[str], delimiter: str, *, quoted: bool) -> str:
    return delimiter.join(format_cell(value, delimiter, quoted=quoted) for value in values)


def format_cell(value: str, delimiter: str, *, quoted: bool) -> str:
    """Returns `value` as a cell, quoted if `quoted` or if necessary."""
    if quoted or delimiter in value or any(mark in value for mark in '"\r\n'):
        doubled = value.replace('"', '""')
        return f'"{doubled}"'
    return value


def split_line_ending(text: str) -> tuple[str, str]:
    """Returns `text` without its line end, and the line end, which may be empty."""
    body = text.removesuffix("\n").removesuffix("\r")
    return body, text[len(body) :]


def _is_quoted(part: str) -> bool:
    return part.lstrip(" ").startswith('"')


@cache
def _cell_pattern(delimiter: str) -> re.Pattern[str]:
    return re.compile(rf' *+(?:"(?:[^"]+|"")*+(?:"|\Z))?[^{re.escape(delimiter)}]*+')
