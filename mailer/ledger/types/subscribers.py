"""Records of subscribers and lists. Times are seconds since the epoch, UTC.

A member's `status` holds on this list alone: subscribed, unconfirmed, paused, a word of the file that is unknown, or unsubscribed
from just this list. `status_source` says who set it. What holds for all lists (unsubscribed, bounced, complained, erased) is a
suppression, which always takes precedence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.csv.rows import Status

NO_LINE = 2**31 - 1
"""The `line` of a member who is on no line of the list's file."""


class SignupSource(StrEnum):
    """How a member joined a list."""

    FILE = "file"
    SIGN_UP = "sign-up"


class StatusSource(StrEnum):
    """The source of a status. Only the subscriber can revert what the subscriber set."""

    FILE = "file"
    PERSON = "person"
    ADMIN = "admin"


class MemberChangeKind(StrEnum):
    """The kind of a change. `before` and `after` are a JSON object of fields, or a status, or empty."""

    JOINED = "joined"
    FIELDS = "fields"
    OWN = "own"  # the profile: fields that the subscriber set
    STATUS = "status"
    REMOVED = "removed"
    ADDRESS = "address"  # changed from the address `before` to `after`


class LeavingReason(StrEnum):
    """A reason for leaving, as the page offers it."""

    TOO_MANY = "too many"
    NOT_INTERESTED = "not interested"
    NEVER_ASKED = "never asked"
    ELSEWHERE = "read elsewhere"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One subscriber on one list. `fields` are those of the file's row; a value of `profile`, which the subscriber
    set, takes its place.

    `line` is where the row began at the last sync; `removed_at`: the row was removed from the file, the subscriber from the list.
    """

    list: str
    identity: str
    address: str
    fields: Mapping[str, str] = field(repr=False)
    profile: Mapping[str, str] = field(repr=False)
    status: Status
    status_source: StatusSource
    since: float
    joined_at: float
    source: SignupSource
    in_file: bool
    line: int | None
    paused_until: float | None = None
    removed_at: float | None = None

    @property
    def values(self) -> Mapping[str, str]:
        """The fields as a message would have them."""
        return {name: value for name, value in {**self.fields, **self.profile}.items() if value}

    @property
    def is_mailed(self) -> bool:
        """Whether the list mails the subscriber, now or after a pause."""
        return self.removed_at is None and self.status in {Status.SUBSCRIBED, Status.PAUSED}

    def effective_status(self, at: float) -> Status:
        """The status at `at`: a pause may have ended. `effective_status` in store/expressions.py is the same in SQL."""
        ended = self.status is Status.PAUSED and self.paused_until is not None and self.paused_until <= at
        return Status.SUBSCRIBED if ended else self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """A change of a subscriber on a list; `sync` is the number of the sync that made it."""

    list: str
    identity: str
    at: float
    by: str
    kind: MemberChangeKind
    before: str
    after: str
    sync: int | None
