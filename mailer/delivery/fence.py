"""What a worker looks at a moment before each dot: whether the owner of the send still owns it, for all that can be known.

The owner says until when it certainly does (`Fence.until`, on the clock `steady`), and says it anew while it lives. A worker that
was stopped, and woken beyond that time or after its owner's death, sends nothing.
"""

import math
import os
import time


def steady() -> float:
    """Seconds on a clock that nobody sets, that goes on through sleep, and that all processes of a machine share."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Fence:
    """Of the process `owner`, this one's parent."""

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self.until = -math.inf

    def allows(self) -> bool:
        return steady() < self.until and os.getppid() == self._owner
