"""How the C library lays out this process' memory.

glibc gives every thread an arena of its own, and what one thread frees no other uses: a program whose threads take turns
(event loop, writer of the ledger, readers) then holds the largest that each of them ever needed. One arena for all of
them costs nothing measurable, for the interpreter lets one run at a time. mallopt(3), M_ARENA_MAX.
"""

import ctypes

_M_ARENA_MAX = -8


def share_one_arena() -> None:
    """Have the threads that are started from now on share the main one's memory; where there is no mallopt, nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
