"""Delivers transactional mail: single messages, one after another, over one connection that is opened when it is needed.

    courier = Courier(relays, limits=..., local_hostname=..., chance=...)
    outcome = await courier.deliver(message, commit)     None: no relay is to be had
    await courier.close()

Relays are chosen by weight; a relay that could not be reached is not tried again by this courier, and `trouble` says what was
wrong. `commit` is awaited when the relay waits for the text; False withholds it. Raises what `commit` raises.
"""

from collections.abc import Awaitable, Callable, Sequence

from mailer.mime.composer import Message
from mailer.relay import Relay, choose_by_weight
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from mailer.smtp.session import AttemptResult, SmtpSession


class SmtpClient:
    """`chance` gives a number in [0, 1)."""

    def __init__(
        self, relays: Sequence[Relay], *, limits: Timeouts, local_hostname: str, chance: Callable[[], float]
    ) -> None:
        self._left = list(relays)
        self._limits = limits
        self._local_hostname = local_hostname
        self._random = chance
        self._session: SmtpSession | None = None
        self.last_error = ""

    @property
    def may_have_left(self) -> bool:
        """Whether the last message may have left."""
        return self._session is not None and self._session.data_sent

    async def deliver(self, message: Message, commit: Callable[[], Awaitable[bool]]) -> AttemptResult | None:
        """Offer `message` to a relay. None when none could be reached: nothing was sent."""
        if self._session is None or not self._session.is_open:
            self._session = await self._open()
        return None if self._session is None else await self._session.deliver(message, commit)

    async def close(self) -> None:
        """Take leave of the relay."""
        session, self._session = self._session, None
        if session is not None:
            await session.quit()

    async def _open(self) -> SmtpSession | None:
        while self._left:
            relay = self._left[choose_by_weight(self._left, self._random())]
            try:
                connection = await open_connection(relay, limits=self._limits, local_hostname=self._local_hostname)
            except ConnectionFailure as failure:
                self._left.remove(relay)
                self.last_error = f"{relay}: {failure}"
            else:
                return SmtpSession(connection, self._limits)
        return None
