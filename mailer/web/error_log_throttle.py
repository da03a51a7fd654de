"""The log of errors that many requests meet at once: a lost database fails every request.

errors = ErrorLog(log)
errors.write(error)     logs the error, unless the same words were logged within LOG_EVERY seconds
"""

import logging
import time
from collections.abc import Callable

LOG_EVERY = 60.0  # seconds


class ErrorLog:
    """For one event loop. `now` returns seconds of a monotonic clock."""

    def __init__(self, log: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._logged_at: dict[str, float] = {}

    def write(self, error: object, *, level: int = logging.ERROR) -> None:
        words, now = str(error), self._now()
        self._logged_at = {text: at for text, at in self._logged_at.items() if now < at + LOG_EVERY}
        if words not in self._logged_at:
            self._logged_at[words] = now
            self._log.log(level, "%s", words)
