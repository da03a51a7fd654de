"""CSV for people to open: reports, and lists as they stand.

A spreadsheet takes a cell that begins with = + - @, a tab or a line break for a formula, and runs it; the full-width forms
of these marks count in some locales. Such a cell gets an apostrophe before it, and is quoted like all cells with quotes,
delimiters or line breaks, as OWASP advises (https://owasp.org/www-community/attacks/CSV_Injection). `raw` leaves the
cells as they are, for programs.
"""

import csv
from collections.abc import Iterable, Sequence
from typing import IO

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_export(
    out: IO[str], columns: Sequence[str], rows: Iterable[Sequence[str]], *, raw: bool = False, line_end: str = "\r\n"
) -> int:
    """Write the header and `rows` to `out`, which was opened with newline=""; how many rows there were."""
    writer = csv.writer(out, lineterminator=line_end)
    shape = list if raw else _harmless_row
    writer.writerow(shape(columns))
    count = 0
    for row in rows:
        writer.writerow(shape(row))
        count += 1
    return count


def escape_formula(cell: str) -> str:
    """`cell` as no spreadsheet runs it: spaces before a formula do not hide it."""
    return f"'{cell}" if cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA) else cell


def _harmless_row(row: Sequence[str]) -> list[str]:
    return [escape_formula(cell) for cell in row]
