"""Records of deliveries and attempts, one by one and counted. Times are seconds since the epoch, UTC."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.delivery.states import DeliveryState
from mailer.smtp.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One recipient of one send, and its state."""

    id: int
    send_id: int
    identity: str
    address: str
    fields: Mapping[str, str]
    state: DeliveryState
    reason: str
    attempts: int
    resolved_manually: bool
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, opened before anything is sent. `closed_at` None: under way. `lost`: its process died before the result."""

    delivery_id: int
    number: int
    opened_at: float
    closed_at: float | None = None
    relay: str = ""
    stage: Stage | None = None
    code: int | None = None
    enhanced: str = ""
    reply: str = ""
    classification: DeliveryState | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One line of `report --csv`, except the Message-ID, which is derived from `delivery_id`."""

    delivery_id: int
    email: str
    state: DeliveryState
    reason: str
    code: int | None
    enhanced: str
    reply: str
    attempts: int
    at: float
    resolved_manually: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """The number of deliveries in `state` for one reason and reply."""

    state: DeliveryState
    reason: str
    code: int | None
    enhanced: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainCount:
    """The number of deliveries of a send to addresses at `domain` in `state`; "" is for erased ones."""

    domain: str
    state: DeliveryState
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBucket:
    """The number of attempts that ended as `classification` in the time interval with this number."""

    number: int
    classification: DeliveryState
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayCount:
    """The number of attempts at `relay` that ended between `since` and `until`."""

    relay: str
    count: int
    since: float
    until: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return (self.count - 1) / (self.until - self.since) if self.until > self.since else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferralGroup:
    """The number of deliveries at `domain` that are deferred after this reply; the first attempt ended at `since`."""

    domain: str
    code: int | None
    enhanced: str
    count: int
    since: float
