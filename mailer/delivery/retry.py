"""When a deferred delivery is tried again: MAILER_RETRY and MAILER_RETRY_FOR."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`delays` in seconds, the last one repeats; `lifetime` in seconds since the first attempt; `jitter` as a share."""

    delays: tuple[float, ...] = (60, 300, 900, 1800, 3600)
    lifetime: float = 86400
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not self.delays or min(self.delays) <= 0:
            raise ValueError("delays are positive, and there is at least one")

    def next_at(self, *, attempt: int, first_at: float, now: float, chance: float) -> float | None:
        """Returns the time of the next attempt after `attempt` (from 1) was deferred; None if the lifetime is over.

        `chance` in [0, 1) spreads the delay evenly over +-jitter. The last attempt is at the end of the lifetime.
        """
        end = first_at + self.lifetime
        if now >= end:
            return None
        delay = self.delays[min(attempt, len(self.delays)) - 1]
        return min(now + delay * (1 + self.jitter * (2 * chance - 1)), end)
