"""Misbehaving relays, under the whole program on each database: which deliveries fail, which do not, and how a send ends."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailer.delivery.breaker import BREAKER
from mailer.delivery.relay_pool import PooledRelay
from mailer.delivery.run_result import StopReason
from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from mailer.delivery.throttle import ConcurrencyWindow
from mailer.relay import Relay
from mailer.smtp.classify import Outcome
from mailer.smtp.stage import Stage
from tests.faults.test_smtp_session import LONG, SHORT, deliver_all, message
from tests.support.judge import KEPT_THEN_DROPPED, Journal
from tests.support.patience import until
from tests.support.programs import Programs
from tests.support.scripted import DROP, SILENCE, Scripted
from tests.support.sendruns import OPTIONS, SendRun, counts
from tests.support.siege import CONNECTIONS, RESUME, SEND, Siege

# before end of DATA a limit that is too short fails no delivery; the limit of end of DATA is beyond what a slow machine needs
IMPATIENT = {"limits": {"connect": 10.0, "session": 10.0, "mail": 2.0, "rcpt": 2.0, "data": 2.0, "end_of_data": 10.0}}


@pytest.mark.thinned(0)
def test_recipients_refused_for_now_at_each_stage_are_all_mailed_later(besiege: Callable[..., Siege]) -> None:
    replies = {
        "CONNECT": ["421 4.3.2 busy"],
        "MAIL": ["451 4.3.0 later", "454 4.7.0 slow down", "250 ok", "421 4.3.2 closing"],
        "RCPT": ["450 4.2.0 busy", "452 4.5.3 too many", "250 ok", "421 4.3.2 closing"],
        "DATA": ["451 4.3.0 later", "354 go on", "421 4.3.2 closing"],
        "END_OF_DATA": ["452 4.3.1 full", "451 4.7.1 later", "250 ok", "421 4.3.2 closing"],
    }
    siege = besiege(readers=60, judge=replies)
    ran = siege.run(*SEND)
    assert ran.code == 0, ran.err
    assert siege.prove().count(S.ACCEPTED) == 60


@pytest.mark.thinned(0)
def test_recipients_that_are_all_greylisted_are_all_mailed_later(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=80, judge={"greylist_share": 1.0})
    ran = siege.run(*SEND)
    assert ran.code == 0, ran.err
    assert siege.prove().count(S.ACCEPTED) == 80
    assert len(siege.judge.greylisted) == 80


def test_a_storm_of_454_halves_the_connections_and_everybody_is_mailed(tmp_path: Path) -> None:
    connections, storm = 8, 14
    server = Scripted(MAIL=["454 4.7.0 too fast"] * storm)
    open_now: list[int] = [0]
    seen: list[int] = []
    serve, answer = server.serve, server.answer

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now[0] += 1
        await serve(reader, writer)
        open_now[0] -= 1

    async def answering(verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "END_OF_DATA":
            seen.append(open_now[0])
            await asyncio.sleep(0.005)
        return await answer(verb, writer)

    server.serve, server.answer = serving, answering  # type: ignore[method-assign]
    ending, result = SendRun(tmp_path, 200, server, options=replace(OPTIONS, connections=connections)).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 200})
    assert min(seen) <= connections // 2, "a storm leaves at most half of the connections"
    # it grows back by acceptances (test_throttle.py); here the relay may still rest when the last message leaves


def test_connections_that_break_together_are_one_failure_with_a_short_backoff(tmp_path: Path) -> None:
    connections = 8
    ending, result = SendRun(
        tmp_path, 40, Scripted(MAIL=[DROP] * connections), options=replace(OPTIONS, connections=connections)
    ).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 40})
    relay = PooledRelay(Relay(host="127.0.0.1", port=25), ConcurrencyWindow(connections))
    for _ in range(connections):
        relay.on_failure(100.0)
    assert relay.backoff_until <= 101.0, "counted one by one, they would make it back off for 30 s"


@pytest.mark.thinned(0)
def test_connections_dropped_at_each_stage_are_uncertain_only_after_end_of_data(besiege: Callable[..., Siege]) -> None:
    replies = {
        "CONNECT": [DROP],
        "EHLO": [DROP],
        "MAIL": ["250 ok", DROP],
        "RCPT": ["250 ok", "250 ok", DROP],
        "DATA": ["354 go on", "354 go on", "354 go on", DROP],
        "END_OF_DATA": ["250 ok"] * 3 + [DROP, KEPT_THEN_DROPPED],
    }
    siege = besiege(readers=60, connections=2, judge=replies)
    ran = siege.run(*SEND)
    assert ran.code == 3, ran.err
    proof = siege.prove(uncertain_at_most=2)
    assert (proof.count(S.ACCEPTED), proof.count(S.UNCERTAIN)) == (58, 2)
    assert sum(proof.accepted.values()) == 59, "one of the two was accepted"


def test_the_breaker_pauses_a_send_refused_by_policy_and_it_can_be_resumed(
    besiege: Callable[..., Siege],
) -> None:
    siege = besiege(readers=100, judge={"END_OF_DATA": ["250 ok"] * 5 + ["550 5.7.1 we do not like you"] * 60})
    ran = siege.run(*SEND)
    assert ran.code == 4
    assert f"refused {BREAKER} messages in a row" in ran.err
    assert len(siege.judge.messages) <= 5 + 20, "within 20"
    proof = siege.prove(state=SendState.PAUSED)
    assert proof.count(S.FAILED) == 0
    assert siege.run("suppress", "list").out.count("@") == 0
    siege.judge.replies["END_OF_DATA"].clear()
    assert siege.run(*RESUME).code == 0
    assert siege.prove().count(S.ACCEPTED) == 100


def test_recipients_refused_for_good_fail_and_only_dead_addresses_are_suppressed(besiege: Callable[..., Siege]) -> None:
    refusals = ["550 5.1.1 nobody", "550 5.2.1 disabled", "550 no", "552 5.2.2 full", "553 5.1.3 bad address"]
    siege = besiege(readers=40, judge={"RCPT": ["250 ok"] * 10 + refusals})
    assert siege.run(*SEND).code == 1
    assert siege.prove().count(S.FAILED) == 5
    assert siege.run("suppress", "list").out.count("@example.com") == 2


@pytest.mark.thinned
@pytest.mark.parametrize("reply", ["550 5.7.1 not from you", "530 5.7.0 log in first"])
def test_a_refused_sender_address_pauses_the_send_and_fails_no_delivery(
    besiege: Callable[..., Siege], reply: str
) -> None:
    siege = besiege(readers=40, judge={"MAIL": ["250 ok"] * 4 + [reply] * 60})
    assert siege.run(*SEND).code == 4
    assert siege.prove(state=SendState.PAUSED).count(S.FAILED) == 0
    siege.judge.replies["MAIL"].clear()
    assert siege.run(*RESUME).code == 0
    siege.prove()


@pytest.mark.thinned(0)
def test_421_after_every_few_messages_does_not_stop_the_send(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=60, connections=2, judge={"MAIL": ["250 ok", "250 ok", "421 4.3.2 enough"] * 40})
    assert siege.run(*SEND).code == 0
    siege.prove()
    assert siege.judge.connections > 20


@pytest.mark.thinned(0)
def test_a_reply_to_end_of_data_that_comes_late_or_never_is_uncertain_at_the_limit(
    besiege: Callable[..., Siege],
) -> None:
    siege = besiege(
        readers=30, connections=2, judge={"late": 2, "late_by": 12, "END_OF_DATA": ["250 ok"] * 4 + [SILENCE]}
    )
    ran = siege.run(*SEND, faults=IMPATIENT)
    assert ran.code == 3, ran.err
    proof = siege.prove(uncertain_at_most=3)
    assert proof.count(S.UNCERTAIN) == 3
    assert sum(proof.accepted.values()) == 29, "two were accepted, and answered too late"


@pytest.mark.thinned
@pytest.mark.parametrize("fault", ["nonsense", "650 what", "250-never ending", "x" * 9000, "250-more\r\n" * 300])
def test_malformed_replies_before_end_of_data_fail_no_delivery(besiege: Callable[..., Siege], fault: str) -> None:
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on"}
    replies = {verb: [reply, reply, fault] for verb, reply in good.items()} | {"EHLO": ["", fault]}
    siege = besiege(readers=30, connections=2, judge={**replies, "END_OF_DATA": ["250 ok"] * 6 + [fault]})
    ran = siege.run(*SEND, faults=IMPATIENT)
    proof = siege.prove(uncertain_at_most=1)  # at end of DATA; a reply may be completed by the next line of a relay
    assert ran.code == (3 if proof.count(S.UNCERTAIN) else 0), ran.err
    assert proof.count(S.ACCEPTED, S.UNCERTAIN) == 30


def test_a_reply_before_end_of_data_is_not_an_acceptance() -> None:
    class Early(Scripted):
        """Answers in the middle of the text, and reads no further."""

        async def read_text(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            await reader.readexactly(1000)
            writer.write(b"250 2.0.0 kept\r\n")
            await asyncio.Event().wait()
            return False

    (result,), is_open = deliver_all(Early(), message(LONG * 400))
    assert (result.classification.outcome, result.stage) == (Outcome.UNSENT, Stage.TEXT)
    assert not is_open


def test_an_extra_reply_is_not_matched_to_another_message() -> None:
    server = Scripted(DATA=["354 go on\r\n250 2.0.0 kept already"])
    results, is_open = deliver_all(server, message(), message())
    assert [result.classification.outcome for result in results] == [Outcome.UNSENT, Outcome.UNSENT]
    assert not is_open
    assert server.messages in ([], [SHORT])


@pytest.fixture
def other_machine(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A debug server in a process of its own, which can be stopped; its port is the first line of its output."""
    command = [sys.executable, "-m", "mailer.smtp.debug_server", "--journal", str(tmp_path / "accepted.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.thinned(0)
def test_a_stopped_server_times_out_at_each_stage_and_the_send_ends(
    other_machine: "subprocess.Popen[str]", tmp_path: Path, programs: Programs, database_url: str
) -> None:
    journal = Journal(tmp_path / "accepted.jsonl")
    assert other_machine.stdout
    siege = Siege(tmp_path, database_url, programs, journal, readers=800, port=int(other_machine.stdout.readline()))
    process = siege.start(*SEND, faults={**IMPATIENT, "patience": 0.001})
    until(lambda: sum(journal.accepted.values()) > 10)
    other_machine.send_signal(signal.SIGSTOP)
    try:
        ran = process.wait()
    finally:
        other_machine.send_signal(signal.SIGCONT)
    assert ran.code == 4, ran.err
    assert "no answer in time" in ran.err
    siege.until_free()
    assert siege.run(*RESUME).code in {0, 3}
    proof = siege.prove(uncertain_at_most=CONNECTIONS)
    assert Counter(proof.accepted.values()) == Counter({1: len(proof.accepted)})
