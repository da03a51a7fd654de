"""Tables in plaintext: columns aligned by display width or, where they do not fit, one `header: value` line a cell."""

from collections.abc import Sequence

from mailer.edition.plaintext.wrap import COLUMNS, width, wrap

_GAP = "  "


def format_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    alignments: Sequence[str],
    indent: str = "",
    *,
    ruled: bool = True,
) -> str:
    """Returns the table as lines. `alignments` holds "", "left", "center" or "right" for each column.

    Under the header is a row of hyphens if the table is `ruled`, else a blank line.
    """
    lines = [header, *rows] if any(header) else list(rows)
    widths = [max((width(line[column]) for line in lines), default=0) for column in range(len(header))]
    if width(indent) + sum(widths) + len(_GAP) * (len(widths) - 1) > COLUMNS:
        return _as_records(header, rows, indent)
    if any(header):
        lines.insert(1, ["-" * column * ruled for column in widths])
    return "\n".join((indent + _GAP.join(map(_aligned, line, widths, alignments))).rstrip(" ") for line in lines)


def _aligned(cell: str, columns: int, alignment: str) -> str:
    room = columns - width(cell)
    match alignment:
        case "right":
            return " " * room + cell
        case "center":
            return " " * (room // 2) + cell + " " * (room - room // 2)
        case _:
            return cell + " " * room


def _as_records(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str) -> str:
    records = []
    for row in rows:
        cells = [f"{name}: {cell}" if name else cell for name, cell in zip(header, row, strict=True) if cell]
        records.append("\n".join(wrap(cell, indent, indent + "  ") for cell in cells))
    return f"\n{indent.rstrip(' ')}\n".join(records)
