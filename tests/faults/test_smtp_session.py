"""What a lane does when a relay refuses, hangs up, falls silent or talks nonsense, at every stage."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.types import Stage
from mailer.mime.composer import Message
from mailer.relay import Relay, TlsMode
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from mailer.smtp.session import AttemptResult, SmtpSession
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


def carry(
    server: Scripted, *messages: Message, commit: Callable[[], Awaitable[bool]] = yes
) -> tuple[list[AttemptResult], bool]:
    """Deliver `messages` over one lane to `server`; the outcomes, and whether the lane is still open."""

    async def scenario() -> tuple[list[AttemptResult], bool]:
        async with server:
            lane = await connect(server)
            outcomes = [await lane.deliver(one, commit) for one in messages]
            is_open = lane.is_open
            await lane.quit()
        return outcomes, is_open

    return run_unhurried(scenario())


both = pytest.mark.parametrize("extensions", [("PIPELINING",), ("HELP",)], ids=["pipelined", "sequential"])


@both
def test_messages_follow_each_other_on_one_connection(extensions: tuple[str, ...]) -> None:
    server = Scripted(extensions=extensions)
    outcomes, is_open = carry(server, message(), message(LONG), message())
    assert [outcome.classification.state for outcome in outcomes] == [S.ACCEPTED] * 3
    assert is_open
    assert server.messages == [SHORT, LONG, SHORT]
    assert server.connections == 1


@both
@pytest.mark.parametrize(
    ("verb", "reply", "state", "stage"),
    [
        ("MAIL", "451 4.3.0 later", S.DEFERRED, Stage.MAIL),
        ("RCPT", "450 4.2.0 later", S.DEFERRED, Stage.RCPT),
        ("RCPT", "550 5.1.1 nobody", S.FAILED, Stage.RCPT),
        ("DATA", "451 4.3.0 later", S.DEFERRED, Stage.DATA),
        ("DOT", "451 4.3.0 later", S.DEFERRED, Stage.END_OF_DATA),
        ("DOT", "554 5.7.1 no", S.FAILED, Stage.END_OF_DATA),
    ],
)
def test_a_refusal_is_one_delivery_s_and_the_next_one_goes_through(
    extensions: tuple[str, ...], verb: str, reply: str, state: S, stage: Stage
) -> None:
    server = Scripted(extensions=extensions, **{verb: [reply]})
    (refused, accepted), is_open = carry(server, message(), message())
    assert (refused.classification.state, refused.stage) == (state, stage)
    assert str(refused.reply) == reply
    assert accepted.classification.state is S.ACCEPTED
    assert is_open
    assert server.connections == 1
    assert b"" not in server.messages or verb != "DOT"


def test_a_refused_recipient_with_354_after_it_gets_a_lone_dot_and_no_blame_is_shifted() -> None:
    server = Scripted(RCPT=["550 5.1.1 nobody"], DOT=["554 5.5.1 no valid recipients"])
    (refused, accepted), _is_open = carry(server, message(), message())
    assert (refused.classification.state, refused.stage) == (S.FAILED, Stage.RCPT)
    assert refused.reply
    assert refused.reply.enhanced == "5.1.1"
    assert accepted.classification.state is S.ACCEPTED
    assert server.messages == [b"", SHORT], "the lone dot carried nothing"


def test_454_at_mail_in_a_pipelined_group_is_the_verdict() -> None:
    server = Scripted(MAIL=["454 4.7.0 slow down"], RCPT=["503 5.5.1 need MAIL"], DATA=["503 5.5.1 need RCPT"])
    (refused, accepted), _ = carry(server, message(), message())
    assert (refused.classification.state, refused.stage, refused.classification.is_throttling) == (
        S.DEFERRED,
        Stage.MAIL,
        True,
    )
    assert accepted.classification.state is S.ACCEPTED


def test_421_in_a_pipelined_group_is_the_verdict_though_the_connection_ends_under_the_rest() -> None:
    (refused,), is_open = carry(Scripted(MAIL=["421 4.3.2 closing"]), message())
    assert refused.classification.state is S.PENDING
    assert refused.reply
    assert refused.reply.code == 421
    assert not is_open


def test_after_a_refusal_that_ends_the_connection_nothing_more_is_waited_for() -> None:
    async def scenario() -> AttemptResult:
        async with Scripted(MAIL=["550 5.7.1 not from you"], RCPT=[SILENCE]) as server, asyncio.timeout(PATIENCE):
            connection = await open_connection(
                Relay(host="127.0.0.1", port=server.port), limits=Timeouts(), local_hostname="desk.example.org"
            )
            lane = SmtpSession(connection, Timeouts())
            outcome = await lane.deliver(message(), yes)
            assert not lane.is_open
            return outcome

    outcome = asyncio.run(scenario())
    assert (outcome.stage, outcome.classification.halt) == (Stage.MAIL, True)


@both
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("fault", [DROP, SILENCE, "nonsense", "650 what", "250-never ending"])
def test_a_broken_conversation_is_uncertain_after_the_dot_and_unsent_before(
    extensions: tuple[str, ...], verb: str, fault: str
) -> None:
    (outcome,), is_open = carry(Scripted(extensions=extensions, **{verb: [fault]}), message())
    assert outcome.classification.state is (S.UNCERTAIN if verb == "DOT" else S.PENDING)
    assert not is_open


def test_a_connection_lost_in_the_middle_of_a_long_text_left_no_dot_and_is_unsent() -> None:
    text = LONG * 200  # more than the system's buffers take
    (outcome,), is_open = carry(Scripted(drop_in_text_after=5000), message(text))
    assert (outcome.classification.state, outcome.stage) == (S.PENDING, Stage.TEXT)
    assert not is_open


def test_a_message_that_may_not_leave_closes_the_connection_and_nothing_empty_is_delivered() -> None:
    async def no() -> bool:
        return False

    server = Scripted()
    (outcome,), is_open = carry(server, message(), commit=no)
    assert outcome.cancelled
    assert outcome.classification.state is S.PENDING
    assert not is_open
    assert server.messages == []


def test_a_ledger_that_fails_closes_the_connection_and_is_heard_of() -> None:
    async def fails() -> bool:
        raise RuntimeError("disk full")

    server = Scripted()
    with pytest.raises(RuntimeError, match="disk full"):
        carry(server, message(), commit=fails)
    assert server.messages == []


def test_commit_is_asked_only_when_the_relay_waits_for_the_text() -> None:
    asked: list[int] = []

    async def commit() -> bool:
        asked.append(1)
        return True

    carry(Scripted(RCPT=["550 5.1.1 nobody"]), message(), commit=commit)
    assert asked == []


def test_an_extra_reply_ends_the_lane() -> None:
    server = Scripted(DOT=["250 ok\r\n250 and again"])
    outcomes, _ = carry(server, message(), message())
    assert outcomes[0].classification.state is S.ACCEPTED
    assert outcomes[1].classification.state == S.PENDING


def test_an_address_beyond_ascii_needs_smtputf8() -> None:
    hindi = message(recipient="दीपा@xn--p1b6ci4b4b3a.example")
    (lacking,), _ = carry(Scripted(), hindi)
    assert (lacking.classification.state, lacking.classification.suppress) == (S.FAILED, False)
    server = Scripted(extensions=("PIPELINING", "SMTPUTF8", "DSN"))
    (sent,), _ = carry(server, hindi)
    assert sent.classification.state is S.ACCEPTED
    assert "SMTPUTF8" in server.log[1]
    assert "ORCPT=utf-8;दीपा@" in server.log[2]


def test_parameters_follow_what_is_offered() -> None:
    server = Scripted(extensions=("DSN", "SIZE 100000", "8BITMIME"))
    carry(server, message(recipient="ana+a=b@example.com"))
    assert server.log[1] == f"MAIL FROM:<desk@example.org> SIZE={len(SHORT)} RET=HDRS ENVID=e1"
    assert server.log[2] == "RCPT TO:<ana+a=b@example.com> NOTIFY=FAILURE ORCPT=rfc822;ana+2Ba+3Db@example.com"


def test_a_message_over_the_relay_s_limit_halts_the_send_without_trying() -> None:
    server = Scripted(extensions=("SIZE 20",))
    (outcome,), _ = carry(server, message(LONG))
    assert outcome.classification.halt
    assert outcome.classification.state is S.PENDING
    assert not any(line.startswith("MAIL") for line in server.log)


@pytest.mark.parametrize(
    ("script", "stage", "fatal"),
    [
        ({"CONNECT": ["554 5.7.1 go away"]}, Stage.CONNECT, True),
        ({"CONNECT": ["421 4.3.2 busy"]}, Stage.CONNECT, False),
        ({"CONNECT": [DROP]}, Stage.CONNECT, False),
        ({"EHLO": [DROP]}, Stage.EHLO, False),
        ({"EHLO": ["550 5.0.0 no"]}, Stage.EHLO, True),
    ],
)
def test_a_session_that_cannot_be_set_up_is_the_relay_s_fault(
    script: dict[str, list[str]], stage: Stage, fatal: bool
) -> None:
    with pytest.raises(ConnectionFailure) as caught:
        carry(Scripted(**script), message())
    assert (caught.value.stage, caught.value.fatal) == (stage, fatal)


def test_no_credential_and_no_message_leave_where_starttls_is_not_offered() -> None:
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


def carry_on(
    server: Scripted, *messages: Message, commit: Callable[[], Awaitable[bool]] = yes
) -> tuple[list[AttemptResult], bool]:
    """Deliver `messages` over one lane, each announced while the one before it leaves."""

    async def scenario() -> tuple[list[AttemptResult], bool]:
        async with server:
            lane = await connect(server)
            outcomes = []
            for index, one in enumerate(messages):
                after = messages[index + 1] if index + 1 < len(messages) else None
                outcomes.append(await lane.deliver(one, commit, lambda after=after: after))
            is_open = lane.is_open
            await lane.quit()
        return outcomes, is_open

    return run_unhurried(scenario())


@both
def test_the_next_envelope_leaves_with_the_text_before_it(extensions: tuple[str, ...]) -> None:
    server = Scripted(extensions=extensions)
    outcomes, is_open = carry_on(server, message(), message(LONG), message(LONG * 3), message())
    assert [outcome.classification.state for outcome in outcomes] == [S.ACCEPTED] * 4
    assert is_open
    assert server.messages == [SHORT, LONG, LONG * 3, SHORT]


def test_one_round_trip_a_message() -> None:
    """The next envelope leaves behind a dot that has not been answered yet."""

    class Reluctant(Scripted):
        """Answers a dot only when the envelope of the next of three messages has come."""

        async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
            if verb == "DOT" and len(self.messages) < 3:
                return True
            if verb == "MAIL" and self.messages:
                await super().answer("DOT", writer)
            return await super().answer(verb, writer)

    outcomes, _ = carry_on(Reluctant(), message(), message(), message())
    assert [outcome.classification.state for outcome in outcomes] == [S.ACCEPTED] * 3


@pytest.mark.parametrize(
    ("verb", "reply", "state"),
    [
        ("DOT", "451 4.3.0 later", S.DEFERRED),
        ("DOT", "554 5.7.1 no", S.FAILED),
        ("MAIL", "451 4.3.0 later", S.DEFERRED),
        ("RCPT", "550 5.1.1 nobody", S.FAILED),
        ("DATA", "451 4.3.0 later", S.DEFERRED),
    ],
)
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_refusal_in_the_middle_is_one_delivery_s_though_envelopes_overlap(
    verb: str, reply: str, state: S, nth: int
) -> None:
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", "DOT": "250 kept"}[verb]
    server = Scripted(**{verb: [good] * nth + [reply]})
    outcomes, is_open = carry_on(server, *(message(SHORT + b"%d\r\n" % n) for n in range(4)))
    assert [outcome.classification.state for outcome in outcomes] == [
        state if n == nth else S.ACCEPTED for n in range(4)
    ]
    assert is_open
    texts = [text for text in server.messages if text]
    assert texts == [SHORT + b"%d\r\n" % n for n in range(4) if n != nth or verb == "DOT"]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("fault", [DROP, SILENCE, "nonsense", "421 4.3.2 closing"])
def test_whoever_s_envelope_left_ahead_of_a_break_is_unsent(verb: str, fault: str) -> None:
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", "DOT": "250 kept"}[verb]
    first, second = carry_on(Scripted(**{verb: [good, fault]}), message(), message())[0][:2]
    assert first.classification.state is S.ACCEPTED
    after_dot = S.DEFERRED if fault.startswith("421") else S.UNCERTAIN
    assert second.classification.state is (after_dot if verb == "DOT" else S.PENDING)


def test_a_lost_dot_leaves_the_announced_one_provably_unsent() -> None:
    first, second = carry_on(Scripted(DOT=[DROP]), message(), message())[0]
    assert (first.classification.state, second.classification.state) == (S.UNCERTAIN, S.PENDING)


def test_an_announced_message_that_may_not_leave_is_not_delivered_empty() -> None:
    async def scenario() -> None:
        async with server:
            lane = await connect(server)
            await lane.deliver(message(), yes, message)
            await lane.quit()

    server = Scripted()
    asyncio.run(scenario())
    assert server.messages == [SHORT]
    assert "QUIT" not in server.log
