"""Records of suppressions. Times are seconds since the epoch, UTC."""

from dataclasses import dataclass
from enum import StrEnum


class SuppressionReason(StrEnum):
    """Why an address must not be mailed, the weaker first: a stronger one replaces a weaker one, never back."""

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
        """Said by the person, and only the person takes it back."""
        return self.rank >= SuppressionReason.UNSUBSCRIBED.rank


class SuppressionAction(StrEnum):
    SUPPRESSED = "suppressed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """`identity` is a marker, not an address, once it is erased. `source` says who or what asked for it."""

    identity: str
    reason: SuppressionReason
    at: float
    source: str
    send_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionChange:
    identity: str
    change: SuppressionAction
    reason: SuppressionReason
    at: float
    source: str
    send_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressResult:
    """What suppressing did. `changed` is False when it stood so already; `skipped` counts open deliveries now skipped.

    `address` is that of the delivery which named the person, "" where none did.
    """

    suppression: Suppression
    changed: bool
    skipped: int
    address: str = ""


class UnsuppressStatus(StrEnum):
    LIFTED = "lifted"
    ABSENT = "absent"  # it was not suppressed
    REFUSED = "refused"  # it is the person's own no


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsuppressResult:
    """What taking a suppression back did; `suppression` is what still stands, if anything does."""

    outcome: UnsuppressStatus
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureResult:
    """What erasing did: how many deliveries it emptied, how many of them were still open and are skipped now."""

    deliveries: int
    skipped: int
