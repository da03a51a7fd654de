"""glibc malloc tuning; does nothing with another C library.

glibc gives every thread its own arena, and memory that one thread frees is not used by another: a program whose threads take
turns (event loop, writer of the ledger, readers) holds the peak of each. One arena for all has no measurable cost, because the
interpreter runs one thread at a time. glibc also keeps freed memory between blocks in use: after work that needed much memory
once, such as staging a long list, a process would keep it. mallopt(3), malloc_trim(3).
"""

import ctypes
from functools import cache
from typing import Any

_M_ARENA_MAX = -8


def limit_arenas() -> None:
    """Makes threads that start from now on share the main arena."""
    if mallopt := _libc_function("mallopt"):
        mallopt(_M_ARENA_MAX, 1)


def trim_memory() -> None:
    """Returns free memory to the operating system."""
    if trim := _libc_function("malloc_trim"):
        trim(0)


@cache
def _libc_function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
