"""How tests wait: for a condition, with a limit that only a test that hangs reaches.

    PATIENCE                       seconds; the limit of every wait
    until(holds)                   waits in a thread for what another thread or process is about to do
    await until_holds(holds)       the same on an event loop
    run_unhurried(main())          asyncio.run on an UnhurriedLoop

A slow machine must not fail a test. So no test waits for less than PATIENCE, except for a timeout that has to fire; and there
the UnhurriedLoop keeps it from firing only because the machine is slow.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 120.0  # seconds
IDLE = 0.05  # seconds


def until(holds: Callable[[], T], patience: float = PATIENCE) -> T:
    """Waits until `holds` returns something true, and returns that."""
    end = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.01)
    return found


async def until_holds(holds: Callable[[], T], patience: float = PATIENCE) -> T:
    """Waits on the event loop until `holds` returns something true, and returns that."""
    async with asyncio.timeout(patience):
        while not (found := holds()):
            await asyncio.sleep(0.001)
    return found


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Waits for IDLE seconds at most. If nothing happened, `skipped` grows by the whole timeout."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        return super().select(min(timeout, IDLE)) or self._skip(timeout)

    def _skip(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]]:
        self.skipped += timeout
        return []


class UnhurriedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still as long as something happens on it.

    When nothing has happened for IDLE seconds, its clock jumps to the next timer. For tests with both ends of a
    connection on one loop: a limit of an hour is over at once when the other end does not answer, and never on a slow machine.
    """

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.skipped


def run_unhurried(main: Coroutine[Any, Any, T]) -> T:
    """Runs `main` on an UnhurriedLoop."""
    with asyncio.Runner(loop_factory=UnhurriedLoop) as runner:
        return runner.run(main)
