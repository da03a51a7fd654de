"""Patches of a list file by a sync: the status of some rows, and new rows at the end. Everything else stays, byte for byte.

    with prepare_patch(source, [RowPatch(line=7, status="unsubscribed", since="2026-11-22")], [{"email": …}]) as prepared:
        prepared.commit()

- Only the cells of status and since change, and only in the rows of the patches. If the file has no such columns, the header
  gets `status,since` at its end, after any cells without a header. Other rows stay unchanged, shorter than the header by the new
  cells: spreadsheets and this program read a missing cell as an empty one.
- New rows have the delimiter, line end and quoting of the header. If the file's encoding cannot hold one, the file becomes
  UTF-8 with a byte order mark. A field without a column is left out.
- The file is replaced atomically (AtomicFile), and not at all if it changed since `source` was opened.

The file is streamed. Raises ListError, and then the list is unchanged; ValueError for a patch of a line on which no row begins,
which is a mistake of the caller.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from mailer.csv.cell_editing import format_row, is_fully_quoted, set_cells, split_line_ending
from mailer.csv.columns.header_row import EMAIL, SINCE, STATUS, STATUS_SINCE
from mailer.csv.header_search import AROUND_HEADER
from mailer.csv.list_errors import ListError, unwritable_error
from mailer.csv.list_file_writer import CsvWriter
from mailer.csv.reader import CsvList
from mailer.csv.tokenizer import CellBatch, RowTokenizer, TooManyMalformedRowsError
from mailer.line_sanitizer import clean_line

MAX_CELL = 32_767  # characters: the limit of spreadsheets


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPatch:
    """Cells to set in the row that begins at `line`; None leaves a cell unchanged."""

    line: int
    status: str | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchResult:
    """The result of a patch. `digest`: SHA-256 of the new file, in hex; `encoding_changed`: it is UTF-8 with a mark now."""

    encoding_changed: bool
    digest: str
    patched: int
    appended: int


class PreparedPatch:
    """A patched copy that can replace the list; leaving the `with` without `commit` removes it."""

    def __init__(self, source: CsvList, output: CsvWriter, rewritten: PatchResult) -> None:
        self.result = rewritten
        self._source = source
        self._output = output

    def commit(self) -> None:
        """Replaces the list. Raises ListError, also if the list changed meanwhile."""
        self._source.require_unchanged()
        try:
            self._output.commit()
        except OSError as error:
            raise unwritable_error(self._source.path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.rollback()


def prepare_patch(source: CsvList, patches: Iterable[RowPatch], appended: Iterable[Mapping[str, str]]) -> PreparedPatch:
    """Sets the cells of `patches`, which are in the order of their lines, and appends the rows `appended`.

    An appended row maps field names to values, with `email`, `status` and `since`. The copy replaces the list only when it is
    committed. Raises ListError.
    """
    try:
        output = CsvWriter(source.path, source.encoding)
        try:
            return PreparedPatch(source, output, _write(source, output, iter(patches), iter(appended)))
        except BaseException:
            output.rollback()
            raise
    except TooManyMalformedRowsError:
        raise ListError(
            f"The file {source.path.name} has too many rows with a missing closing quote.", "Save it again as CSV."
        ) from None
    except OSError as error:
        raise unwritable_error(source.path, error) from None


def _write(
    source: CsvList, output: CsvWriter, patches: Iterator[RowPatch], appended: Iterator[Mapping[str, str]]
) -> PatchResult:
    first_patch, first_row = next(patches, None), next(appended, None)
    has_changes = first_patch is not None or first_row is not None
    layout = _column_layout(source) if has_changes else _Layout(header={}, status=-1, since=-1)
    lines = source.lines()
    output.writelines(itertools.islice(lines, source.header_line - 1))
    header = next(lines)
    output.write(add_header_cells(header, source.delimiter, layout.header))
    copied = _copy_rows(
        source, lines, output, itertools.chain(() if first_patch is None else (first_patch,), patches), layout
    )
    count = append_rows(
        output,
        header,
        source.delimiter,
        (
            _appended_cells(row, source, layout)
            for row in itertools.chain(() if first_row is None else (first_row,), appended)
        ),
    )
    changed = output.finish()
    if copied.broken:
        _verify_copy(source, output, layout, count)
    with output.path.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return PatchResult(encoding_changed=changed, digest=digest, patched=copied.patched, appended=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The indexes of status and since; `header`: the new cells of the header."""

    header: Mapping[int, str]
    status: int
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _CopyCounts:
    patched: int
    broken: int


def _column_layout(source: CsvList) -> _Layout:
    columns = source.columns
    status, since = columns.status, columns.since
    added: dict[int, str] = {}
    if status is None or since is None:
        free = max(len(columns.names), widest_row(source))
        if status is None:
            status, free = free, free + 1
            added[status] = STATUS
        if since is None:
            since = free
            added[since] = STATUS_SINCE if SINCE in columns.names else SINCE
    return _Layout(header=added, status=status, since=since)


def widest_row(source: CsvList) -> int:
    """Returns the number of cells of the widest row, up to its last that is not blank."""
    width = len(source.columns.names)
    for _, cells in _rows(source.records()):
        if not isinstance(cells, str) and len(cells) > width:
            width = max(width, *(index for index, cell in enumerate(cells, start=1) if cell.strip()), 0)
    return width


def add_header_cells(text: str, delimiter: str, added: Mapping[int, str]) -> str:
    """Returns the line of the header with new cells at the end of its text."""
    header = text.strip(AROUND_HEADER)
    return text.replace(header, set_cells(header, delimiter, added), 1) if added else text


def append_rows(output: CsvWriter, header: str, delimiter: str, rows: Iterable[Sequence[str]]) -> int:
    """Appends rows with the line end and the quoting of `header`; returns their number."""
    text, end = split_line_ending(header)
    end, quoted = end or "\n", is_fully_quoted(text.strip(AROUND_HEADER), delimiter)
    ends_line = output.ends_with_line_end()
    count = 0
    for cells in rows:
        row = format_row([clean_line(cell)[:MAX_CELL] for cell in cells], delimiter, quoted=quoted)
        output.write(f"{row}{end}" if ends_line else f"{end}{row}")
        count += 1
    return count


def _patch_row(text: str, delimiter: str, patch: RowPatch, layout: _Layout) -> str:
    if not text.strip():
        raise _no_row_error(patch)
    cells = ((layout.status, patch.status), (layout.since, patch.since))
    values = {index: value for index, value in cells if value is not None}
    return set_cells(text, delimiter, values) if values else text


def _appended_cells(row: Mapping[str, str], source: CsvList, layout: _Layout) -> list[str]:
    names = source.columns.names
    values = [row.get(name, "") if name else "" for name in names]
    values.extend([""] * (max(layout.status, layout.since) + 1 - len(names)))
    values[source.columns.address] = row[EMAIL]
    values[layout.status] = row.get(STATUS, "")
    values[layout.since] = row.get(SINCE, "")
    return values


def _copy_rows(
    source: CsvList, lines: Iterator[str], output: CsvWriter, patches: Iterator[RowPatch], layout: _Layout
) -> _CopyCounts:
    """Copies the rows below the header, with `patches`."""
    patched = broken = 0
    last_line = source.header_line
    patch = next(patches, None)
    for batch in RowTokenizer(lines, source.delimiter, before=source.header_line).texts():
        broken += len(batch.broken)
        while patch is not None and patch.line <= batch.lines[-1]:
            if patch.line <= last_line or patch.line not in batch.lines or patch.line in batch.broken:
                raise _no_row_error(patch)
            index = batch.lines.index(patch.line)
            batch.texts[index] = _patch_row(batch.texts[index], source.delimiter, patch, layout)
            patched, last_line = patched + 1, patch.line
            patch = next(patches, None)
        output.writelines(batch.texts)
    if patch is not None:
        raise _no_row_error(patch)
    return _CopyCounts(patched=patched, broken=broken)


def _no_row_error(patch: RowPatch) -> ValueError:
    return ValueError(f"no row begins at line {patch.line}, or the patches are not in order")


def _verify_copy(source: CsvList, output: CsvWriter, layout: _Layout, appended: int) -> None:
    """Compares both files row by row: new text must not close a quote that was not closed before. Raises ListError."""
    ignored = (layout.status, layout.since)
    with output.lines() as lines:
        below = itertools.islice(lines, source.header_line, None)
        rows = _rows(RowTokenizer(below, source.delimiter, before=source.header_line).cells())
        same = all(
            _compared_cells(old, ignored) == _compared_cells(next(rows, (0, ""))[1], ignored)
            for _, old in _rows(source.records())
        )
        same = same and sum(not isinstance(cells, str) for _, cells in rows) == appended
    if not same:
        raise ListError(
            f"The file {source.path.name} cannot be edited: it has rows with a missing closing quote.",
            f"Add the quotes. The rows are in {source.name}.rejected.csv.",
        )


def _rows(batches: Iterable[CellBatch]) -> Iterator[tuple[int, list[str] | str]]:
    return itertools.chain.from_iterable(batch.rows for batch in batches)


def _compared_cells(cells: list[str] | str, ignored: tuple[int, int]) -> list[str] | str:
    """Returns the cells without those of `ignored` columns and without empty ones at the end."""
    if isinstance(cells, str):
        return cells
    compared = [cell for index, cell in enumerate(cells) if index not in ignored]
    while compared and not compared[-1]:
        compared.pop()
    return compared
