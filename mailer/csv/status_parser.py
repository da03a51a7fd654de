"""The status of a row, from our own column and from columns of other tools (status_and_consent_columns.py).

An opt-out in any of these columns counts. But if `since` is filled, this program wrote the row, and only its status column
counts: somebody who resubscribed is not stopped by an old status of another tool.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from mailer.csv.columns import Columns
from mailer.csv.rows import RowWarning, Status, abbreviate_cell, strictest
from mailer.csv.status_and_consent_columns import OWN_STATUS_WORDS, STATUS_COLUMN, VendorStatusColumn

_CACHE_SIZE = 10_000  # different combinations of cells


@dataclass(slots=True)
class _Translated:
    """A word of another tool that was read as a status: where it is first, and in how many rows."""

    line: int
    cell: str
    rows: int = 0


class StatusParser:
    """Parses the status of each row in one reading of a list. `has_status_columns`: whether it has such columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        own = () if columns.status is None else ((columns.status, STATUS_COLUMN),)
        self._signs: tuple[tuple[int, VendorStatusColumn], ...] = (*own, *columns.signs)
        self.has_status_columns = bool(self._signs)
        self._translated: dict[tuple[int, Status], _Translated] = {}
        indexes = [index for index in (*(index for index, _ in self._signs), columns.since) if index is not None]
        self._pick: Callable[[Sequence[str]], object] = itemgetter(*indexes or (0,))
        self._cache: dict[object, Status] = {}

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

    def warnings(self, line: int, cells: Sequence[str]) -> Iterator[RowWarning]:
        """Yields unknown words, and counts the words of other tools for `translations`."""
        for index, status in self._statuses(cells):
            cell = cells[index]
            if status is Status.UNKNOWN:
                what = "status" if index == self._columns.status else f"“{self._columns.headers[index].strip()}”"
                yield RowWarning(
                    line=line, message=f"the {what} “{abbreviate_cell(cell)}” is unknown; the reader gets no mail"
                )
            elif status is not Status.SUBSCRIBED and cell.strip().casefold() != status:
                self._translated.setdefault((index, status), _Translated(line, cell)).rows += 1

    def translations(self) -> Iterator[RowWarning]:
        """Yields the first word of each column that was read as a status, and the number of such rows so far."""
        for (index, status), found in self._translated.items():
            header, rows = self._columns.headers[index].strip(), f"{found.rows:,} row{'s' * (found.rows > 1)}"
            message = f"“{abbreviate_cell(found.cell)}” in “{header}” is read as {status}, in {rows}"
            yield RowWarning(line=found.line, message=message)

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
