"""Finds the header of a list: the delimiter of the file, and the line with the names of its columns.

Raises ListError if the file has another delimiter or other quotes, or a title above the header.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mailer.csv.columns.header_row import EMAIL, ColumnRules, Columns, ColumnsError, field_name, read_columns
from mailer.csv.list_errors import SAVE_AGAIN, ListError
from mailer.csv.tokenizer import ends_its_row
from mailer.line_sanitizer import is_clean

DELIMITERS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>.)"?[;,\t]*', re.IGNORECASE)  # Excel's first line, in some countries
_OTHER_SEPARATORS = "|:^~¦"
_OPENING_QUOTES = frozenset("“”„«»‘‚")
_MAX_TITLE_LINES = 10
AROUND_HEADER = "\r\n \ufeff"  # ignored around the text of the header


def find_header(path: Path, file: Iterable[str], rules: ColumnRules) -> tuple[str, Columns, int]:
    """Returns the delimiter, the columns, and the line of the header."""
    delimiters: tuple[str, ...] = DELIMITERS
    lines = enumerate(file, start=1)
    for number, text in lines:
        line = text.strip(AROUND_HEADER)
        if separator := _SEPARATOR_LINE.fullmatch(line):
            if separator["delimiter"] not in DELIMITERS:
                raise _separator_error(path, separator["delimiter"])
            delimiters = (separator["delimiter"],)
        elif line.strip(",;\t "):
            _refuse_title(path, line, number, itertools.islice(lines, _MAX_TITLE_LINES))
            return *_choose_delimiter(path, line, delimiters, number, rules), number
    raise ListError(
        f"The file {path.name} is empty.", "Add a first line with the names of the columns, such as: email,first_name"
    )


def _choose_delimiter(
    path: Path, line: str, delimiters: tuple[str, ...], number: int, rules: ColumnRules
) -> tuple[str, Columns]:
    """Returns the delimiter with which the header has `email`, then the most columns; and these columns."""
    if not is_clean(line.replace("\t", " ")):
        raise ListError(
            f"The file {path.name} is not a CSV file: its first line contains control characters.", SAVE_AGAIN
        )
    try:
        headers = {delimiter: _split_line(line, delimiter) for delimiter in delimiters}
    except csv.Error:
        raise ListError(f"The first line of the file {path.name} is too long.", SAVE_AGAIN) from None
    delimiter = max(headers, key=lambda mark: (_has_email(headers[mark][0]), len(headers[mark][0])))
    names, closed = headers[delimiter]
    if not closed:
        raise ListError(
            f"The file {path.name} has a missing closing quote in line {number}.",
            "Keep the names of the columns on one line.",
        )
    _refuse_other_dialect(path, line, names)
    try:
        return delimiter, read_columns(names, rules)
    except ColumnsError as error:
        raise ListError(f"The file {path.name} cannot be read: {error}.", error.next_step) from None


def _refuse_other_dialect(path: Path, line: str, names: Sequence[str]) -> None:
    """Raises ListError for a header with a separator or with quotes that CSV does not have."""
    separators = "" if _has_email(names) else _OTHER_SEPARATORS
    for separator in separators:
        if len(names) <= line.count(separator) and _has_email(line.split(separator)):
            raise _separator_error(path, separator)
    quote = next((name.strip()[0] for name in names if name.strip()[:1] in _OPENING_QUOTES), "")
    if quote:
        raise ListError(
            f"The quotes in the file {path.name} are typographic ({quote}).",
            'Replace them by straight quotes ("), or save the file as CSV in a spreadsheet.',
        )


def _has_email(cells: Sequence[str]) -> bool:
    return EMAIL in map(field_name, cells)


def _refuse_title(path: Path, line: str, number: int, below: Iterable[tuple[int, str]]) -> None:
    """Raises ListError if `line` is a title or a row of headings, and one of the lines below it is the header."""
    cells = max((line.split(mark) for mark in DELIMITERS), key=lambda split: sum(map(bool, map(str.strip, split))))
    filled = [cell for cell in cells if cell.strip()]
    if _has_email(filled) or (len(filled) > 1 and "mail" in line.casefold()):
        return
    for header, text in below:
        for mark in DELIMITERS:
            cells = text.split(mark)
            if len(cells) > 1 and "@" not in text and _has_email(cells):
                raise ListError(
                    f"Line {number} of the file {path.name} is a title: the names of the columns are in line {header}.",
                    f"Delete the lines above line {header}.",
                )


def _separator_error(path: Path, separator: str) -> ListError:
    return ListError(
        f"The separator of the file {path.name} is “{separator}”.",
        "Save the file with commas, semicolons or tabs between the cells.",
    )


def _split_line(line: str, delimiter: str) -> tuple[list[str], bool]:
    """Returns the cells of a line, and whether the row ends with it."""
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True)), ends_its_row(line, delimiter)
