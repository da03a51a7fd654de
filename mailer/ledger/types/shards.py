"""Shards: ranges of the deliveries of a send, each worked on by one process at a time."""

from dataclasses import dataclass

SHARD_SIZE = 20_000  # deliveries, on PostgreSQL


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The deliveries of a send with ids from `first_id` to `last_id`; numbers begin with 1."""

    send_id: int
    number: int
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True)
class HeldShard:
    """A shard that a living process holds; `pid` is 0 if it is unknown or on another machine."""

    send_id: int
    number: int
    pid: int
    host: str
