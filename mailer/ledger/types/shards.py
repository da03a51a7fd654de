"""Shards: ranges of the deliveries of a send, each worked on by one process at a time."""

from dataclasses import dataclass

from mailer.delivery.limit_share import Share

SHARD_SIZE = 20_000  # deliveries, on PostgreSQL
JOBS_SCHEMA = "procrastinate"  # of PostgreSQL, for the jobs that wake workers
JOBS_VERSION = "3.10"  # of Procrastinate, for which that schema was made


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardProgress:
    """How far a shard is: its deliveries, and how many of them are open. `host`: the machine that sends it, "" if none does.

    `rate`: results a second in the last ten seconds.
    """

    number: int
    deliveries: int
    open: int
    host: str
    pid: int
    rate: float
