"""What comes of one row of a list: a member, a rejected row, or a note about one.

    Member      can be mailed, if `status` is SUBSCRIBED
    Rejected    its address is faulty; kept in NAME.rejected.csv, with its cells as they were
    Duplicate   the identity stood on an earlier line, and that one counts
    Noted       something about a member's row that was put right or left aside

`line` is the line of the file on which the row begins, from 1. `message` completes `readers.csv:118: …`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from mailer.addresses import Address
from mailer.sanitize import clean


class Status(StrEnum):
    """The status words of contract 2, and UNKNOWN for any other word, which is not mailed either."""

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
        """A no to the person as such: it counts whatever other rows and lists say."""
        return self in _STOPS


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
_STOPS = frozenset(_STRONGEST_FIRST[: _STRONGEST_FIRST.index(Status.UNKNOWN) + 1])


def strictest(statuses: Iterable[Status]) -> Status:
    """What counts of several things said about one person: a no, before a not yet, before a yes."""
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
        return f"{self.identity} is already on line {self.first}, which counts; row left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWarning:
    line: int
    message: str


Finding = RejectedRow | DuplicateRow | RowWarning
Row = Member | Finding

_SHOWN = 80  # characters


def abbreviated(cell: str) -> str:
    """A cell as it may stand in a message."""
    text = clean(cell).strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
