"""Delivers transactional mail: single messages, one after another, over one connection that is opened on demand.

    client = SmtpClient(relays, limits=..., local_hostname=..., chance=...)
    result = await client.deliver(message, begin_sending)     None: no relay could be reached
    await client.close()

Relays are chosen by weight. A relay that could not be reached is not tried again by this client; `last_error` says why it
failed. `begin_sending` is awaited when the relay waits for the text; False cancels the attempt. Raises what it raises.
"""

from collections.abc import Awaitable, Callable, Sequence

from mailer.mime.composer import Message
from mailer.relay import Relay, choose_by_weight
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from mailer.smtp.session import AttemptResult, SmtpSession


class SmtpClient:
    """A client for one round of messages. `chance` returns a number in [0, 1)."""

    def __init__(
        self, relays: Sequence[Relay], *, limits: Timeouts, local_hostname: str, chance: Callable[[], float]
    ) -> None:
        self._reachable = list(relays)
        self._limits = limits
        self._local_hostname = local_hostname
        self._chance = chance
        self._session: SmtpSession | None = None
        self.last_error = ""

    @property
    def may_have_left(self) -> bool:
        """Whether the last message may have left."""
        return self._session is not None and self._session.data_sent

    async def deliver(self, message: Message, begin_sending: Callable[[], Awaitable[bool]]) -> AttemptResult | None:
        """Offers `message` to a relay. None if none could be reached: nothing was sent."""
        if self._session is None or not self._session.is_open:
            self._session = await self._open()
        return None if self._session is None else await self._session.deliver(message, begin_sending)

    async def close(self) -> None:
        """Ends the session with QUIT."""
        session, self._session = self._session, None
        if session is not None:
            await session.quit()

    async def _open(self) -> SmtpSession | None:
        """Returns a session with a relay that can be reached; None if there is none."""
        while self._reachable:
            relay = self._reachable[choose_by_weight(self._reachable, self._chance())]
            try:
                connection = await open_connection(relay, limits=self._limits, local_hostname=self._local_hostname)
            except ConnectionFailure as failure:
                self._reachable.remove(relay)
                self.last_error = f"{relay}: {failure}"
            else:
                return SmtpSession(connection, self._limits)
        return None
