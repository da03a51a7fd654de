"""Shards: ranges of the deliveries of a send, each worked on by one process at a time."""

from dataclasses import dataclass

from mailer.delivery.limit_share import Share

SHARD_SIZE = 20_000  # deliveries, on PostgreSQL


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The deliveries of a send with ids from `first_id` to `last_id`; numbers begin with 1."""

    send_id: int
    number: int
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldShard:
    """A shard that a living process holds; `pid` is 0 if it is unknown or on another machine.

    `is_running`: its send is. `share`: the part of the limits that the holder uses.
    """

    send_id: int
    number: int
    pid: int
    host: str
    is_running: bool
    share: Share

    @property
    def key(self) -> tuple[int, int]:
        return self.send_id, self.number
