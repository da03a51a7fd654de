"""A lane: one open connection to a relay, carrying one message after another.

    Lane.deliver(claim, message) -> Outcome

RFC 5321 3.3, RFC 2920. Where the relay offers PIPELINING, the envelope (MAIL, RCPT, DATA) of a message leaves in one write
with the text of the one before it (RFC 2920 3.1): one round trip a message. The ledger is asked between the relay's 354 and
the message text, so that nothing is `committing` before it can be delivered.

Always holds: an Outcome is ACCEPTED only after a 2xx to the dot of this very message; once the bytes of the dot were given to
the transport, nothing but a reply turns UNCERTAIN into anything else; a message that may not be sent any more closes the
connection, since a lone dot would deliver an empty one. `deliver` raises only what the ledger raises, and cancellation.
"""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from mailer.delivery.connection import Connection, Features, Limits
from mailer.delivery.message import Message
from mailer.delivery.records import Reply, Stage
from mailer.delivery.state import DeliveryState
from mailer.delivery.verdict import Scope, Verdict, lost, not_offered, verdict
from mailer.delivery.wire import Wire, WireError

WHOLE_WRITE = 128 * 1024  # octets: up to here text and dot are one write, if the system takes it; else the dot follows


class Outcome(NamedTuple):
    """How one attempt ended: the verdict, where it came about, and the reply, if there was one.

    `withheld`: the relay was ready, but the ledger said that this message may not leave.
    """

    verdict: Verdict
    stage: Stage
    reply: Reply | None = None
    withheld: bool = False


WITHHELD = Verdict(state=DeliveryState.PENDING, scope=Scope.LANE, reason="withheld", close=True)
_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)


def _nothing_follows() -> Message | None:
    return None


def _always() -> bool:
    return True


class Lane:
    """Owns its connection. After `is_open` has become false it is of no more use."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._wire: Wire = connection.wire
        self.features: Features = connection.features
        self._patience = {
            Stage.MAIL: limits.mail,
            Stage.RCPT: limits.rcpt,
            Stage.DATA: limits.data,
            Stage.TEXT: limits.text,
            Stage.DOT: limits.dot,
        }
        self._stage = Stage.MAIL  # how far the message under way has come
        self._begun = False  # a transaction of ours is open, which the next one must reset
        self._ahead: Message | None = None  # whose envelope has left before its turn
        self.dot_given = False  # the dot of the message under way was given to the transport

    @property
    def is_open(self) -> bool:
        return self._wire.is_open

    async def deliver(
        self,
        message: Message,
        commit: Callable[[], Awaitable[bool]],
        following: Callable[[], Message | None] = _nothing_follows,
        may_send: Callable[[], bool] = _always,
    ) -> Outcome:
        """Offer `message` to the relay.

        `commit` is awaited once, when the relay waits for the text, and `may_send` asked a moment before the dot leaves;
        False withholds the message. `following` is asked once, just before the text leaves: the envelope of the message
        that it names leaves in the same write, and the next call has to be for that message.
        """
        self.dot_given = False
        if hindrance := _hindrance(message, self.features):
            return hindrance
        self._stage = Stage.MAIL
        try:
            if refused := await self._envelope(message):
                if refused.verdict.close:
                    self._wire.close()
                return refused
            try:
                allowed = await commit()
            except BaseException:
                self._wire.close("not committed")  # the relay waits for a text that will not come
                raise
            if not allowed:
                return self._withhold()
            return await self._text(message, following, may_send)
        except WireError as error:
            self._wire.close(str(error))
            return Outcome(lost(self._stage, str(error)), self._stage, error.reply)

    async def quit(self) -> None:
        """Take leave. A relay that has been given an envelope ahead would take a lone dot for a message: just close."""
        if self._ahead:
            self._wire.close()
        else:
            await self._wire.quit()

    def abandon(self) -> Outcome:
        """Close at once, after `deliver` was cancelled: how its message stands."""
        self._wire.close()
        if not self.dot_given:
            return Outcome(lost(Stage.TEXT, "stopped"), Stage.TEXT)
        if reply := self._wire.take():  # it had just come
            return Outcome(verdict(reply, Stage.DOT), Stage.DOT, reply)
        return Outcome(lost(Stage.DOT, "stopped"), Stage.DOT)

    async def _envelope(self, message: Message) -> Outcome | None:
        """MAIL, RCPT, DATA. None when the relay waits for the text; the first failing reply is the verdict."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            if self._begun:
                await self._reset()
            self._begun = True
            if not self.features.pipelining:
                return await self._envelope_stepwise(message)
            self._wire.expect(len(_ENVELOPE))
            self._wire.write(b"".join(envelope(message, self.features)))
        elif ahead is not message:
            raise WireError("another message was announced")
        return await self._judge_envelope()

    async def _judge_envelope(self) -> Outcome | None:
        """The replies to a pipelined envelope. Only where no recipient stands does a lone dot deliver nothing."""
        failed: Outcome | None = None
        nobody_left = False
        for stage in _ENVELOPE:
            self._stage = stage
            try:
                # mostly all three are there
                reply = self._wire.take() or await self._wire.answer(self._patience[stage])
                if stage is Stage.RCPT:
                    nobody_left = reply.code // 100 in {4, 5}
                if failed and stage is Stage.DATA and reply.code == 354:
                    if not nobody_left:
                        self._wire.close()
                        return failed
                    await self._ask(b".\r\n", stage)  # a lone dot, as RFC 2920 3.1 has it; its reply blames nobody
            except WireError:
                if failed is None:
                    raise
                self._wire.close()
                return failed  # the first failing reply is the verdict, whatever came of the rest
            failed = failed or _judge(reply, stage)
            if failed and failed.verdict.close:
                break  # whatever comes of the rest: a relay that closes may leave us waiting for it
        return failed

    async def _envelope_stepwise(self, message: Message) -> Outcome | None:
        for stage, command in zip(_ENVELOPE, envelope(message, self.features), strict=True):
            if failed := _judge(await self._ask(command, stage), stage):
                return failed
        return None

    async def _reset(self) -> None:
        """End a transaction of ours that the relay may still hold open. A refusal is nonsense: RFC 5321 4.1.1.5."""
        reply = await self._ask(b"RSET\r\n", Stage.MAIL)
        if reply.code // 100 != 2:
            raise WireError("RSET was refused", reply)

    def _withhold(self) -> Outcome:
        """The relay waits for a text, or for the end of one, that may not come: only closing delivers nothing."""
        self._wire.close("withheld")
        return Outcome(verdict=WITHHELD, stage=Stage.DATA, withheld=True)

    async def _text(
        self, message: Message, following: Callable[[], Message | None], may_send: Callable[[], bool]
    ) -> Outcome:
        """The text, its dot and the next envelope; then the reply to the dot."""
        self._stage = Stage.TEXT
        self._wire.expect()
        pieces = message.pieces
        if message.size > WHOLE_WRITE or not self._wire.takes(message.size):
            await self._write_slowly(message.text)
            pieces = ()
        if not may_send():
            return self._withhold()
        following_message = following() if self.features.pipelining else None
        if following_message and not _hindrance(following_message, self.features):
            self._ahead = following_message
            self._wire.expect(len(_ENVELOPE))
            self._wire.write(b"".join((*pieces, b".\r\n", *envelope(following_message, self.features))))
        else:
            self._wire.write(b"".join((*pieces, b".\r\n")))
        self._stage, self.dot_given = Stage.DOT, True
        reply = await self._wire.answer(self._patience[Stage.DOT])
        outcome = verdict(reply, Stage.DOT)
        self._begun = self._ahead is not None
        if outcome.close:
            self._wire.close()
        return Outcome(outcome, Stage.DOT, reply)

    async def _write_slowly(self, text: bytes) -> None:
        """The text without its dot, until the system has all of it; a reply meanwhile ends the lane, the text unsent."""
        self._wire.write(text)
        await self._wire.drain(self._patience[Stage.TEXT])
        if early := self._wire.take():
            raise WireError("answered before the end of the message", early)

    async def _ask(self, command: bytes, stage: Stage) -> Reply:
        """One command, and the reply to it."""
        self._stage = stage
        self._wire.expect()
        self._wire.write(command)
        return await self._wire.answer(self._patience[stage])


def _hindrance(message: Message, features: Features) -> Outcome | None:
    """Why the relay cannot take `message`, known from what it offers, without asking it."""
    if message.utf8 and not features.smtputf8:
        return Outcome(verdict=not_offered("SMTPUTF8"), stage=Stage.MAIL)
    if 0 < features.size < message.size:
        too_big = Reply(code=552, enhanced="5.3.4", text=f"the relay takes {features.size} octets at most")
        return Outcome(verdict=verdict(too_big, Stage.MAIL), stage=Stage.MAIL, reply=too_big)
    return None


def envelope(message: Message, features: Features) -> tuple[bytes, bytes, bytes]:
    """MAIL, RCPT and DATA for `message`, with the parameters of what the relay offers (RFC 1870, 3461, 6152, 6531)."""
    mail, rcpt = f"MAIL FROM:<{message.sender}>", f"RCPT TO:<{message.recipient}>"
    if features.size:
        mail += f" SIZE={message.size}"
    if message.eight_bit:
        mail += " BODY=8BITMIME"
    if message.utf8:
        mail += " SMTPUTF8"
    if features.dsn:
        mail += f" RET=HDRS ENVID={xtext(message.envelope_id)}"
        kind, original = ("utf-8", unitext(message.recipient)) if message.utf8 else ("rfc822", xtext(message.recipient))
        rcpt += f" NOTIFY=FAILURE ORCPT={kind};{original}"
    return f"{mail}\r\n".encode(), f"{rcpt}\r\n".encode(), b"DATA\r\n"


_PLAIN_XTEXT = re.compile(r"[!-*,-<>-~]*")


def xtext(text: str) -> str:
    """RFC 3461 4: printable ASCII but `+` and `=`; the rest as +HH."""
    if _PLAIN_XTEXT.fullmatch(text):
        return text
    return "".join(chr(o) if 33 <= o <= 126 and chr(o) not in "+=" else f"+{o:02X}" for o in text.encode("utf-8"))


def unitext(text: str) -> str:
    """RFC 6533 3, utf-8-addr-unitext: letters of any script as they are, what is special in ASCII as \\x{HH}."""
    return "".join(c if ord(c) > 126 or (ord(c) >= 33 and c not in "\\+=") else f"\\x{{{ord(c):02X}}}" for c in text)


def _judge(reply: Reply, stage: Stage) -> Outcome | None:
    """None for the reply that lets the transaction go on."""
    if reply.code == 354 if stage is Stage.DATA else reply.code // 100 == 2:
        return None
    return Outcome(verdict=verdict(reply, stage), stage=stage, reply=reply)
