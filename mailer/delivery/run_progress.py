"""What a run of a send has done so far, for the progress displays."""

from dataclasses import dataclass

from mailer.delivery.queue_port import SendStatus
from mailer.delivery.states import DeliveryState


@dataclass(slots=True, kw_only=True)
class SendProgress:
    """The counts and times of one run.

    `first_at`: the time of the first connection; `last_error`: why there is no connection, or why a relay waits;
    `unreachable_since`: since when no relay can be reached, seconds since the epoch; None if one can.
    `excluded_relays`: each with its reason. `put_off` deliveries are deferred, the next is due at `retry_at`, the last at
    `last_at`. When nothing is due, the send goes on at `next_at`; `held_until` is set if the warm-up plan is the reason.
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
    unreachable_since: float | None = None
    excluded_relays: tuple[str, ...] = ()

    def put_off_until(self, at: float) -> None:
        """Counts a deferred delivery that is due at `at`."""
        self.put_off += 1
        self.retry_at = at if self.retry_at is None else min(self.retry_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)

    def on_retries_claimed(self, retries: int) -> None:
        """`retries` deferred deliveries are tried again. The next due time is unknown until `update`."""
        if retries:
            self.put_off, self.retry_at = max(0, self.put_off - retries), None

    def update(self, status: SendStatus) -> None:
        """Takes over the times of `status`."""
        self.next_at, self.held_until = status.next_at, status.held_until
        self.put_off = status.count(DeliveryState.DEFERRED)
        self.retry_at, self.last_at = (status.next_at, status.last_at) if self.put_off else (None, None)

    def count(self, state: DeliveryState) -> None:
        """Counts a result other than an acceptance."""
        match state:
            case DeliveryState.DEFERRED:
                self.deferred += 1
            case DeliveryState.FAILED:
                self.failed += 1
            case DeliveryState.UNCERTAIN:
                self.uncertain += 1
