"""What comes of one row of a list: a member, a rejected row, or a note about one.

    Member      can be mailed, if `status` is SUBSCRIBED
    Rejected    its address is faulty; kept in NAME.rejected.csv, with its cells as they were
    Duplicate   the identity stood on an earlier line, and that one counts
    Noted       something about a member's row that was put right or left aside

`line` is the line of the file on which the row begins, from 1. `message` completes `readers.csv:118: …`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from mailer.audience.address import Address


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
    def stops(self) -> bool:
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


def strongest(statuses: Iterable[Status]) -> Status:
    """What counts of several things said about one person: a no, before a not yet, before a yes."""
    return min(statuses, key=_STRONGEST_FIRST.index, default=Status.SUBSCRIBED)


class Member(NamedTuple):  # a tuple, since there are millions
    line: int
    address: Address
    fields: Mapping[str, str]
    status: Status = Status.SUBSCRIBED


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    line: int
    reason: str
    cells: tuple[str, ...] = field(default=(), repr=False)

    @property
    def message(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    line: int
    first: int
    identity: str
    status: Status

    @property
    def message(self) -> str:
        return f"{self.identity} is already on line {self.first}, which counts; row left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    line: int
    message: str


Finding = Rejected | Duplicate | Noted
Row = Member | Finding

_SHOWN = 80  # characters
_BREAK = re.compile("\r\n|[\r\n\u2028\u2029]")
_REMOVED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """Whether there is nothing in `text` for `clean` to do."""
    return text.isprintable() or not (_BREAK.search(text) or _REMOVED.search(text))


def clean(text: str) -> str:
    """A field's value as it may be used: a line break is one space, other controls and bidi controls are gone."""
    return _REMOVED.sub("", _BREAK.sub(" ", text))


def shown(cell: str) -> str:
    """A cell as it may stand in a message."""
    text = clean(cell).strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
