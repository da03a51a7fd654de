"""Records of deliveries and attempts. Times are seconds since the epoch, UTC."""

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
class SendOptOut:
    """Somebody who unsubscribed by the link of a message. `identity` is a pseudonym after erasure."""

    identity: str
    at: float


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
