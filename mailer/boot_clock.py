"""The clock of leases."""

import time


def boottime() -> float:
    """Returns seconds on a clock that is never set, and runs during sleep; all processes of a machine share it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
