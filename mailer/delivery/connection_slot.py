"""One of the connections that a send may have open at a time, and the message under way on it.

    await slot.pick_relay()                  closes the present connection and chooses an available relay
    await slot.open()                        connects to it
    await slot.change_relay(message)         does both, for a message that the present relay does not take
    await slot.deliver(claim, message)       offers a message
    await slot.disconnect()

The session calls back for the message under way. It asks the queue whether the message may be sent (`begin_sending`), and the
same again immediately before end of DATA (`may_send`); it asks the slot which message comes next, so that its envelope is
sent with this text. A claim whose envelope was sent ahead, or was about to be, is `pipelined`.
"""

from collections.abc import Callable
from functools import partial

from mailer.delivery.queue_port import Claim, DeliveryQueue
from mailer.delivery.relay_pool import PooledRelay, RelayPool
from mailer.mime.composer import Message
from mailer.smtp.classify import connection_lost
from mailer.smtp.session import AttemptResult, SmtpSession
from mailer.smtp.stage import Stage

Compose = Callable[[Claim], Message]


class ConnectionSlot:
    """The slot of one connection loop of a sender. `next_claim` returns the claim that may go next, or None.

    `messages_per_connection`: the connection is closed after so many messages; 0 for no limit.
    """

    def __init__(
        self,
        *,
        pool: RelayPool,
        queue: DeliveryQueue,
        compose: Compose,
        next_claim: Callable[[], Claim | None],
        messages_per_connection: int,
    ) -> None:
        self._pool = pool
        self._queue = queue
        self._compose = compose
        self._next_claim = next_claim
        self._messages_per_connection = messages_per_connection
        self._next_message: tuple[Claim, Message] | None = None  # composed ahead
        self._refused_before_next = 0  # `refused_before` of the message whose envelope was sent ahead
        self._reconnects = False
        self._was_used_up: tuple[PooledRelay, int] | None = None
        self.relay: PooledRelay | None = None
        self.session: SmtpSession | None = None
        self.messages_sent = 0  # on this connection
        self.refused_before = 0  # refusals that the relay's breaker had seen when the message under way was offered
        self.pipelined: Claim | None = None

    @property
    def is_open(self) -> bool:
        return self.session is not None and self.session.is_open

    @property
    def is_ready(self) -> bool:
        """Whether another message can be sent on this connection."""
        return self.is_open and not self.must_reconnect

    @property
    def must_reconnect(self) -> bool:
        """Whether the connection is used up, or its relay is excluded, or there are more connections than are allowed."""
        if self._reconnects or 0 < self._messages_per_connection <= self.messages_sent:
            return True
        relay = self.relay
        if relay is None:
            return False
        is_overfull = self._pool.is_overfull or relay.window.is_overfull
        return bool(relay.excluded) or is_overfull or 0 < relay.messages_per_connection <= self.messages_sent

    async def pick_relay(self) -> None:
        """Closes the present connection and chooses a relay; `relay` is None if none is available."""
        await self.disconnect()
        self.relay = self._pool.choose()

    async def open(self) -> bool:
        """Connects to the chosen relay unless it is connected; False when the relay cannot be reached."""
        if self.session is None and self.relay:
            self.session, self.messages_sent = await self._pool.open(self.relay), 0
            self._reconnects = False
        return self.session is not None

    async def change_relay(self, message: Message) -> bool:
        """Connects to a relay that may take `message`; False if no such relay is available now."""
        await self.disconnect()
        while (relay := self._pool.choose(message)) is not None:
            self.relay = relay
            if await self.open():
                return True
        return False

    def reconnect(self) -> None:
        """Has the next message offered on a new connection: the relay takes no more on this one.

        If it takes the next one, it wants no more messages a connection than this one had.
        """
        self._reconnects = True
        self._was_used_up = (self.relay, self.messages_sent - 1) if self.relay and self.messages_sent > 1 else None

    def on_accepted(self) -> None:
        """The message under way was accepted."""
        if self._was_used_up and self.messages_sent == 1:
            relay, messages = self._was_used_up
            if relay is self.relay:
                relay.messages_per_connection = min(relay.messages_per_connection or messages, messages)
        self._was_used_up = None

    async def disconnect(self) -> None:
        """Closes the connection, with QUIT if it is still open."""
        session, self.session = self.session, None
        if session and self.relay:
            await self._pool.close(self.relay, session)

    def message_for(self, claim: Claim) -> Message:
        """Returns the message of `claim`. Raises what composing it raises."""
        prepared, self._next_message = self._next_message, None
        return prepared[1] if prepared and prepared[0] is claim else self._compose(claim)

    async def deliver(self, claim: Claim, message: Message) -> AttemptResult:
        """Offers `message`, composed for `claim`, to the relay. Raises what the ledger raises, and cancellation."""
        assert self.session
        assert self.relay
        self.messages_sent += 1
        is_sent_ahead = self.session.pipelined is message
        self.refused_before = self._refused_before_next if is_sent_ahead else self.relay.breaker.refused
        return await self.session.deliver(
            message,
            partial(self._queue.begin_sending, claim),
            self._compose_next,
            partial(self._queue.may_send, claim),
        )

    def abort(self) -> AttemptResult:
        """Closes the connection at once, after `deliver` was cancelled; returns how its attempt ended."""
        if self.session is None:  # the relay was being changed
            return AttemptResult(connection_lost(Stage.MAIL, "stopped"), Stage.MAIL)
        return self.session.abort()

    def _compose_next(self) -> Message | None:
        """Returns the message of the next claim; None if it cannot be composed: the error is raised when it is its turn."""
        claim = self.pipelined = None if self.must_reconnect else self._next_claim()
        if claim is None:
            return None
        if self.relay:
            self._refused_before_next = self.relay.breaker.refused
        try:
            message = self._compose(claim)
        except Exception:  # noqa: BLE001 - it is raised when `message_for` composes the message again
            return None
        self._next_message = claim, message
        return message
