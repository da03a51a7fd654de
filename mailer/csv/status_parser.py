"""What a row says of its person's status: our own words, and the signs of other tools (foreign.py).

Any no counts, wherever it stands in the row. But a row in which `since` is filled was written by this program: then the
word of ours in its status column alone counts, so that somebody who came back is not stopped by what another tool knew.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

from mailer.csv.columns import Columns
from mailer.csv.rows import RowWarning, Status, abbreviated, strictest
from mailer.csv.vendor_columns import OWN_STATUS_WORDS, STATUS_COLUMN, VendorStatusColumn

_KNOWN = 10_000  # different things said that are remembered


class StatusParser:
    """For one reading of a list. `says_something`: whether any of its columns can."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        own = () if columns.status is None else ((columns.status, STATUS_COLUMN),)
        self._signs: tuple[tuple[int, VendorStatusColumn], ...] = (*own, *columns.signs)
        self.has_status_columns = bool(self._signs)
        self._told: set[tuple[int, Status]] = set()
        asked = [index for index in (*(index for index, _ in self._signs), columns.since) if index is not None]
        self._pick: Callable[[Sequence[str]], object] = itemgetter(*asked or (0,))
        self._known: dict[object, Status] = {}

    def read(self, cells: Sequence[str]) -> Status:
        try:
            asked = self._pick(cells)
        except IndexError:
            return self._strictest(cells)
        status = self._known.get(asked)
        if status is None:
            status = self._strictest(cells)
            if len(self._known) < _KNOWN:
                self._known[asked] = status
        return status

    def notes(self, line: int, cells: Sequence[str]) -> Iterator[RowWarning]:
        """Words that are unknown; the first one of each kind that is taken for a word of ours."""
        for index, status in self._statuses(cells):
            cell = cells[index]
            if status is Status.UNKNOWN:
                what = "status" if index == self._columns.status else f"“{self._columns.headers[index].strip()}”"
                yield RowWarning(line=line, message=f"the {what} “{abbreviated(cell)}” is unknown; not mailed")
            elif (
                status is not Status.SUBSCRIBED
                and cell.strip().casefold() != status
                and (index, status) not in self._told
            ):
                self._told.add((index, status))
                header = self._columns.headers[index].strip()
                message = f"“{header}” says “{abbreviated(cell)}”: taken as {status}, there and in rows like it"
                yield RowWarning(line=line, message=message)

    def _strictest(self, cells: Sequence[str]) -> Status:
        return strictest(status for _, status in self._statuses(cells))

    def _statuses(self, cells: Sequence[str]) -> list[tuple[int, Status]]:
        """What each of the columns says that says something."""
        read = ((index, sign.read(cells[index])) for index, sign in self._signs if index < len(cells))
        said = [(index, status) for index, status in read if status is not None]
        return said[:1] if self._is_ours(cells) else said

    def _is_ours(self, cells: Sequence[str]) -> bool:
        status, since = self._columns.status, self._columns.since
        if status is None or since is None or max(status, since) >= len(cells) or not cells[since].strip():
            return False
        return OWN_STATUS_WORDS.read(cells[status]) is not None
