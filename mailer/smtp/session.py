"""An SMTP session: an open connection to a relay on which one message after another is sent.

    SmtpSession.deliver(message, begin_sending, next_message, may_send) -> AttemptResult

RFC 5321 3.3, RFC 2920. Where the relay offers PIPELINING, the envelope (MAIL, RCPT, DATA) of a message leaves in one write
with the text of the message before it (RFC 2920 3.1): one round trip a message. The ledger is asked between the relay's 354
and the message text, so that no delivery is marked as `sending` before its message can leave.

Always holds: an AttemptResult is ACCEPTED only after a 2xx reply to the end of DATA of this very message. Once the end of
DATA was given to the transport, only a reply makes the outcome anything but UNCERTAIN. A message that may not be sent any
more closes the connection, since its end of DATA alone would deliver an empty message. `deliver` raises only what the
callbacks raise, and cancellation.

A relay may refuse a parameter that it offers: then `features` no longer has it. If the message can be sent without, it is
offered again; if not, that is the result (`lacks`), as with a message that is too big.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from mailer.mime.composer import Message
from mailer.smtp.classify import (
    Classification,
    Outcome,
    Parameter,
    classify,
    connection_lost,
    not_offered,
    refused_parameter,
)
from mailer.smtp.connect import Connection, Extensions, Timeouts
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage
from mailer.smtp.transport import ConnectionClosedError, SmtpProtocol


class AttemptResult(NamedTuple):
    """How an attempt to deliver a message ended: at which stage, with which reply, and what that means.

    `cancelled`: the relay was ready, but the ledger did not allow the message to be sent. `refused_parameter` is set within a
    session only.
    """

    classification: Classification
    stage: Stage
    reply: Reply | None = None
    cancelled: bool = False
    refused_parameter: Parameter | None = None


CANCELLED = Classification(outcome=Outcome.UNSENT, reason="withheld", close=True)
_END_OF_DATA = b".\r\n"
_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)
_OPTIONAL = frozenset({Parameter.DSN, Parameter.SIZE})  # a message can be sent without them


def _no_message() -> Message | None:
    return None


def _allowed() -> bool:
    return True


class SmtpSession:
    """Owns its connection. Once `is_open` is false, the session cannot be used any more."""

    def __init__(self, connection: Connection, limits: Timeouts) -> None:
        self._protocol: SmtpProtocol = connection.protocol
        self.offered: Extensions = connection.features
        self.features: Extensions = connection.features  # less what was refused
        self._timeouts = {
            Stage.MAIL: limits.mail,
            Stage.RCPT: limits.rcpt,
            Stage.DATA: limits.data,
            Stage.TEXT: limits.text,
            Stage.END_OF_DATA: limits.end_of_data,
        }
        self._stage = Stage.MAIL  # of the message under way
        self._in_transaction = False  # a transaction is open, which the next one must reset
        self._pipelined: Message | None = None  # its envelope was sent with the text before it
        self.data_sent = False  # the end of DATA of the message under way was given to the transport

    @property
    def is_open(self) -> bool:
        return self._protocol.is_open

    @property
    def pipelined(self) -> Message | None:
        """The message whose envelope was sent ahead; the next one to be delivered."""
        return self._pipelined

    async def deliver(
        self,
        message: Message,
        begin_sending: Callable[[], Awaitable[bool]],
        next_message: Callable[[], Message | None] = _no_message,
        may_send: Callable[[], bool] = _allowed,
    ) -> AttemptResult:
        """Offers `message` to the relay.

        `begin_sending` is awaited once, when the relay waits for the text, and `may_send` is called immediately before end
        of DATA; False from either cancels the attempt. `next_message` is called once, just before the text is sent: the
        envelope of the message that it returns is sent in the same write, and the next call has to be for that message.
        """
        self.data_sent = False
        if unsupported := _unsupported(message, self.features):
            return unsupported
        self._stage = Stage.MAIL
        try:
            refused = await self._send_envelope(message)
            while refused and refused.refused_parameter in _OPTIONAL:
                self.features = without(self.features, refused.refused_parameter)
                refused = await self._send_envelope(message)
            if refused:
                return self._end_refused(message, refused)
            self._protocol.expect_replies()  # to the text; it may come early
            try:
                allowed = await begin_sending()
            except BaseException:
                self._protocol.close("not recorded")  # the relay waits for a text that will not come
                raise
            if not allowed:
                return self._cancel()
            return await self._send_text(message, next_message, may_send)
        except ConnectionClosedError as error:
            self._protocol.close(str(error))
            classification = connection_lost(self._stage, str(error))
            if error.reply and (error.reply.code == 421 or self._stage is Stage.TEXT) and not self.data_sent:
                classification = replace(classify(error.reply, self._stage), close=True)
            return self._learn_size(message, AttemptResult(classification, self._stage, error.reply))

    async def quit(self) -> None:
        """Ends the session with QUIT. If an envelope was sent ahead, the relay waits for its text: then only closes."""
        if self._pipelined:
            self._protocol.close()
        else:
            await self._protocol.quit()

    def abort(self) -> AttemptResult:
        """Closes the connection at once, after `deliver` was cancelled; returns how its attempt ended."""
        self._protocol.close()
        if not self.data_sent:
            return AttemptResult(connection_lost(Stage.TEXT, "stopped"), Stage.TEXT)
        if reply := self._protocol.pop_reply():  # it had just come
            return AttemptResult(classify(reply, Stage.END_OF_DATA), Stage.END_OF_DATA, reply)
        return AttemptResult(connection_lost(Stage.END_OF_DATA, "stopped"), Stage.END_OF_DATA)

    def _end_refused(self, message: Message, refused: AttemptResult) -> AttemptResult:
        """Returns the result of a refused envelope; a parameter that the message needs is no longer offered from now on."""
        if parameter := refused.refused_parameter:
            self.features = without(self.features, parameter)
            return AttemptResult(not_offered(parameter), refused.stage, refused.reply)
        if refused.classification.close:
            self._protocol.close()
        return self._learn_size(message, refused)

    def _learn_size(self, message: Message, result: AttemptResult) -> AttemptResult:
        """Returns `result`; a relay that refused a message of this size takes none of it from now on."""
        if result.classification.lacks is Parameter.SIZE:
            self.features = replace(self.features, size=message.size - 1)
        return result

    async def _send_envelope(self, message: Message) -> AttemptResult | None:
        """Sends MAIL, RCPT and DATA. None when the relay waits for the text; the first failing reply is the result."""
        pipelined, self._pipelined = self._pipelined, None
        if pipelined is None:
            if self._in_transaction:
                await self._reset()
            self._in_transaction = True
            if not self.features.pipelining:
                return await self._send_envelope_stepwise(message)
            self._protocol.expect_replies(len(_ENVELOPE))
            self._protocol.write(b"".join(envelope(message, self.features)))
        elif pipelined is not message:
            raise ConnectionClosedError("another message was announced")
        return await self._read_envelope_replies(message)

    async def _read_envelope_replies(self, message: Message) -> AttemptResult | None:
        """Reads the replies to a pipelined envelope. If RCPT was not refused, end of DATA alone may deliver an empty message."""
        failed: AttemptResult | None = None
        recipient_refused = False
        for stage in _ENVELOPE:
            self._stage = stage
            try:
                # usually all three have arrived
                reply = self._protocol.pop_reply() or await self._protocol.read_reply(self._timeouts[stage])
                if stage is Stage.RCPT:
                    recipient_refused = reply.code // 100 in {4, 5}
                if failed and stage is Stage.DATA and reply.code == 354:
                    if not recipient_refused:
                        self._protocol.close()
                        return failed
                    await self._command(_END_OF_DATA, stage)  # RFC 2920 3.1; its reply does not count
            except ConnectionClosedError:
                if failed is None:
                    raise
                self._protocol.close()
                return failed  # the first failing reply counts, whatever became of the rest
            failed = failed or self._failure(message, reply, stage)
            if failed and failed.classification.close and not failed.refused_parameter:
                break  # a relay that closes the connection may never send the other replies
        return failed

    async def _send_envelope_stepwise(self, message: Message) -> AttemptResult | None:
        for stage, command in zip(_ENVELOPE, envelope(message, self.features), strict=True):
            if failed := self._failure(message, await self._command(command, stage), stage):
                return failed
        return None

    async def _reset(self) -> None:
        """Ends a transaction that the relay may still hold open. RSET cannot be refused: RFC 5321 4.1.1.5."""
        reply = await self._command(b"RSET\r\n", Stage.MAIL)
        if reply.code // 100 != 2:
            raise ConnectionClosedError("RSET was refused", reply)

    def _cancel(self) -> AttemptResult:
        """Closes the connection: the relay waits for a text, or for its end, and only closing delivers nothing."""
        self._protocol.close("withheld")
        return AttemptResult(classification=CANCELLED, stage=Stage.DATA, cancelled=True)

    async def _send_text(
        self, message: Message, next_message: Callable[[], Message | None], may_send: Callable[[], bool]
    ) -> AttemptResult:
        """Sends the text, end of DATA and the next envelope; then reads the reply to end of DATA."""
        self._stage = Stage.TEXT
        await self._write_text(message.text)
        if not may_send():
            return self._cancel()
        following = next_message() if self.features.pipelining else None
        if following and not _unsupported(following, self.features):
            self._pipelined = following
            self._protocol.expect_replies(len(_ENVELOPE))
            self._protocol.write(b"".join((_END_OF_DATA, *envelope(following, self.features))))
        else:
            self._protocol.write(_END_OF_DATA)
        self._stage, self.data_sent = Stage.END_OF_DATA, True
        reply = await self._protocol.read_reply(self._timeouts[Stage.END_OF_DATA])
        classification = classify(reply, Stage.END_OF_DATA)
        self._in_transaction = self._pipelined is not None
        if classification.close:
            self._protocol.close()
        return self._learn_size(message, AttemptResult(classification, Stage.END_OF_DATA, reply))

    async def _write_text(self, text: bytes) -> None:
        """Writes the text without end of DATA, until the system has all of it.

        A reply meanwhile is the reply to this message, of which the relay wants no more; it ends the session.
        """
        early = self._protocol.pop_reply()
        if early is None:
            with suppress(ConnectionClosedError):  # a reply that came before the end counts
                self._protocol.write(text)
                await self._protocol.drain(self._timeouts[Stage.TEXT])
            early = self._protocol.pop_reply()
        if early:
            raise ConnectionClosedError("answered before the end of the message", early)
        self._protocol.raise_if_closed()

    def _failure(self, message: Message, reply: Reply, stage: Stage) -> AttemptResult | None:
        """Returns the attempt that `reply` ends; None if the transaction goes on."""
        if reply.code == 354 if stage is Stage.DATA else reply.code // 100 == 2:
            return None
        parameter = refused_parameter(reply, stage, frozenset(_parameters(message, self.features)))
        classification = classify(reply, stage, sender=message.sender, recipient=message.recipient)
        return AttemptResult(classification, stage, reply, refused_parameter=parameter)

    async def _command(self, command: bytes, stage: Stage) -> Reply:
        """Sends a command and returns the reply to it."""
        self._stage = stage
        self._protocol.expect_replies()
        self._protocol.write(command)
        return await self._protocol.read_reply(self._timeouts[stage])


def lacking(message: Message, features: Extensions) -> Parameter | None:
    """Returns what `message` needs and the relay does not offer; None: the relay takes it."""
    if message.utf8 and not features.smtputf8:
        return Parameter.SMTPUTF8
    if message.eight_bit and not features.eight_bit:
        return Parameter.EIGHT_BIT
    return Parameter.SIZE if 0 < features.size < message.size else None


def without(features: Extensions, parameter: Parameter) -> Extensions:
    """Returns `features` without a parameter that the relay refused."""
    match parameter:
        case Parameter.SMTPUTF8:
            return replace(features, smtputf8=False)
        case Parameter.DSN:
            return replace(features, dsn=False)
        case Parameter.EIGHT_BIT:
            return replace(features, eight_bit=False)
        case Parameter.SIZE:
            return replace(features, size=0)


def _unsupported(message: Message, features: Extensions) -> AttemptResult | None:
    """Returns a failed attempt if the relay does not offer what `message` needs; then nothing is sent."""
    parameter = lacking(message, features)
    if parameter is None:
        return None
    reply = None
    if parameter is Parameter.SIZE:
        reply = Reply(code=552, enhanced="5.3.4", text=f"the relay takes {features.size} octets at most")
    return AttemptResult(not_offered(parameter), Stage.MAIL, reply)


def _parameters(message: Message, features: Extensions) -> Iterator[Parameter]:
    """Yields the parameters that `envelope` gives."""
    if message.utf8:
        yield Parameter.SMTPUTF8
    if features.dsn:
        yield Parameter.DSN
    if message.eight_bit:
        yield Parameter.EIGHT_BIT
    if features.size:
        yield Parameter.SIZE


def envelope(message: Message, features: Extensions) -> tuple[bytes, bytes, bytes]:
    """Returns MAIL, RCPT and DATA for `message`, with the parameters that the relay offers (RFC 1870, 3461, 6152, 6531)."""
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
    """Returns `text` as xtext (RFC 3461 4): printable ASCII but `+` and `=`; the rest as +HH."""
    if _PLAIN_XTEXT.fullmatch(text):
        return text
    return "".join(chr(o) if 33 <= o <= 126 and chr(o) not in "+=" else f"+{o:02X}" for o in text.encode("utf-8"))


def unitext(text: str) -> str:
    """Returns `text` as utf-8-addr-unitext (RFC 6533 3): letters of any script, special ASCII characters as \\x{HH}."""
    return "".join(c if ord(c) > 126 or (ord(c) >= 33 and c not in "\\+=") else f"\\x{{{ord(c):02X}}}" for c in text)
