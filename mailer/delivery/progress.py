"""What a run of a send has seen so far, for those who watch, and how it ended."""

from dataclasses import dataclass
from enum import StrEnum

from mailer.delivery.states import DeliveryState
from mailer.delivery.types import SendStatus


class StopReason(StrEnum):
    """Why a run is over."""

    FINISHED = "finished"
    WAITING = "waiting"
    STOPPED = "stopped"  # asked to; `reason` is what was wrong with the relays then, if anything
    PAUSED = "paused"  # by somebody else, or halted: `reason` says why
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    end: StopReason
    reason: str = ""
    next_at: float | None = None


@dataclass(slots=True, kw_only=True)
class SendProgress:
    """What this run has seen so far, for those who watch. `first_at`: the first connection; `trouble`: why there is none.

    `put_off` deliveries are tried again, the next at `retry_at`, the last at `last_at`. At rest, the send goes on at
    `next_at`; `held_until`: it is the warm-up plan that holds it back.
    """

    accepted: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    first_at: float | None = None
    next_at: float | None = None
    held_until: float | None = None
    put_off: int = 0
    retry_at: float | None = None
    last_at: float | None = None
    last_error: str = ""

    def put_off_until(self, at: float) -> None:
        self.put_off += 1
        self.retry_at = at if self.retry_at is None else min(self.retry_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)

    def on_retries_claimed(self, retries: int) -> None:
        """So many of those put off have their turn; when the next of the others is due is known again at rest."""
        if retries:
            self.put_off, self.retry_at = max(0, self.put_off - retries), None

    def update(self, standing: SendStatus) -> None:
        self.next_at, self.held_until = standing.next_at, standing.held_until
        self.put_off = standing.count(DeliveryState.DEFERRED)
        self.retry_at, self.last_at = (standing.next_at, standing.last_at) if self.put_off else (None, None)

    def count(self, state: DeliveryState) -> None:
        name = state.value
        if name in {"deferred", "failed", "uncertain"}:
            setattr(self, name, getattr(self, name) + 1)
