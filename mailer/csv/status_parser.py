"""The status of a row, from our own column and from columns of other tools (csv/columns/vendor_status.py).

An opt-out in any of these columns counts. But if `since` is filled, this program wrote the row, and only its status column
counts: somebody who resubscribed is not stopped by an old status of another tool.

A row that would get mail is also searched for opt-outs in columns that are not understood (csv/columns/suspected_opt_outs.py).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from mailer.csv.columns.header_row import Columns
from mailer.csv.columns.suspected_opt_outs import Suspicion, is_opt_out_word
from mailer.csv.columns.vendor_status import OWN_STATUS_WORDS, STATUS_COLUMN, VendorStatusColumn
from mailer.csv.rows import RowWarning, Status, UnclearColumn, abbreviate_cell, strictest

_CACHE_SIZE = 10_000  # different combinations of cells


@dataclass(slots=True)
class _CountedCell:
    """A cell that was read as a status, or is not understood: where it is first, and in how many rows.

    `differs`: the cells of these rows are not all the same, as dates are.
    """

    line: int
    cell: str
    rows: int = 0
    differs: bool = False


class StatusParser:
    """Parses the status of each row in one reading of a list."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        own = () if columns.status is None else ((columns.status, STATUS_COLUMN),)
        self._signs: tuple[tuple[int, VendorStatusColumn], ...] = (*own, *columns.signs)
        self._by_heading: tuple[tuple[int, Suspicion], ...] = tuple(
            (index, suspicion) for index, suspicion in columns.suspects if suspicion is not is_opt_out_word
        )
        self.is_needed = bool(self._signs or self._by_heading)
        self._translated: dict[tuple[int, Status], _CountedCell] = {}
        self._overruled: dict[int, _CountedCell] = {}
        self._unclear: dict[int, _CountedCell] = {}
        self._pick = _picker([index for index, _ in self._signs], columns.since)
        self._pick_suspects = _picker([index for index, _ in (*self._signs, *self._by_heading)], columns.since)
        self._cache: dict[object, Status] = {}
        self._plain: dict[object, bool] = {}

    def parse(self, cells: Sequence[str]) -> Status:
        try:
            picked = self._pick(cells)
        except IndexError:
            return self._strictest(cells)
        status = self._cache.get(picked)
        if status is None:
            status = self._strictest(cells)
            if len(self._cache) < _CACHE_SIZE:
                self._cache[picked] = status
        return status

    def is_plain(self, cells: Sequence[str]) -> bool:
        """Whether the row gets mail, and no heading makes one of its cells suspicious. `cells` are as many as the columns."""
        picked = self._pick_suspects(cells)
        is_plain = self._plain.get(picked)
        if is_plain is None:
            is_plain = self._strictest(cells) is Status.SUBSCRIBED and not any(
                suspicion(cells[index]) for index, suspicion in self._by_heading
            )
            if len(self._plain) < _CACHE_SIZE:
                self._plain[picked] = is_plain
        return is_plain

    def search_opt_outs(self, cells: Sequence[str], line: int) -> None:
        """Counts, for `unclear_columns`, the cells of a row that gets mail which may be opt-outs."""
        if not self._is_ours(cells):
            for index, suspicion in self._columns.suspects:
                if index < len(cells) and suspicion(cells[index]):
                    self._count_unclear(index, line, cells[index])

    def unclear_columns(self) -> Iterator[UnclearColumn]:
        """Yields, after all rows, the columns that may record opt-outs."""
        for index, found in self._unclear.items():
            header, name = self._columns.headers[index].strip() or f"column {index + 1}", self._columns.names[index]
            cell = abbreviate_cell(found.cell)
            yield UnclearColumn(line=found.line, header=header, name=name, cell=cell, rows=found.rows)

    def warnings(self, line: int, cells: Sequence[str]) -> Iterator[RowWarning]:
        """Yields unknown words, and counts the words of other tools for `translations`."""
        for index, status in self._statuses(cells):
            cell = cells[index]
            if status is Status.UNKNOWN:
                if any(sign.is_ambiguous for place, sign in self._signs if place == index):
                    self._count_unclear(index, line, cell)
                what = "status" if index == self._columns.status else f"“{self._columns.headers[index].strip()}”"
                yield RowWarning(
                    line=line, message=f"the {what} “{abbreviate_cell(cell)}” is unknown; the reader gets no mail"
                )
            elif status is not Status.SUBSCRIBED and cell.strip().casefold() != status:
                found = self._translated.setdefault((index, status), _CountedCell(line, cell))
                found.rows += 1
                found.differs = found.differs or found.cell != cell

    def translations(self) -> Iterator[RowWarning]:
        """Yields the first word of each column that was read as a status, or was not, and the number of such rows so far."""
        for (index, status), found in self._translated.items():
            header, rows = self._columns.headers[index].strip(), f"{found.rows:,} row{'s' * (found.rows > 1)}"
            what, verb = f"“{abbreviate_cell(found.cell)}”", "is"
            if found.differs:
                what, verb = f"cells such as {what}", "are"
            message = f"{what} in “{header}” {verb} read as {status}, in {rows}"
            yield RowWarning(line=found.line, message=message)
        for index, found in self._overruled.items():
            header, rows = self._columns.headers[index].strip(), f"{found.rows:,} row{'s' * (found.rows > 1)}"
            message = (
                f"“{abbreviate_cell(found.cell)}” in “{header}” does not count beside a status with its date, in {rows}"
            )
            yield RowWarning(line=found.line, message=message)

    def count_overruled(self, cells: Sequence[str], line: int) -> None:
        """Counts, for `translations`, the opt-outs of other tools in a row that this program wrote."""
        if self._is_ours(cells):
            for index, sign in self._columns.signs:
                status = sign.parse(cells[index]) if index < len(cells) else None
                if status is not None and status.is_opt_out:
                    self._overruled.setdefault(index, _CountedCell(line, cells[index])).rows += 1

    def _count_unclear(self, index: int, line: int, cell: str) -> None:
        self._unclear.setdefault(index, _CountedCell(line, cell)).rows += 1

    def _strictest(self, cells: Sequence[str]) -> Status:
        return strictest(status for _, status in self._statuses(cells))

    def _statuses(self, cells: Sequence[str]) -> list[tuple[int, Status]]:
        """Returns the index and status of each column whose cell has one."""
        parsed = ((index, sign.parse(cells[index])) for index, sign in self._signs if index < len(cells))
        found = [(index, status) for index, status in parsed if status is not None]
        return found[:1] if self._is_ours(cells) else found

    def _is_ours(self, cells: Sequence[str]) -> bool:
        status, since = self._columns.status, self._columns.since
        if status is None or since is None or max(status, since) >= len(cells) or not cells[since].strip():
            return False
        return OWN_STATUS_WORDS.parse(cells[status]) is not None


def _picker(indexes: Sequence[int], since: int | None) -> Callable[[Sequence[str]], object]:
    return itemgetter(*((*indexes, *(() if since is None else (since,))) or (0,)))
