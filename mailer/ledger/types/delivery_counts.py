"""Counts of deliveries of a send: by reason, domain, relay and time."""

from dataclasses import dataclass

from mailer.delivery.states import DeliveryState


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
    """The number of deliveries at `domain` that are deferred after a reply with these codes; the first attempt ended at `since`.

    `reply` is the text of one of the replies, which may name a recipient.
    """

    domain: str
    code: int | None
    enhanced: str
    reply: str
    count: int
    since: float
