"""glibc malloc tuning; does nothing with another C library.

glibc gives every thread an arena of its own, and memory that one thread frees is not used by another: a program whose threads
take turns (event loop, writer of the ledger, readers) holds the peak of each. One arena for all costs nothing that could be
measured, for the interpreter runs one thread at a time. Freed memory between blocks in use is kept, too: after work that took
much once, such as staging a long list, a process that runs on would keep it. mallopt(3), malloc_trim(3).
"""

import ctypes
from functools import cache
from typing import Any

_M_ARENA_MAX = -8


def limit_arenas() -> None:
    """Makes threads that start from now on share the main arena."""
    if mallopt := _of_the_library("mallopt"):
        mallopt(_M_ARENA_MAX, 1)


def trim_memory() -> None:
    """Returns free memory to the system."""
    if trim := _of_the_library("malloc_trim"):
        trim(0)


@cache
def _of_the_library(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
