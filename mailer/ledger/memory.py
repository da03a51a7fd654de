"""How the C library lays out this process' memory: glibc's; where there is another, nothing happens.

Every thread gets an arena of its own there, and what one thread frees no other uses: a program whose threads take turns
(event loop, writer of the ledger, readers) holds the largest that each of them ever needed. One arena for all costs
nothing that could be measured, for the interpreter lets one run at a time. And what is freed amid what is not is kept for the
next who asks: after work that took much once, such as laying out a long list, that would stay with a process that runs on.
mallopt(3), malloc_trim(3).
"""

import ctypes
from functools import cache
from typing import Any

_M_ARENA_MAX = -8


def share_one_arena() -> None:
    """Have the threads that are started from now on share the main one's memory."""
    if mallopt := _of_the_library("mallopt"):
        mallopt(_M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Return to the system what is free."""
    if trim := _of_the_library("malloc_trim"):
        trim(0)


@cache
def _of_the_library(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
