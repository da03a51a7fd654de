"""Delivers transactional mail: single messages, one after another, over one connection that is opened on demand.

    client = SmtpClient(relays, limits=..., local_hostname=..., chance=...)
    result = await client.deliver(message, begin_sending)     None: no relay could be reached
    await client.close()

Relays are chosen by weight. A relay that could not be reached, or refuses us, is not tried again by this client; `last_error`
says why. A message that a relay refuses for a reason that is not about the recipient is offered to a different relay, unless its
text was sent.
`begin_sending` is awaited when the relay waits for the text; False cancels the attempt. Raises what it raises.
"""

from collections.abc import Awaitable, Callable, Sequence

from mailer.mime.composer import Message
from mailer.relay import Relay, choose_by_weight
from mailer.smtp.classify import Outcome
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from mailer.smtp.session import AttemptResult, SmtpSession
from mailer.smtp.stage import Stage


class SmtpClient:
    """A client for one round of messages. `chance` returns a number in [0, 1)."""

    def __init__(
        self, relays: Sequence[Relay], *, limits: Timeouts, local_hostname: str, chance: Callable[[], float]
    ) -> None:
        self._usable = list(relays)
        self._relay = self._usable[0]
        self._limits = limits
        self._local_hostname = local_hostname
        self._chance = chance
        self._session: SmtpSession | None = None
        self.last_error = ""

    @property
    def may_have_left(self) -> bool:
        """Whether the last message may have left."""
        return self._session is not None and self._session.data_sent

    @property
    def has_relays(self) -> bool:
        """Whether there is a relay that has neither failed nor refused us."""
        return bool(self._usable)

    async def deliver(self, message: Message, begin_sending: Callable[[], Awaitable[bool]]) -> AttemptResult | None:
        """Offers `message` to one relay after another until one takes it, or the recipient is the reason why it does not.

        Returns the last result; None if no relay could be reached: nothing was sent.
        """
        result = None
        tried: list[Relay] = []
        while session := await self._open_session(tried):
            result = await session.deliver(message, begin_sending)
            if result.classification.is_about_recipient or not _is_refused(result):
                return result
            tried.append(self._relay)
            if result.classification.about_us or result.classification.excludes_relay:
                self._usable.remove(self._relay)
                self.last_error = f"{self._relay}: {result.reply or result.classification.reason}"
            if result.stage not in {Stage.MAIL, Stage.RCPT, Stage.DATA}:  # `begin_sending` was awaited
                return result
        return result

    async def close(self) -> None:
        """Ends the session with QUIT."""
        session, self._session = self._session, None
        if session is not None:
            await session.quit()

    async def _open_session(self, tried: Sequence[Relay]) -> SmtpSession | None:
        """Returns a session with a relay that can be reached and was not `tried`; None if there is none."""
        usable = [relay for relay in self._usable if relay not in tried]
        if self._session and self._session.is_open and self._relay in usable:
            return self._session
        if usable:
            await self.close()
        while usable:
            relay = usable.pop(choose_by_weight(usable, self._chance()))
            try:
                connection = await open_connection(relay, limits=self._limits, local_hostname=self._local_hostname)
            except ConnectionFailure as failure:
                self._usable.remove(relay)
                self.last_error = f"{relay}: {failure}"
            else:
                self._relay, self._session = relay, SmtpSession(connection, self._limits)
                return self._session
        return None


def _is_refused(result: AttemptResult) -> bool:
    """Whether the relay refused the message permanently, or does not support it; not: a lost connection, a cancelled attempt."""
    classification = result.classification
    has_refused = result.reply is not None or classification.lacks is not None
    return has_refused and classification.outcome in {Outcome.FAILED, Outcome.UNSENT}
