"""Records of suppressions. Times are seconds since the epoch, UTC."""

from dataclasses import dataclass
from enum import StrEnum


class SuppressionReason(StrEnum):
    """Why an address must not be mailed, the weakest first: a stronger reason replaces a weaker one, never the reverse."""

    BOUNCED = "bounced"
    BY_HAND = "by hand"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    ERASED = "erased"

    @property
    def rank(self) -> int:
        return list(SuppressionReason).index(self)

    @property
    def is_by_recipient(self) -> bool:
        """Whether the subscriber asked for it, so that only the subscriber can lift it."""
        return self.rank >= SuppressionReason.UNSUBSCRIBED.rank


class SuppressionAction(StrEnum):
    SUPPRESSED = "suppressed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An active suppression. `identity` is a pseudonym after erasure. `source`: who or what asked for it."""

    identity: str
    reason: SuppressionReason
    at: float
    source: str
    send_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionChange:
    """A line in the history of suppressions."""

    identity: str
    change: SuppressionAction
    reason: SuppressionReason
    at: float
    source: str
    send_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressResult:
    """The outcome of suppressing. `changed` is False if it was active already; `skipped` counts the deliveries skipped now.

    `address` is that of the delivery which identified the person, "" if there was none.
    """

    suppression: Suppression
    changed: bool
    skipped: int
    address: str = ""


class UnsuppressStatus(StrEnum):
    LIFTED = "lifted"
    ABSENT = "absent"  # it was not suppressed
    REFUSED = "refused"  # it is the subscriber's own opt-out


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsuppressResult:
    """The outcome of lifting a suppression; `suppression` is the one that is active now, if any."""

    outcome: UnsuppressStatus
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureResult:
    """The outcome of erasure: how many deliveries were emptied, and how many of them were open and are skipped now."""

    deliveries: int
    skipped: int
