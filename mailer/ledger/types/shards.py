"""Shards: ranges of the deliveries of a send, each worked on by one process at a time."""

from collections import Counter
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

    `rate`: results a second in the last ten seconds. `last_host`: the machine that sends it or sent it last. `is_abandoned`: that
    machine has neither released it nor renewed its lease. `was_taken_over`: a former holder stopped amid a message. `next_at`:
    when it has something to send, 0 for now.
    """

    number: int
    deliveries: int
    open: int
    host: str
    pid: int
    rate: float
    last_host: str = ""
    is_abandoned: bool = False
    was_taken_over: bool = False
    next_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSend:
    """The shards of a send that several machines may send."""

    shards: tuple[ShardProgress, ...]

    @property
    def left(self) -> list[ShardProgress]:
        """Those that are not done: first those that a machine sends, then those that are due first."""
        left = (each for each in self.shards if each.open)
        return sorted(left, key=lambda each: (not each.host, not each.is_abandoned, each.next_at or 0.0, each.number))

    @property
    def machines(self) -> list[tuple[str, int]]:
        """The machines that sent the shards last, each with the number of its shards."""
        return Counter(each.last_host for each in self.shards if each.last_host).most_common()

    @property
    def taken_over(self) -> int:
        """How many a machine took over from one that had stopped amid a message."""
        return sum(each.was_taken_over for each in self.shards)
