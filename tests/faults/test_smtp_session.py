"""How a session ends when a relay refuses, closes the connection, does not answer, or answers nonsense, at every stage."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from mailer.mime.composer import Message
from mailer.relay import Relay, TlsMode
from mailer.smtp.classify import Outcome, Parameter
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from mailer.smtp.session import AttemptResult, SmtpSession
from mailer.smtp.stage import Stage
from tests.support.patience import PATIENCE, run_unhurried
from tests.support.scripted import DROP, SILENCE, Scripted

LIMITS = Timeouts()
SHORT = b"Subject: x\r\n\r\n..hello\r\n"
LONG = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 1 + (b"y" * 70 + b"\r\n") * 4000


def message(text: bytes = SHORT, recipient: str = "ana@example.com") -> Message:
    return Message(sender="desk@example.org", recipient=recipient, envelope_id="e1", pieces=(text,), size=len(text),
                   utf8=not recipient.isascii(), eight_bit=False)  # fmt: skip


async def yes() -> bool:
    return True


async def connect(server: Scripted) -> SmtpSession:
    relay = Relay(host="127.0.0.1", port=server.port)
    return SmtpSession(await open_connection(relay, limits=LIMITS, local_hostname="desk.example.org"), LIMITS)


def deliver_all(
    server: Scripted, *messages: Message, begin_sending: Callable[[], Awaitable[bool]] = yes
) -> tuple[list[AttemptResult], bool]:
    """Delivers `messages` over one session to `server`; returns the results, and whether the session is still open."""

    async def scenario() -> tuple[list[AttemptResult], bool]:
        async with server:
            session = await connect(server)
            results = [await session.deliver(one, begin_sending) for one in messages]
            is_open = session.is_open
            await session.quit()
        return results, is_open

    return run_unhurried(scenario())


both = pytest.mark.parametrize("extensions", [("PIPELINING",), ("HELP",)], ids=["pipelined", "sequential"])


@both
def test_messages_follow_each_other_on_one_connection(extensions: tuple[str, ...]) -> None:
    server = Scripted(extensions=extensions)
    results, is_open = deliver_all(server, message(), message(LONG), message())
    assert [result.classification.outcome for result in results] == [Outcome.ACCEPTED] * 3
    assert is_open
    assert server.messages == [SHORT, LONG, SHORT]
    assert server.connections == 1


@both
@pytest.mark.parametrize(
    ("verb", "reply", "expected", "stage"),
    [
        ("RCPT", "450 4.2.0 later", Outcome.DEFERRED, Stage.RCPT),
        ("RCPT", "550 5.4.5 daily limit exceeded", Outcome.UNSENT, Stage.RCPT),
        ("RCPT", "550 5.1.1 nobody", Outcome.FAILED, Stage.RCPT),
        ("DATA", "451 4.3.0 later", Outcome.DEFERRED, Stage.DATA),
        ("END_OF_DATA", "451 4.3.0 later", Outcome.DEFERRED, Stage.END_OF_DATA),
        ("END_OF_DATA", "554 5.7.1 no", Outcome.FAILED, Stage.END_OF_DATA),
    ],
)
def test_a_refusal_affects_one_delivery_and_the_next_one_is_accepted(
    extensions: tuple[str, ...], verb: str, reply: str, expected: Outcome, stage: Stage
) -> None:
    server = Scripted(extensions=extensions, **{verb: [reply]})
    (refused, accepted), is_open = deliver_all(server, message(), message())
    assert (refused.classification.outcome, refused.stage) == (expected, stage)
    assert str(refused.reply) == reply
    assert accepted.classification.outcome is Outcome.ACCEPTED
    assert is_open
    assert server.connections == 1
    assert b"" not in server.messages or verb != "END_OF_DATA"


def test_after_a_refused_recipient_and_354_end_of_data_alone_is_sent_and_its_reply_ignored() -> None:
    server = Scripted(RCPT=["550 5.1.1 nobody"], END_OF_DATA=["554 5.5.1 no valid recipients"])
    (refused, accepted), _is_open = deliver_all(server, message(), message())
    assert (refused.classification.outcome, refused.stage) == (Outcome.FAILED, Stage.RCPT)
    assert refused.reply
    assert refused.reply.enhanced == "5.1.1"
    assert accepted.classification.outcome is Outcome.ACCEPTED
    assert server.messages == [b"", SHORT], "end of DATA alone delivered an empty message to nobody"


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END_OF_DATA"])
def test_a_relay_that_takes_no_more_is_left_without_anything_sent(verb: str) -> None:
    server = Scripted(**{verb: ["452 4.4.5 too much"]}, QUIT=[SILENCE])
    (refused,), is_open = deliver_all(server, message())
    assert (refused.classification.outcome, refused.classification.relay_waits) == (Outcome.UNSENT, True)
    assert refused.stage.value == verb.lower()
    assert not is_open


def test_421_in_a_pipelined_group_is_the_result_although_the_connection_ends() -> None:
    (refused,), is_open = deliver_all(Scripted(MAIL=["421 4.3.2 closing"]), message())
    assert refused.classification.outcome is Outcome.UNSENT
    assert refused.reply
    assert refused.reply.code == 421
    assert not is_open


def test_after_a_refusal_that_ends_the_connection_no_other_reply_is_awaited() -> None:
    async def scenario() -> AttemptResult:
        async with Scripted(MAIL=["550 5.7.1 not from you"], RCPT=[SILENCE]) as server, asyncio.timeout(PATIENCE):
            connection = await open_connection(
                Relay(host="127.0.0.1", port=server.port), limits=Timeouts(), local_hostname="desk.example.org"
            )
            session = SmtpSession(connection, Timeouts())
            result = await session.deliver(message(), yes)
            assert not session.is_open
            return result

    result = asyncio.run(scenario())
    assert (result.stage, result.classification.excludes_relay) == (Stage.MAIL, True)


@both
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END_OF_DATA"])
@pytest.mark.parametrize("fault", [DROP, SILENCE, "nonsense", "650 what", "250-never ending"])
def test_a_broken_session_is_uncertain_after_end_of_data_and_unsent_before(
    extensions: tuple[str, ...], verb: str, fault: str
) -> None:
    (result,), is_open = deliver_all(Scripted(extensions=extensions, **{verb: [fault]}), message())
    assert result.classification.outcome is (Outcome.UNCERTAIN if verb == "END_OF_DATA" else Outcome.UNSENT)
    assert not is_open


def test_a_connection_lost_in_the_middle_of_a_long_text_is_unsent() -> None:
    text = LONG * 200  # more than the system's buffers take
    (result,), is_open = deliver_all(Scripted(drop_in_text_after=5000), message(text))
    assert (result.classification.outcome, result.stage) == (Outcome.UNSENT, Stage.TEXT)
    assert not is_open


def test_a_cancelled_message_closes_the_connection_and_delivers_no_empty_one() -> None:
    async def no() -> bool:
        return False

    server = Scripted()
    (result,), is_open = deliver_all(server, message(), begin_sending=no)
    assert result.cancelled
    assert result.classification.outcome is Outcome.UNSENT
    assert not is_open
    assert server.messages == []


def test_a_ledger_error_closes_the_connection_and_propagates() -> None:
    async def fails() -> bool:
        raise RuntimeError("disk full")

    server = Scripted()
    with pytest.raises(RuntimeError, match="disk full"):
        deliver_all(server, message(), begin_sending=fails)
    assert server.messages == []


def test_begin_sending_is_called_only_when_the_relay_waits_for_the_text() -> None:
    asked: list[int] = []

    async def begin_sending() -> bool:
        asked.append(1)
        return True

    deliver_all(Scripted(RCPT=["550 5.1.1 nobody"]), message(), begin_sending=begin_sending)
    assert asked == []


def test_an_extra_reply_ends_the_session() -> None:
    server = Scripted(END_OF_DATA=["250 ok\r\n250 and again"])
    results, _ = deliver_all(server, message(), message())
    assert results[0].classification.outcome is Outcome.ACCEPTED
    assert results[1].classification.outcome == Outcome.UNSENT


def test_a_non_ascii_address_needs_smtputf8() -> None:
    hindi = message(recipient="दीपा@xn--p1b6ci4b4b3a.example")
    (lacking,), _ = deliver_all(Scripted(), hindi)
    assert (lacking.classification.outcome, lacking.classification.suppress) == (Outcome.FAILED, False)
    server = Scripted(extensions=("PIPELINING", "SMTPUTF8", "DSN"))
    (sent,), _ = deliver_all(server, hindi)
    assert sent.classification.outcome is Outcome.ACCEPTED
    assert "SMTPUTF8" in server.log[1]
    assert "ORCPT=utf-8;दीपा@" in server.log[2]


def test_parameters_follow_what_is_offered() -> None:
    server = Scripted(extensions=("DSN", "SIZE 100000", "8BITMIME"))
    deliver_all(server, message(recipient="ana+a=b@example.com"))
    assert server.log[1] == f"MAIL FROM:<desk@example.org> SIZE={len(SHORT)} RET=HDRS ENVID=e1"
    assert server.log[2] == "RCPT TO:<ana+a=b@example.com> NOTIFY=FAILURE ORCPT=rfc822;ana+2Ba+3Db@example.com"


def test_a_message_over_the_relay_s_limit_is_not_tried() -> None:
    server = Scripted(extensions=("SIZE 30",))
    (result, smaller), _ = deliver_all(server, message(LONG), message())
    assert (result.classification.outcome, result.classification.lacks) == (Outcome.UNSENT, Parameter.SIZE)
    assert smaller.classification.outcome is Outcome.ACCEPTED
    assert sum(line.startswith("MAIL") for line in server.log) == 1


@pytest.mark.parametrize(("verb", "reply"), [("MAIL", "552 too big"), ("END_OF_DATA", "552 5.3.4 too big")])
def test_a_limit_that_a_relay_did_not_name_is_learned_from_its_refusal(verb: str, reply: str) -> None:
    server = Scripted(**{verb: [reply]})
    results, _ = deliver_all(server, message(LONG), message(LONG), message())
    assert [result.classification.lacks for result in results] == [Parameter.SIZE, Parameter.SIZE, None]
    assert results[2].classification.outcome is Outcome.ACCEPTED
    assert sum(line.startswith("MAIL") for line in server.log) == 2, "the second one was not tried"


UTF8 = ("PIPELINING", "SMTPUTF8", "SIZE", "DSN", "8BITMIME")
LATE_UTF8 = (*UTF8[1:],)


@pytest.mark.parametrize("extensions", [UTF8, LATE_UTF8], ids=["pipelined", "sequential"])
@pytest.mark.parametrize(
    "reply", ["555 5.5.4 unsupported option", "501 5.5.4 bad", "550 5.6.7 not here", "555 SMTPUTF8?"]
)
def test_a_parameter_that_one_message_needs_is_its_own_matter(extensions: tuple[str, ...], reply: str) -> None:
    server = Scripted(extensions=extensions, MAIL=[reply])
    hindi = message(recipient="दीपा@xn--p1b6ci4b4b3a.example")
    (refused, other, again), is_open = deliver_all(server, hindi, message(), hindi)
    assert (refused.classification.outcome, refused.classification.lacks) == (Outcome.FAILED, Parameter.SMTPUTF8)
    assert str(refused.reply) == reply
    assert not refused.classification.suppress
    assert other.classification.outcome is Outcome.ACCEPTED
    assert again.classification.lacks is Parameter.SMTPUTF8, "it is not asked twice"
    assert is_open
    assert server.connections == 1


@pytest.mark.parametrize("extensions", [UTF8, LATE_UTF8], ids=["pipelined", "sequential"])
@pytest.mark.parametrize(("verb", "reply"), [("MAIL", "555 5.5.4 RET?"), ("RCPT", "555 5.5.4 bad option")])
def test_a_parameter_that_no_message_needs_is_left_out(extensions: tuple[str, ...], verb: str, reply: str) -> None:
    server = Scripted(extensions=extensions, **{verb: [reply]})
    results, is_open = deliver_all(server, message(), message())
    assert [result.classification.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert is_open
    assert [text for text in server.messages if text] == [SHORT, SHORT]
    envelopes = [line for line in server.log if line.startswith(("MAIL", "RCPT"))]
    assert any("RET=" in line or "NOTIFY=" in line for line in envelopes[:2])
    assert not any("RET=" in line or "NOTIFY=" in line for line in envelopes[-4:])


class AnswersInTheText(Scripted):
    """Answers in the middle of the text, and closes the connection."""

    def __init__(self, reply: str) -> None:
        super().__init__()
        self.early = reply

    async def read_text(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readexactly(1000)
        writer.write(self.early.encode() + b"\r\n")
        await writer.drain()
        return False


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("554 5.7.1 this looks like spam", Outcome.FAILED),
        ("552 5.3.4 too big", Outcome.UNSENT),
        ("451 4.3.0 disk is slow", Outcome.DEFERRED),
        ("421 4.4.2 you are too slow", Outcome.UNSENT),
        ("451 4.7.0 too many messages in this session", Outcome.UNSENT),
    ],
)
def test_a_refusal_that_comes_while_the_text_is_sent_is_read_as_a_reply(reply: str, outcome: Outcome) -> None:
    (result,), is_open = deliver_all(AnswersInTheText(reply), message(LONG * 400))
    assert (result.classification.outcome, result.stage, str(result.reply)) == (outcome, Stage.TEXT, reply)
    assert not is_open


def test_a_refusal_that_comes_before_the_text_is_read_as_a_reply() -> None:
    class Hesitating(Scripted):
        async def read_text(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            await asyncio.sleep(1)
            writer.write(b"554 5.7.1 on second thoughts, no\r\n")
            return bool(await reader.read())

    async def slowly() -> bool:
        await asyncio.sleep(2)
        return True

    server = Hesitating()
    (result,), is_open = deliver_all(server, message(), begin_sending=slowly)
    assert (result.classification.outcome, result.stage) == (Outcome.FAILED, Stage.TEXT)
    assert not is_open
    assert server.messages == []


@pytest.mark.parametrize(
    ("script", "reason", "fatal"),
    [
        ({"CONNECT": ["554 5.7.1 go away"]}, "refused at connect: 554 5.7.1 go away", True),
        ({"CONNECT": ["421 4.3.2 busy"]}, "refused at connect: 421 4.3.2 busy", False),
        ({"CONNECT": [DROP]}, "connection lost at connect", False),
        ({"EHLO": [DROP]}, "connection lost at EHLO", False),
        ({"EHLO": ["550 5.0.0 no"]}, "refused at EHLO: 550 5.0.0 no", True),
    ],
)
def test_a_session_that_cannot_be_set_up_is_the_relay_s_fault(
    script: dict[str, list[str]], reason: str, fatal: bool
) -> None:
    with pytest.raises(ConnectionFailure, match=reason) as caught:
        deliver_all(Scripted(**script), message())
    assert caught.value.fatal is fatal


def test_a_greeting_may_take_longer_than_connecting() -> None:
    class Slow(Scripted):
        async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
            if verb == "CONNECT":
                await asyncio.sleep(LIMITS.connect + LIMITS.session / 2)
            return await super().answer(verb, writer)

    (result,), _ = deliver_all(Slow(), message())
    assert result.classification.outcome is Outcome.ACCEPTED
    with pytest.raises(ConnectionFailure, match="no answer in time at connect"):
        deliver_all(Scripted(CONNECT=[SILENCE]), message())


def test_a_port_at_which_nothing_listens_is_a_connection_failure() -> None:
    async def scenario() -> None:
        async with Scripted() as server:
            relay = Relay(host="127.0.0.1", port=server.port)
        await open_connection(relay, limits=LIMITS, local_hostname="desk.example.org")

    with pytest.raises(ConnectionFailure, match="Connection refused") as caught:
        asyncio.run(scenario())
    assert not caught.value.fatal


def test_no_credentials_and_no_message_are_sent_if_starttls_is_not_offered() -> None:
    server = Scripted(extensions=("AUTH PLAIN",))

    async def scenario() -> None:
        async with server:
            relay = Relay(
                host="127.0.0.1", port=server.port, tls=TlsMode.STARTTLS, username="u", password=SecretStr("secret")
            )
            await open_connection(relay, limits=LIMITS, local_hostname="desk.example.org")

    with pytest.raises(ConnectionFailure) as caught:
        asyncio.run(scenario())
    assert caught.value.fatal
    assert not any(line.startswith(("AUTH", "MAIL")) for line in server.log)


def deliver_pipelined(
    server: Scripted, *messages: Message, begin_sending: Callable[[], Awaitable[bool]] = yes
) -> tuple[list[AttemptResult], bool]:
    """Delivers `messages` over one session, each envelope with the text before it."""

    async def scenario() -> tuple[list[AttemptResult], bool]:
        async with server:
            session = await connect(server)
            results = []
            for index, one in enumerate(messages):
                after = messages[index + 1] if index + 1 < len(messages) else None
                results.append(await session.deliver(one, begin_sending, lambda after=after: after))
            is_open = session.is_open
            await session.quit()
        return results, is_open

    return run_unhurried(scenario())


@both
def test_the_next_envelope_is_sent_with_the_text_before_it(extensions: tuple[str, ...]) -> None:
    server = Scripted(extensions=extensions)
    results, is_open = deliver_pipelined(server, message(), message(LONG), message(LONG * 3), message())
    assert [result.classification.outcome for result in results] == [Outcome.ACCEPTED] * 4
    assert is_open
    assert server.messages == [SHORT, LONG, LONG * 3, SHORT]


def test_one_round_trip_a_message() -> None:
    """The next envelope is sent after an end of DATA that has not been answered yet."""

    class Reluctant(Scripted):
        """Answers end of DATA only when the envelope of the next of three messages has come."""

        async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
            if verb == "END_OF_DATA" and len(self.messages) < 3:
                return True
            if verb == "MAIL" and self.messages:
                await super().answer("END_OF_DATA", writer)
            return await super().answer(verb, writer)

    results, _ = deliver_pipelined(Reluctant(), message(), message(), message())
    assert [result.classification.outcome for result in results] == [Outcome.ACCEPTED] * 3


@pytest.mark.parametrize(
    ("verb", "reply", "expected"),
    [
        ("END_OF_DATA", "451 4.3.0 later", Outcome.DEFERRED),
        ("END_OF_DATA", "554 5.7.1 no", Outcome.FAILED),
        ("MAIL", "550 5.4.5 daily limit exceeded", Outcome.UNSENT),
        ("RCPT", "550 5.1.1 nobody", Outcome.FAILED),
        ("DATA", "451 4.3.0 later", Outcome.DEFERRED),
    ],
)
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_refusal_in_the_middle_affects_one_delivery_although_envelopes_overlap(
    verb: str, reply: str, expected: Outcome, nth: int
) -> None:
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", "END_OF_DATA": "250 kept"}[verb]
    server = Scripted(**{verb: [good] * nth + [reply]})
    results, is_open = deliver_pipelined(server, *(message(SHORT + b"%d\r\n" % n) for n in range(4)))
    assert [result.classification.outcome for result in results] == [
        expected if n == nth else Outcome.ACCEPTED for n in range(4)
    ]
    assert is_open
    texts = [text for text in server.messages if text]
    assert texts == [SHORT + b"%d\r\n" % n for n in range(4) if n != nth or verb == "END_OF_DATA"]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END_OF_DATA"])
@pytest.mark.parametrize("fault", [DROP, SILENCE, "nonsense", "421 4.3.2 closing"])
def test_a_message_whose_envelope_was_sent_ahead_of_a_break_is_unsent(verb: str, fault: str) -> None:
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", "END_OF_DATA": "250 kept"}[verb]
    first, second = deliver_pipelined(Scripted(**{verb: [good, fault]}), message(), message())[0][:2]
    assert first.classification.outcome is Outcome.ACCEPTED
    after_end = Outcome.DEFERRED if fault.startswith("421") else Outcome.UNCERTAIN
    assert second.classification.outcome is (after_end if verb == "END_OF_DATA" else Outcome.UNSENT)


def test_a_connection_lost_at_end_of_data_leaves_the_pipelined_message_unsent() -> None:
    first, second = deliver_pipelined(Scripted(END_OF_DATA=[DROP]), message(), message())[0]
    assert (first.classification.outcome, second.classification.outcome) == (Outcome.UNCERTAIN, Outcome.UNSENT)


def test_a_pipelined_message_that_is_not_sent_is_not_delivered_empty() -> None:
    async def scenario() -> None:
        async with server:
            session = await connect(server)
            await session.deliver(message(), yes, message)
            await session.quit()

    server = Scripted()
    asyncio.run(scenario())
    assert server.messages == [SHORT]
    assert "QUIT" not in server.log
