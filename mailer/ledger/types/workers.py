"""Workers: processes that send the shards of other processes' sends."""

from dataclasses import dataclass

ALIVE = 30.0  # seconds since its last sign of life


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A `mailer worker`. `pid` is 0 on another machine; `holding`: the shards that it holds, each as send and number.

    `shards`: how many it sends at a time. `problem`: why it takes nothing, or "". `seen`: seconds since its last sign of life.
    """

    pid: int
    host: str
    queue: str
    shards: int
    started_at: float
    seen: float
    problem: str
    holding: tuple[tuple[int, int], ...] = ()

    @property
    def is_alive(self) -> bool:
        return self.seen < ALIVE
