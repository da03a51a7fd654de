"""Turns for the checks of a site: one check of a dispatch at a time, and a few of all.

    with gate.turn("tide", has_left) as go_on:     waits for its turn
        lint_dispatch(app, path, go_on=go_on)      which calls go_on() between its steps

A check is a few seconds of CPU for a long dispatch, and Python runs one thread at a time: without the gate, a few requests
would slow the whole site down. A check ends when nobody waits for it any more: `has_left` says whether the client has left.

Raises ClientLeftError, TooManyChecksError.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailer.errors import MailerError

AT_ONCE = 2  # checks
WAITING = 8  # more that wait for a turn; each occupies a thread
LOOK_EVERY = 1.0  # seconds between two looks whether the client has left


class ClientLeftError(MailerError):
    """The client has left: nobody waits for the check."""

    def __init__(self) -> None:
        super().__init__("The check was cancelled, because the client has left.", "Request it again.")


class TooManyChecksError(MailerError):
    """So many checks wait that one more is refused."""

    def __init__(self) -> None:
        super().__init__("Too many dispatches are being checked at the moment.", "Try again in a minute.")


class CheckGate:
    """The turns of one site."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[str] = set()
        self._waiting = 0

    @contextmanager
    def turn(self, name: str, has_left: Callable[[], bool]) -> Iterator[Callable[[], None]]:
        """Waits until a check of the dispatch `name` may run. Yields a function that raises ClientLeftError."""

        def go_on() -> None:
            if has_left():
                raise ClientLeftError

        self._enter(name, go_on)
        try:
            yield go_on
        finally:
            with self._changed:
                self._running.discard(name)
                self._changed.notify_all()

    def _enter(self, name: str, go_on: Callable[[], None]) -> None:
        with self._changed:
            if self._take(name):
                return
            if self._waiting >= WAITING:
                raise TooManyChecksError
            self._waiting += 1
        try:
            while True:
                go_on()  # without the lock: it waits for the event loop
                with self._changed:
                    if self._take(name) or (self._changed.wait(LOOK_EVERY) and self._take(name)):
                        return
        finally:
            with self._changed:
                self._waiting -= 1

    def _take(self, name: str) -> bool:
        if name in self._running or len(self._running) >= AT_ONCE:
            return False
        self._running.add(name)
        return True
