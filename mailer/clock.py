"""A clock for leases."""

import time


def boottime() -> float:
    """Returns seconds on a clock that nobody sets and that goes on while the machine sleeps; all processes of it share it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
