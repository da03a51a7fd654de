"""Memory that a large piece of work has freed, handed back to the system.

The C library keeps what is freed amid what is not, for the next who asks. After work that took much once, such as laying
out a long list, that would stay with a process that runs on.
"""

import ctypes
from functools import cache
from typing import Any


def give_back_memory() -> None:
    """Have the C library return what is free, if it is one that can (glibc)."""
    if trim := _trim():
        trim(0)


@cache
def _trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
