"""How a run of a send ended."""

from dataclasses import dataclass
from enum import StrEnum


class StopReason(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    WAITING = "waiting"
    STOPPED = "stopped"  # on request; `reason` is the last error of the relays, if any
    PAUSED = "paused"  # by a user or by the breaker; `reason` says why
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended. `next_at`: when the send goes on, if it is waiting."""

    end: StopReason
    reason: str = ""
    next_at: float | None = None
