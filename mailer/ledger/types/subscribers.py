"""What the ledger knows of a person on a list: records, never rows. Times are seconds since the epoch, UTC.

A member's `status` is what holds on this list alone: subscribed, unconfirmed, paused, a word of the file that we do not
know, or unsubscribed by a person who left just this list. Who said it is `said_by`. What holds for the whole installation
(unsubscribed, bounced, complained, erased) is a suppression, and always goes before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.csv.rows import Status

NO_LINE = 2**31 - 1
"""The `line` of who is on no line of the list's file."""


class SignupSource(StrEnum):
    """How somebody came onto a list."""

    FILE = "file"
    SIGN_UP = "sign-up"


class StatusSource(StrEnum):
    """Who said what holds. Only the person goes back on what the person said."""

    FILE = "file"
    PERSON = "person"
    ADMIN = "admin"


class MemberChangeKind(StrEnum):
    """What changed of a member. `before` and `after` are a JSON object of fields, or a status word, or empty."""

    JOINED = "joined"
    FIELDS = "fields"
    OWN = "own"  # the fields that the person keeps
    STATUS = "status"
    REMOVED = "removed"
    ADDRESS = "address"  # the person moved from one address, `before`, to another, `after`


class LeavingReason(StrEnum):
    """Why somebody left, as the page offers it."""

    TOO_MANY = "too many"
    NOT_INTERESTED = "not interested"
    NEVER_ASKED = "never asked"
    ELSEWHERE = "read elsewhere"
    OTHER = "other"


class TransactionalKind(StrEnum):
    """A letter to one person, beside all dispatches."""

    CONFIRM = "confirm"
    LINK = "link"
    ADDRESS = "address"
    WELCOME = "welcome"


class TransactionalState(StrEnum):
    QUEUED = "queued"
    LEAVING = "leaving"  # durable before the dot may leave
    SENT = "sent"
    FAILED = "failed"  # refused for good, too late, or there was nobody to write to
    UNCERTAIN = "uncertain"  # the dot left, the answer is unknown


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
        """The fields as a letter would have them."""
        return {name: value for name, value in {**self.fields, **self.own}.items() if value}

    def effective_status(self, at: float) -> Status:
        """The status at `at`: a pause may have ended. `standing_status` in expressions.py is the same in SQL."""
        ended = self.status is Status.PAUSED and self.paused_until is not None and self.paused_until <= at
        return Status.SUBSCRIBED if ended else self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """Something that happened to a person on a list; `sync` is the number of the sync that brought it."""

    list: str
    identity: str
    at: float
    by: str
    what: MemberChangeKind
    before: str
    after: str
    sync: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJoin:
    line: int
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """`fields`: name -> what it was, what it is."""

    line: int
    identity: str
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedRow:
    """A row that would bring somebody back; `why` says what stands."""

    line: int
    identity: str
    why: str


COUNTS = (
    "people", "joined", "changed", "moved", "removed", "rejected", "blocked", "duplicates", "patched", "appended"
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """What a sync does, or would do: counts, and the first of each kind.

    `moved`: members whose status the file changes; `patched`: rows that get a new status and since; `appended`: sign-ups that
    get a row. `people` are in the file, each once; `members_before` were in it at the last sync. A first sync names nobody.
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
        """The counts by name, as they are kept and printed."""
        return {name: getattr(self, name) for name in COUNTS}

    @property
    def changes_nothing(self) -> bool:
        return not (
            self.is_first or self.joined or self.changed or self.moved or self.removed or self.blocked or self.writes
        )

    @property
    def writes(self) -> bool:
        """Whether the file is to be told something."""
        return bool(self.patched or self.appended)

    @property
    def removes_many(self) -> bool:
        """More than a tenth: a person must say that it is meant."""
        return self.removed * 10 > self.members_before


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """A list as its last sync left it; `digest` is of the file as it was then, SHA-256 in hex."""

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
    """A sync that was. `undo_of`: it went back to how the list was after that sync."""

    sync: int
    at: float
    by: str
    digest: str
    size: int
    counts: Mapping[str, int]
    undo_of: int | None
