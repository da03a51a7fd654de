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


class TransactionalKind(StrEnum):
    """Kinds of transactional mail."""

    CONFIRM = "confirm"
    LINK = "link"
    ADDRESS = "address"
    WELCOME = "welcome"


class TransactionalState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"  # durable before the end of DATA may leave
    SENT = "sent"
    FAILED = "failed"  # refused permanently, expired, or without a recipient
    UNCERTAIN = "uncertain"  # the end of DATA left, the reply is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One subscriber on one list. `fields` are those of the file's row, overridden by `own`, which the subscriber set.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJoin:
    """A member who joins."""

    line: int
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """A member whose row changed. `fields`: name -> (before, after)."""

    line: int
    identity: str
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedRow:
    """A row that would resubscribe somebody; `why`: the suppression that prevents it."""

    line: int
    identity: str
    why: str


COUNTS = (
    "people", "joined", "changed", "moved", "removed", "rejected", "blocked", "duplicates", "patched", "appended"
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """The effect of a sync: counts, and the first of each kind.

    `moved`: members whose status the file changes; `patched`: rows that get a new status and since; `appended`: sign-ups that
    get a row. `people` are in the file, each once; `members_before` were in it at the last sync. A first sync lists no members.
    """

    list: str
    is_first: bool
    members_before: int
    people: int
    joined: int
    changed: int
    moved: int
    removed: int
    blocked: int
    duplicates: int
    patched: int
    appended: int
    rejected: int = 0
    first_joined: tuple[PlannedJoin, ...] = ()
    first_changed: tuple[PlannedChange, ...] = ()
    first_removed: tuple[str, ...] = ()
    first_blocked: tuple[BlockedRow, ...] = ()
    findings: tuple[str, ...] = ()
    more_findings: int = 0
    sync: int | None = None
    encoding_changed: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, as they are stored and printed."""
        return {name: getattr(self, name) for name in COUNTS}

    @property
    def changes_nothing(self) -> bool:
        return not (
            self.is_first or self.joined or self.changed or self.moved or self.removed or self.blocked or self.writes
        )

    @property
    def writes(self) -> bool:
        """Whether the file has to be written."""
        return bool(self.patched or self.appended)

    @property
    def removes_many(self) -> bool:
        """Whether more than a tenth is removed: somebody must confirm that."""
        return self.removed * 10 > self.members_before


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """The state of a list after its last sync; `digest` is the SHA-256 of the file then, in hex."""

    name: str
    digest: str
    columns: tuple[str, ...]
    rows: int
    people: int
    rejected: int
    duplicates: int
    findings: tuple[str, ...]
    more_findings: int
    sync: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRecord:
    """A past sync. `undo_of`: it restored the list as it was after that sync."""

    sync: int
    at: float
    by: str
    digest: str
    size: int
    counts: Mapping[str, int]
    undo_of: int | None
