"""One of the connections that a send may have open at a time, and the message under way on it.

    await slot.pick_relay()                  leaves the connection there was, and chooses a relay that is well
    await slot.open()                        connects to it
    await slot.deliver(claim, message)       offers a message
    await slot.disconnect()

The session asks the slot three things about the message under way: whether it may be sent (`commit`), once more right before
the end of DATA (`may_send`), and which message comes next, so that the envelope of that one leaves with this text. The
slot passes the first two to the ledger and the third to the sender. A claim whose envelope left ahead of its turn, or was
to leave, waits in `pipelined`.
"""

from collections.abc import Awaitable, Callable

from mailer.delivery.relay_pool import PooledRelay, RelayPool
from mailer.delivery.types import Claim, DeliveryQueue
from mailer.mime.composer import Message
from mailer.smtp.session import AttemptResult, SmtpSession

Compose = Callable[[Claim], Message]


class ConnectionSlot:
    """For one connection loop of a sender. `next_claim` gives the claim that may go next, or None.

    `messages_per_connection`: after so many the connection is closed; 0 for any number.
    """

    _claim: Claim  # under way

    def __init__(
        self,
        *,
        pool: RelayPool,
        ledger: DeliveryQueue,
        compose: Compose,
        next_claim: Callable[[], Claim | None],
        messages_per_connection: int,
    ) -> None:
        self._pool = pool
        self._ledger = ledger
        self._compose = compose
        self._next_claim = next_claim
        self._messages_per_connection = messages_per_connection
        self._next_message: tuple[Claim, Message] | None = None  # made ahead of its turn
        self.relay: PooledRelay | None = None
        self.session: SmtpSession | None = None
        self.messages_sent = 0  # on this connection
        self.pipelined: Claim | None = None

    @property
    def is_open(self) -> bool:
        return self.session is not None and self.session.is_open

    @property
    def is_ready(self) -> bool:
        """Whether the connection takes another message."""
        return self.is_open and not self.must_reconnect

    @property
    def must_reconnect(self) -> bool:
        """Whether the connection has carried all it may, or its relay has more connections than it bears."""
        is_used_up = 0 < self._messages_per_connection <= self.messages_sent
        return is_used_up or (self.relay is not None and self.relay.window.is_overfull)

    async def pick_relay(self) -> None:
        """Leaves the connection there was, and chooses a relay; `relay` is None when none is well."""
        await self.disconnect()
        self.relay = self._pool.choose()

    async def open(self) -> bool:
        """Connects to the chosen relay unless it is connected; False when the relay cannot be reached."""
        if self.session is None and self.relay:
            self.session, self.messages_sent = await self._pool.open(self.relay), 0
        return self.session is not None

    async def disconnect(self) -> None:
        """Closes the connection, politely if it is still open."""
        session, self.session = self.session, None
        if session and self.relay:
            await self._pool.leave(self.relay, session)

    def message_for(self, claim: Claim) -> Message:
        """Returns the message of `claim`. Raises what composing it raises."""
        made, self._next_message = self._next_message, None
        return made[1] if made and made[0] is claim else self._compose(claim)

    async def deliver(self, claim: Claim, message: Message) -> AttemptResult:
        """Offers `message`, made for `claim`, to the relay. Raises what the ledger raises, and cancellation."""
        assert self.session
        self._claim = claim
        self.messages_sent += 1
        return await self.session.deliver(message, self._commit, self._following, self._may_send)

    def abort(self) -> AttemptResult:
        """Closes the connection at once, after `deliver` was cancelled; returns how its message stands."""
        assert self.session
        return self.session.abort()

    def _commit(self) -> Awaitable[bool]:
        return self._ledger.begin_sending(self._claim)

    def _may_send(self) -> bool:
        return self._ledger.may_send(self._claim)

    def _following(self) -> Message | None:
        """Returns the message of the next claim. A message that cannot be made is not announced; its turn reports the error."""
        claim = self.pipelined = None if self.must_reconnect else self._next_claim()
        if claim is None:
            return None
        try:
            message = self._compose(claim)
        except Exception:  # noqa: BLE001 - it is raised when `message_for` makes the message again
            return None
        self._next_message = claim, message
        return message
