"""A lane: one open connection to a relay, carrying one message after another.

    Lane.deliver(claim, message) -> Outcome

RFC 5321 3.3, RFC 2920. Where the relay offers PIPELINING, the envelope (MAIL, RCPT, DATA) of a message leaves in one write
with the end of DATA of the one before it (RFC 2920 3.1): one round trip a message. The ledger is asked between the relay's 354
and the message text, so that nothing is `committing` before it can be delivered.

Always holds: an Outcome is ACCEPTED only after a 2xx to the dot of this very message; once the bytes of the dot were given to
the transport, nothing but a reply turns UNCERTAIN into anything else; a message that may not be sent any more closes the
connection, since a lone dot would deliver an empty one. `deliver` raises only what the ledger raises, and cancellation.
"""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from mailer.delivery.states import DeliveryState
from mailer.delivery.types import Reply, Stage
from mailer.mime.composer import Message
from mailer.smtp.classify import Classification, FailureScope, classify, connection_lost, not_offered
from mailer.smtp.connect import Connection, Extensions, Timeouts
from mailer.smtp.protocol import ConnectionClosedError, SmtpProtocol


class AttemptResult(NamedTuple):
    """How one attempt ended: the verdict, where it came about, and the reply, if there was one.

    `withheld`: the relay was ready, but the ledger said that this message may not leave.
    """

    classification: Classification
    stage: Stage
    reply: Reply | None = None
    cancelled: bool = False


CANCELLED = Classification(state=DeliveryState.PENDING, scope=FailureScope.CONNECTION, reason="withheld", close=True)
_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)


def _nothing_follows() -> Message | None:
    return None


def _always() -> bool:
    return True


class SmtpSession:
    """Owns its connection. After `is_open` has become false it is of no more use."""

    def __init__(self, connection: Connection, limits: Timeouts) -> None:
        self._protocol: SmtpProtocol = connection.protocol
        self.features: Extensions = connection.features
        self._patience = {
            Stage.MAIL: limits.mail,
            Stage.RCPT: limits.rcpt,
            Stage.DATA: limits.data,
            Stage.TEXT: limits.text,
            Stage.END_OF_DATA: limits.end_of_data,
        }
        self._stage = Stage.MAIL  # how far the message under way has come
        self._begun = False  # a transaction of ours is open, which the next one must reset
        self._pipelined: Message | None = None  # whose envelope has left before its turn
        self.data_sent = False  # the dot of the message under way was given to the transport

    @property
    def is_open(self) -> bool:
        return self._protocol.is_open

    async def deliver(
        self,
        message: Message,
        commit: Callable[[], Awaitable[bool]],
        following: Callable[[], Message | None] = _nothing_follows,
        may_send: Callable[[], bool] = _always,
    ) -> AttemptResult:
        """Offer `message` to the relay.

        `commit` is awaited once, when the relay waits for the text, and `may_send` asked a moment before the dot leaves;
        False withholds the message. `following` is asked once, just before the text leaves: the envelope of the message
        that it names leaves in the same write, and the next call has to be for that message.
        """
        self.data_sent = False
        if hindrance := _unsupported_reason(message, self.features):
            return hindrance
        self._stage = Stage.MAIL
        try:
            if refused := await self._envelope(message):
                if refused.classification.close:
                    self._protocol.close()
                return refused
            try:
                allowed = await commit()
            except BaseException:
                self._protocol.close("not committed")  # the relay waits for a text that will not come
                raise
            if not allowed:
                return self._cancel()
            return await self._text(message, following, may_send)
        except ConnectionClosedError as error:
            self._protocol.close(str(error))
            return AttemptResult(connection_lost(self._stage, str(error)), self._stage, error.reply)

    async def quit(self) -> None:
        """Take leave. A relay that has been given an envelope ahead would take a lone dot for a message: just close."""
        if self._pipelined:
            self._protocol.close()
        else:
            await self._protocol.quit()

    def abort(self) -> AttemptResult:
        """Close at once, after `deliver` was cancelled: how its message stands."""
        self._protocol.close()
        if not self.data_sent:
            return AttemptResult(connection_lost(Stage.TEXT, "stopped"), Stage.TEXT)
        if reply := self._protocol.pop_reply():  # it had just come
            return AttemptResult(classify(reply, Stage.END_OF_DATA), Stage.END_OF_DATA, reply)
        return AttemptResult(connection_lost(Stage.END_OF_DATA, "stopped"), Stage.END_OF_DATA)

    async def _envelope(self, message: Message) -> AttemptResult | None:
        """MAIL, RCPT, DATA. None when the relay waits for the text; the first failing reply is the verdict."""
        ahead, self._pipelined = self._pipelined, None
        if ahead is None:
            if self._begun:
                await self._reset()
            self._begun = True
            if not self.features.pipelining:
                return await self._envelope_stepwise(message)
            self._protocol.expect_replies(len(_ENVELOPE))
            self._protocol.write(b"".join(envelope(message, self.features)))
        elif ahead is not message:
            raise ConnectionClosedError("another message was announced")
        return await self._judge_envelope()

    async def _judge_envelope(self) -> AttemptResult | None:
        """The replies to a pipelined envelope. Only where no recipient stands does a lone dot deliver nothing."""
        failed: AttemptResult | None = None
        nobody_left = False
        for stage in _ENVELOPE:
            self._stage = stage
            try:
                # mostly all three are there
                reply = self._protocol.pop_reply() or await self._protocol.read_reply(self._patience[stage])
                if stage is Stage.RCPT:
                    nobody_left = reply.code // 100 in {4, 5}
                if failed and stage is Stage.DATA and reply.code == 354:
                    if not nobody_left:
                        self._protocol.close()
                        return failed
                    await self._ask(b".\r\n", stage)  # a lone dot, as RFC 2920 3.1 has it; its reply blames nobody
            except ConnectionClosedError:
                if failed is None:
                    raise
                self._protocol.close()
                return failed  # the first failing reply is the verdict, whatever came of the rest
            failed = failed or _judge(reply, stage)
            if failed and failed.classification.close:
                break  # whatever comes of the rest: a relay that closes may leave us waiting for it
        return failed

    async def _envelope_stepwise(self, message: Message) -> AttemptResult | None:
        for stage, command in zip(_ENVELOPE, envelope(message, self.features), strict=True):
            if failed := _judge(await self._ask(command, stage), stage):
                return failed
        return None

    async def _reset(self) -> None:
        """End a transaction of ours that the relay may still hold open. A refusal is nonsense: RFC 5321 4.1.1.5."""
        reply = await self._ask(b"RSET\r\n", Stage.MAIL)
        if reply.code // 100 != 2:
            raise ConnectionClosedError("RSET was refused", reply)

    def _cancel(self) -> AttemptResult:
        """The relay waits for a text, or for the end of one, that may not come: only closing delivers nothing."""
        self._protocol.close("withheld")
        return AttemptResult(classification=CANCELLED, stage=Stage.DATA, cancelled=True)

    async def _text(
        self, message: Message, following: Callable[[], Message | None], may_send: Callable[[], bool]
    ) -> AttemptResult:
        """The text, its dot and the next envelope; then the reply to the dot."""
        self._stage = Stage.TEXT
        self._protocol.expect_replies()
        await self._write_text(message.text)
        if not may_send():
            return self._cancel()
        following_message = following() if self.features.pipelining else None
        if following_message and not _unsupported_reason(following_message, self.features):
            self._pipelined = following_message
            self._protocol.expect_replies(len(_ENVELOPE))
            self._protocol.write(b"".join((b".\r\n", *envelope(following_message, self.features))))
        else:
            self._protocol.write(b".\r\n")
        self._stage, self.data_sent = Stage.END_OF_DATA, True
        reply = await self._protocol.read_reply(self._patience[Stage.END_OF_DATA])
        outcome = classify(reply, Stage.END_OF_DATA)
        self._begun = self._pipelined is not None
        if outcome.close:
            self._protocol.close()
        return AttemptResult(outcome, Stage.END_OF_DATA, reply)

    async def _write_text(self, text: bytes) -> None:
        """The text without its dot, until the system has all of it; a reply meanwhile ends the lane, the text unsent."""
        self._protocol.write(text)
        await self._protocol.drain(self._patience[Stage.TEXT])
        if early := self._protocol.pop_reply():
            raise ConnectionClosedError("answered before the end of the message", early)

    async def _ask(self, command: bytes, stage: Stage) -> Reply:
        """One command, and the reply to it."""
        self._stage = stage
        self._protocol.expect_replies()
        self._protocol.write(command)
        return await self._protocol.read_reply(self._patience[stage])


def _unsupported_reason(message: Message, features: Extensions) -> AttemptResult | None:
    """Why the relay cannot take `message`, known from what it offers, without asking it."""
    if message.utf8 and not features.smtputf8:
        return AttemptResult(classification=not_offered("SMTPUTF8"), stage=Stage.MAIL)
    if 0 < features.size < message.size:
        too_big = Reply(code=552, enhanced="5.3.4", text=f"the relay takes {features.size} octets at most")
        return AttemptResult(classification=classify(too_big, Stage.MAIL), stage=Stage.MAIL, reply=too_big)
    return None


def envelope(message: Message, features: Extensions) -> tuple[bytes, bytes, bytes]:
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


def _judge(reply: Reply, stage: Stage) -> AttemptResult | None:
    """None for the reply that lets the transaction go on."""
    if reply.code == 354 if stage is Stage.DATA else reply.code // 100 == 2:
        return None
    return AttemptResult(classification=classify(reply, stage), stage=stage, reply=reply)
