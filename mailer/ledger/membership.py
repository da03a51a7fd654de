"""What the ledger knows of a person on a list: records, never rows. Times are seconds since the epoch, UTC.

A member's `status` is what holds on this list alone: subscribed, unconfirmed, paused, a word of the file that we do not
know, or unsubscribed by a person who left just this list. Who said it is `said_by`. What holds for the whole installation
(unsubscribed, bounced, complained, erased) is a suppression, and always goes before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.audience.row import Status

AFTER_ALL_LINES = 2**31 - 1
"""The `line` of who is on no line of the list's file."""


class Origin(StrEnum):
    """How somebody came onto a list."""

    FILE = "file"
    SIGN_UP = "sign-up"


class Speaker(StrEnum):
    """Who said what holds. Only the person goes back on what the person said."""

    FILE = "file"
    PERSON = "person"
    ADMIN = "admin"


class What(StrEnum):
    """What changed of a member. `before` and `after` are a JSON object of fields, or a status word, or empty."""

    JOINED = "joined"
    FIELDS = "fields"
    OWN = "own"  # the fields that the person keeps
    STATUS = "status"
    REMOVED = "removed"


class LetterKind(StrEnum):
    """A letter to one person, beside all dispatches."""

    CONFIRM = "confirm"
    LINK = "link"
    ADDRESS = "address"
    WELCOME = "welcome"


class LetterState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One person on one list. `fields` are those of the file's row, `own` the person's, which lie over them.

    `line` is where the row began at the last sync; `removed_at`: the row is gone from the file, and the person from the list.
    """

    list: str
    identity: str
    address: str
    fields: Mapping[str, str] = field(repr=False)
    own: Mapping[str, str] = field(repr=False)
    status: Status
    said_by: Speaker
    since: float
    joined_at: float
    source: Origin
    in_file: bool
    line: int | None
    paused_until: float | None = None
    removed_at: float | None = None

    @property
    def values(self) -> Mapping[str, str]:
        """The fields as a letter would have them."""
        return {name: value for name, value in {**self.fields, **self.own}.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """Something that happened to a person on a list; `sync` is the number of the sync that brought it."""

    list: str
    identity: str
    at: float
    by: str
    what: What
    before: str
    after: str
    sync: int | None
