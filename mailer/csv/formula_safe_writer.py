"""CSV output for people: reports, and the current members of lists.

A spreadsheet runs a cell that begins with = + - @, a tab or a line break as a formula; in some locales also with the full-width
forms of these marks. Such a cell gets an apostrophe before it, and is quoted like all cells with quotes, delimiters or line
breaks, as OWASP advises (https://owasp.org/www-community/attacks/CSV_Injection). A spreadsheet that splits rows at another
delimiter than ours finds cells inside of ours, and takes quotes away there: so the same holds after each comma and semicolon in
a cell, with or without quotes between. `raw` leaves the cells unchanged, for programs.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_INSIDE = re.compile(r'(?<=[,;])(?=[\s"]*+[=+\-@＝＋－＠])')


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCounts:
    """The numbers of `rows` below the header, and of cells that were `escaped`."""

    rows: int
    escaped: int


def write_export(
    out: IO[str], columns: Sequence[str], rows: Iterable[Sequence[str]], *, raw: bool = False, line_end: str = "\r\n"
) -> ExportCounts:
    """Writes the header and `rows` to `out`, which was opened with newline=""."""
    writer = csv.writer(out, lineterminator=line_end)
    count = escaped = 0
    writer.writerow(columns if raw else [escape_formula(cell) for cell in columns])
    for row in rows:
        cells = row if raw else [escape_formula(cell) for cell in row]
        escaped += sum(cell != old for cell, old in zip(cells, row, strict=True))
        writer.writerow(cells)
        count += 1
    return ExportCounts(rows=count, escaped=escaped)


def escape_formula(cell: str) -> str:
    """Returns `cell` with an apostrophe before each formula, also before one after spaces."""
    if "," in cell or ";" in cell:
        cell = _INSIDE.sub("'", cell)
    return f"'{cell}" if cell.startswith(_FORMULA) or cell.lstrip().startswith(_FORMULA) else cell
