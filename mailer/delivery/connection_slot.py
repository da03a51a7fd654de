"""One of the connections that a send may have open at a time, and the message under way on it.

    await slot.pick_relay()                  closes the present connection and chooses an available relay
    await slot.open()                        connects to it
    await slot.deliver(claim, message)       offers a message
    await slot.disconnect()

The session calls back for the message under way. It asks the queue whether the message may be sent (`begin_sending`), and the
same again immediately before end of DATA (`may_send`); it asks the slot which message comes next, so that its envelope is
sent with this text. A claim whose envelope was sent ahead, or was about to be, is `pipelined`.
"""

from collections.abc import Callable
from functools import partial

from mailer.delivery.relay_pool import PooledRelay, RelayPool
from mailer.delivery.types import Claim, DeliveryQueue
from mailer.mime.composer import Message
from mailer.smtp.session import AttemptResult, SmtpSession

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
        self.relay: PooledRelay | None = None
        self.session: SmtpSession | None = None
        self.messages_sent = 0  # on this connection
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
        """Whether the connection is used up, or its relay has more connections than its window allows."""
        is_used_up = 0 < self._messages_per_connection <= self.messages_sent
        return is_used_up or (self.relay is not None and self.relay.window.is_overfull)

    async def pick_relay(self) -> None:
        """Closes the present connection and chooses a relay; `relay` is None if none is available."""
        await self.disconnect()
        self.relay = self._pool.choose()

    async def open(self) -> bool:
        """Connects to the chosen relay unless it is connected; False when the relay cannot be reached."""
        if self.session is None and self.relay:
            self.session, self.messages_sent = await self._pool.open(self.relay), 0
        return self.session is not None

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
        self.messages_sent += 1
        return await self.session.deliver(
            message,
            partial(self._queue.begin_sending, claim),
            self._compose_next,
            partial(self._queue.may_send, claim),
        )

    def abort(self) -> AttemptResult:
        """Closes the connection at once, after `deliver` was cancelled; returns how its attempt ended."""
        assert self.session
        return self.session.abort()

    def _compose_next(self) -> Message | None:
        """Returns the message of the next claim; None if it cannot be composed: the error is raised when it is its turn."""
        claim = self.pipelined = None if self.must_reconnect else self._next_claim()
        if claim is None:
            return None
        try:
            message = self._compose(claim)
        except Exception:  # noqa: BLE001 - it is raised when `message_for` composes the message again
            return None
        self._next_message = claim, message
        return message
