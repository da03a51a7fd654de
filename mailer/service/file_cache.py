"""Caches the result of reading a file while the file is unchanged.

    @cache_by_mtime(maxsize=…)
    def read(path, …) -> result

Exceptions are not cached. Neither is the result of a file that was written at this very moment, since a second write within
one tick of the file system's clock could not be detected.
"""

import os
import time
from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Version = tuple[int, int, int, int, int]

TICK = 50_000_000  # nanoseconds; a kernel's are 1 to 10 ms


def file_version(path: Path) -> Version | None:
    """Returns what identifies the content of `path` in the file system; None if there is no file."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - several times as fast
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def cache_by_mtime(maxsize: int) -> Callable[[Callable[Concatenate[Path, P], T]], Callable[Concatenate[Path, P], T]]:
    """Caches the results of a function of a path, and of hashable arguments, for the last `maxsize` calls."""

    def keeping(function: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
        @lru_cache(maxsize=maxsize)
        def kept(
            path: Path, _version: Version, args: tuple[Hashable, ...], named: tuple[tuple[str, Hashable], ...]
        ) -> T:
            return function(path, *args, **dict(named))  # type: ignore[arg-type] # args and kwargs of a ParamSpec, passed apart

        @wraps(function)
        def reading(path: Path, /, *args: P.args, **named: P.kwargs) -> T:
            found = file_version(path)
            if found is None or time.time_ns() - max(found[3:]) < TICK:
                return function(path, *args, **named)
            return kept(path, found, args, tuple(named.items()))

        return reading

    return keeping
