"""Records of list syncs: the plan, the history, and the state of a list."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailer.csv.rows import UnclearColumn

SHOWN = 20  # rows of each kind in a plan
FROM_LIST = "list "  # how the source of a suppression begins that came from a list file


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJoin:
    """A member who joins. `reason`: why the member gets no mail; "" for one who gets it."""

    line: int
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """A member whose row changed. `fields`: name -> (before, after)."""

    line: int
    identity: str
    fields: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedRow:
    """A row that would resubscribe somebody; `why`: the suppression that prevents it; `joins`: the row is new on the list."""

    line: int
    identity: str
    why: str
    joins: bool


COUNTS = (
    "people", "joined", "changed", "moved", "removed", "rejected", "blocked", "duplicates", "patched", "appended"
)  # fmt: skip
MAILED = "mailed"  # the count, stored beside these, of the members who get mail after the sync


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """The effect of a sync: counts, and the first of each kind.

    `moved`: members whose status the file changes; `patched`: rows that get a new status and since; `appended`: sign-ups that
    get a row. `people` are in the file, each once; `members_before` were in it at the last sync. A first sync lists no members
    who get mail.
    `unmailed`: why members who join get no mail, with their number; `blocked_joined`: those of `blocked` who join.
    `erased_lines`: rows of erased readers, which the admin is to delete: a sync deletes no rows.
    `unclear`: columns of which somebody must say what they mean before a send.
    `undo_of`: it restores the file that this sync left.
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
    unmailed: Mapping[str, int] = field(default_factory=dict)
    blocked_joined: int = 0
    first_mailed: tuple[PlannedJoin, ...] = ()
    first_unmailed: tuple[PlannedJoin, ...] = ()
    first_changed: tuple[PlannedChange, ...] = ()
    first_removed: tuple[str, ...] = ()
    first_blocked: tuple[BlockedRow, ...] = ()
    erased_lines: tuple[int, ...] = ()
    findings: tuple[str, ...] = ()
    more_findings: int = 0
    unclear: tuple[UnclearColumn, ...] = ()
    sync: int | None = None
    undo_of: int | None = None
    encoding_changed: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, as they are stored and printed."""
        return {name: getattr(self, name) for name in COUNTS}

    @property
    def first_joined(self) -> tuple[PlannedJoin, ...]:
        """The first members who join, with mail or without; none for a first sync."""
        joined = () if self.is_first else (*self.first_mailed, *self.first_unmailed)
        return tuple(sorted(joined, key=lambda each: each.line)[:SHOWN])

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
class PendingChanges:
    """Changes of the ledger that the list's file does not have yet: sign-ups without a row, and rows with another status.

    `departures` are opt-outs; `returns` are subscribed again; `statuses` are the others, such as bounces and pauses.
    """

    sign_ups: int
    departures: int
    returns: int
    statuses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """The state of a list after its last sync; `digest` is the SHA-256 of the file then, in hex.

    `meanings` of its columns, as they were stated then; None if a version with other rules read the file.
    """

    name: str
    digest: str
    columns: tuple[str, ...]
    rows: int
    people: int
    rejected: int
    duplicates: int
    findings: tuple[str, ...]
    more_findings: int
    unclear: tuple[UnclearColumn, ...]
    meanings: Mapping[str, str] | None
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
