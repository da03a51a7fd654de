"""What one user of the desk may do at once, whatever the role: event streams that are open, tries of the current password, and
tests of the relays.
"""

import time
from collections import Counter
from collections.abc import AsyncGenerator

from starlette.exceptions import HTTPException

from mailer.errors import UsageError
from mailer.web.rate_limit import Rate, RateLimiter
from mailer.web.sse import ServerSentEvent

STREAMS = 30  # each takes one of the places of the site (request_limits) while its page is open
PASSWORDS = Rate(burst=5, every=60)
RELAY_CHECKS = Rate(burst=5, every=60)


class UserLimits:
    """The limits of all users, by their ids."""

    def __init__(self) -> None:
        self._streams: Counter[int] = Counter()
        self._passwords = RateLimiter(time.monotonic, each=PASSWORDS)
        self._relay_checks = RateLimiter(time.monotonic, each=RELAY_CHECKS)

    def counted(
        self, user: int, events: AsyncGenerator[ServerSentEvent, None]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """Returns `events`, counted while they are read. Raises HTTPException 429 if the user reads STREAMS already."""
        if self._streams[user] >= STREAMS:
            raise HTTPException(429)
        return self._counted(user, events)

    async def _counted(
        self, user: int, events: AsyncGenerator[ServerSentEvent, None]
    ) -> AsyncGenerator[ServerSentEvent, None]:
        self._streams[user] += 1
        try:
            async for event in events:
                yield event
        finally:
            self._streams[user] -= 1
            await events.aclose()

    def try_password(self, user: int) -> None:
        """Counts a try of the current password. Raises UsageError if there were too many."""
        if self._passwords.retry_after(str(user)):
            raise UsageError("Too many attempts.", "Nothing was changed. Wait a minute, then try again.")

    def check_relay(self, user: int) -> None:
        """Counts a test of the relays. Raises UsageError if there were too many."""
        if self._relay_checks.retry_after(str(user)):
            raise UsageError("Too many tests.", "Wait a minute, then try again.")
