"""Parsed rows of a list, and findings about them.

    Member         is mailed if `status` is SUBSCRIBED
    RejectedRow    has an invalid address; kept in NAME.rejected.csv with its cells
    DuplicateRow   has the identity of an earlier row, which counts
    RowWarning     something in the row of a member was corrected or ignored
    UnclearColumn  a column that may record opt-outs, and is not understood; reported after all rows

`line` is the line of the file on which the row begins, from 1. `message` completes `readers.csv:118: …`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from mailer.addresses import Address
from mailer.line_sanitizer import clean_line

READING_RULES = 2
"""The number of the rules by which a list is read. Raise it when more is recognised as an opt-out: lists are then read again."""


class Status(StrEnum):
    """The status words (docs/admin.md), and UNKNOWN for any other word; only SUBSCRIBED is mailed."""

    SUBSCRIBED = "subscribed"
    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    ERASED = "erased"
    PAUSED = "paused"
    UNKNOWN = "unknown"

    @property
    def is_opt_out(self) -> bool:
        """Whether the status counts for the person, whatever other rows and lists say."""
        return self in _OPT_OUTS


_STRONGEST_FIRST = (
    Status.ERASED,
    Status.COMPLAINED,
    Status.UNSUBSCRIBED,
    Status.BOUNCED,
    Status.UNKNOWN,
    Status.PAUSED,
    Status.UNCONFIRMED,
    Status.SUBSCRIBED,
)
_OPT_OUTS = frozenset(_STRONGEST_FIRST[: _STRONGEST_FIRST.index(Status.UNKNOWN) + 1])


def strictest(statuses: Iterable[Status]) -> Status:
    """Returns the status that counts if several are given for one person: an opt-out before unconfirmed before subscribed."""
    return min(statuses, key=_STRONGEST_FIRST.index, default=Status.SUBSCRIBED)


class Member(NamedTuple):  # a tuple, since there are millions
    line: int
    address: Address
    fields: Mapping[str, str]
    status: Status = Status.SUBSCRIBED


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    line: int
    reason: str
    cells: tuple[str, ...] = field(default=(), repr=False)

    @property
    def message(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateRow:
    line: int
    first: int
    identity: str
    status: Status

    @property
    def message(self) -> str:
        result = f"only “{self.status}” of this row counts" if self.status.is_opt_out else "this row is ignored"
        return f"{self.identity} is already in line {self.first}; {result}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWarning:
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclearColumn:
    """A column of which somebody must say what it means: its `header`, the `name` of its field, the first suspicious `cell`,
    and the number of such `rows`. Rows with a status that gets no mail do not count.
    """

    line: int
    header: str
    name: str
    cell: str
    rows: int

    @property
    def message(self) -> str:
        rows = f"{self.rows:,} row{'s' * (self.rows > 1)}"
        return f"“{self.cell}” in “{self.header}” may mean that somebody gets no mail, in {rows}; say what the column means"


Finding = RejectedRow | DuplicateRow | RowWarning | UnclearColumn
Row = Member | Finding

_MAX_SHOWN = 80  # characters


def abbreviate_cell(cell: str) -> str:
    """Returns a cell, shortened and clean, for a message."""
    text = clean_line(cell).strip()
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
