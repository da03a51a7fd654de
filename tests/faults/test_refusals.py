"""Refusals that are about us: no reader pays for them, a relay that is well goes on, and one that asks us to wait gets its time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest

from mailer.app import App
from mailer.delivery.breaker import BREAKER
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.run_result import StopReason
from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from tests.support.patience import PATIENCE
from tests.support.scripted import DROP, Scripted
from tests.support.sendruns import HASTY, OPTIONS, SendRun, counts, messages
from tests.support.siege import RESUME, SEND, Siege

DOMAINS = ("example.com", "example.net", "example.org")
ALWAYS = 400  # replies: more than any test here asks for
NEVER_RETRIED = replace(OPTIONS, retry=RetryPolicy(delays=(PATIENCE,), lifetime=10 * PATIENCE))
"""A deferred delivery is not tried again within a test: what is accepted was not deferred."""


def readers(count: int) -> list[str]:
    return [f"reader{n}@{DOMAINS[n % len(DOMAINS)]}" for n in range(count)]


@pytest.mark.parametrize(
    "reply",
    [
        "550 Domain news.example.org has exceeded the max emails per hour (15/15 (100%)) allowed",
        "550 5.4.5 Daily sending quota exceeded",
        "554 no",
        "550",
        "550 5.2.0 not delivered",
        "550 5.1.0 rejected",
        "550 5.1.7 bad sender address",
        "550 5.1.8 bad sender system",
        "550 5.1.1 <desk@example.org>: Sender address rejected: User unknown in local recipient table",
        "550 5.1.1 user unknown",
        "550 5.1.2 host unknown",
        "556 5.1.10 recipient address has null MX",
        "550 5.2.252 SendAsDenied",
    ],
)
@pytest.mark.thinned
def test_refusals_in_mid_send_that_are_about_us_pause_it_and_nobody_fails_or_is_suppressed(
    besiege: Callable[..., Siege], reply: str
) -> None:
    siege = besiege(readers=58, domains=DOMAINS, judge={"RCPT": ["250 ok"] * 15 + [reply] * ALWAYS})
    ran = siege.run(*SEND)
    assert ran.code == 4, ran.err
    assert reply.partition(" ")[0] in ran.err
    proof = siege.prove(state=SendState.PAUSED)
    assert (proof.count(S.ACCEPTED), proof.count(S.FAILED), proof.count(S.PENDING)) == (15, 0, 43)
    assert siege.run("suppress", "list").out.count("@") == 0
    assert "bounced" not in (siege.folder / "subscribers" / "readers.csv").read_text(encoding="utf-8")
    siege.judge.replies["RCPT"].clear()
    assert siege.run(*RESUME).code == 0
    assert siege.prove().count(S.ACCEPTED) == 58


def test_the_same_bare_refusal_in_two_sends_suppresses_nobody(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=12, judge={"RCPT": ["250 ok"] * 3 + ["550"] * 9})
    assert siege.run(*SEND).code == 1
    assert siege.prove().count(S.FAILED) == 9
    siege.judge.replies["RCPT"].extend(["550"] * 9)
    siege.run("resend", "1", "--failed", "--yes")
    assert siege.run("suppress", "list").out.count("@") == 0


def test_dead_mailboxes_among_good_ones_are_suppressed(besiege: Callable[..., Siege]) -> None:
    dead = ["550 5.1.1 user unknown", "550 5.1.2 host unknown", "556 5.1.10 recipient address has null MX"]
    answers = [reply for each in dead * 4 for reply in ("250 ok", each)]
    siege = besiege(readers=40, connections=1, domains=DOMAINS, judge={"RCPT": answers})
    assert siege.run(*SEND).code == 1
    assert siege.prove().count(S.FAILED) == 12
    assert siege.run("suppress", "list").out.count("@") == 12


def test_readers_who_were_taken_back_come_last_when_the_send_goes_on(tmp_path: Path) -> None:
    server = Scripted(RCPT=["250 ok"] * 5 + ["550 5.1.1 user unknown"] * ALWAYS)
    run = SendRun(tmp_path, readers(40), server, options=replace(OPTIONS, connections=1))
    ending, _ = run.run()
    assert ending.end is StopReason.PAUSED
    with App.open(run.app.workspace.root) as app:
        app.ledger.sends.resume(run.send.id)
        with app.ledger.leases.acquire(run.send.id, retry_for=3600) as leased:  # type: ignore[union-attr]
            claims = asyncio.run(leased.claim(100, app.clock()))
    again = [claim.address for claim in claims]
    assert again == readers(40)[15:] + readers(40)[5:15]


@pytest.mark.parametrize(
    "bad",
    [
        {"RCPT": ["550 5.7.1 not from you"] * ALWAYS},
        {"RCPT": ["550"] * ALWAYS},
        {"RCPT": ["550 5.1.1 user unknown"] * ALWAYS},
        {"MAIL": ["550 5.7.1 sender not allowed"] * ALWAYS},
        {"MAIL": ["530 5.7.0 log in first"] * ALWAYS},
        {"END_OF_DATA": ["554 5.7.1 looks like spam"] * ALWAYS},
        {"CONNECT": ["554 5.7.1 go away"] * ALWAYS},
        {"END_OF_DATA": [DROP] * ALWAYS},
    ],
    ids=lambda bad: " ".join(f"{verb} {replies[0]}" for verb, replies in bad.items()),
)
def test_one_of_two_relays_refuses_everything_and_the_other_one_mails_everybody(
    tmp_path: Path, bad: dict[str, list[str]]
) -> None:
    run = SendRun(tmp_path, readers(60), Scripted(**bad), good := Scripted(), options=replace(OPTIONS, connections=4))
    run.chance = cycle((0.1, 0.6)).__next__  # each relay gets half of the connections
    ending, result = run.run()
    uncertain = 60 - messages(good)
    assert ending.end is StopReason.FINISHED
    assert counts(result) == (
        {"accepted": 60} if not uncertain else {"accepted": 60 - uncertain, "uncertain": uncertain}
    )
    assert uncertain == 0 or bad.keys() == {"END_OF_DATA"}
    assert run.suppressed() == []
    assert run.sender
    assert uncertain or f"127.0.0.1:{run.servers[0].port}" in run.sender.progress.excluded_relays[0]


def test_two_relays_that_refuse_everything_pause_the_send_with_both_reasons(tmp_path: Path) -> None:
    servers = [Scripted(MAIL=["550 5.7.1 sender not allowed"] * ALWAYS), Scripted(RCPT=["550 5.7.1 policy"] * ALWAYS)]
    run = SendRun(tmp_path, readers(60), *servers)
    ending, result = run.run()
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 60})
    assert "sender not allowed" in ending.reason
    assert f"refused {BREAKER} messages in a row (550 5.7.1 policy)" in ending.reason


@pytest.mark.parametrize("connections", [1, 4])
def test_a_small_limit_of_size_at_one_relay_leaves_the_mail_to_the_other(tmp_path: Path, connections: int) -> None:
    small, good = Scripted(extensions=("PIPELINING", "SIZE 100")), Scripted()
    run = SendRun(tmp_path, readers(30), small, good, options=replace(NEVER_RETRIED, connections=connections))
    ending, result = run.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 30})
    assert messages(small) == 0


def test_a_message_that_is_too_big_for_every_relay_pauses_the_send(tmp_path: Path) -> None:
    servers = [Scripted(extensions=("PIPELINING", "SIZE 100")), Scripted(END_OF_DATA=["552 5.3.4 too big"] * ALWAYS)]
    ending, result = SendRun(tmp_path, readers(30), *servers).run()
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 30})
    assert "message too big" in ending.reason


HINDI = "दीपा@example.com"
UTF8 = ("PIPELINING", "SMTPUTF8", "8BITMIME")


@pytest.mark.parametrize("lacking", [{}, {"extensions": UTF8, "MAIL": ["555 5.5.4 SMTPUTF8 is not supported"] * 1}])
def test_a_reader_who_needs_smtputf8_is_mailed_by_the_relay_that_has_it(
    tmp_path: Path, lacking: dict[str, list[str]]
) -> None:
    without, having = Scripted(**lacking), Scripted(extensions=UTF8)
    run = SendRun(tmp_path, [HINDI], without, having, options=replace(NEVER_RETRIED, connections=1))
    run.chance = lambda: 0.0  # the first relay that is available
    ending, result = run.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 1})
    assert messages(having) == 1


@pytest.mark.thinned
@pytest.mark.parametrize("reply", ["555 5.5.4 unsupported", "550 5.6.7 no", "501 5.5.4 bad parameter"])
def test_a_parameter_that_one_reader_needs_fails_that_reader_alone_by_name(
    besiege: Callable[..., Siege], reply: str
) -> None:
    siege = besiege(readers=20, connections=2, judge={"extensions": UTF8})
    hindi, answer = HINDI, siege.judge.answer  # type: ignore[attr-defined]

    async def answering(verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "MAIL" and "SMTPUTF8" in siege.judge.log[-1]:  # type: ignore[attr-defined]
            siege.judge.replies[verb].appendleft(reply)  # type: ignore[attr-defined]
        return bool(await answer(verb, writer))

    siege.judge.answer = answering  # type: ignore[attr-defined]
    with (siege.folder / "subscribers" / "readers.csv").open("a", encoding="utf-8") as file:
        file.write(f"{hindi},Deepa,Lisbon\n")
    siege.everybody.append(hindi)
    assert siege.run(*SEND).code == 1
    proof = siege.prove()
    assert (proof.count(S.ACCEPTED), proof.states[hindi]) == (20, S.FAILED)
    assert siege.run("suppress", "list").out.count("@") == 0
    assert hindi in siege.run("report", "1", "--csv", "-").out


@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("DATA", "452 4.4.5 too much"),
        ("MAIL", "451 too many messages in this session"),
        ("RCPT", "450 4.7.1 Error: too many messages on this connection"),
        ("END_OF_DATA", "451 4.7.0 too many messages in this session"),
        ("RCPT", "550 too many messages in this session"),
    ],
)
def test_a_relay_that_takes_few_messages_on_a_connection_is_asked_on_a_new_one_and_that_is_learned(
    tmp_path: Path, verb: str, reply: str
) -> None:
    class Limited(Scripted):
        limit = 10

        async def answer(self, answered: str, writer: asyncio.StreamWriter) -> bool:
            taken = self.taken.setdefault(id(writer), 0)
            if answered == verb and taken >= self.limit:
                self.refused += 1
                self.replies[verb].appendleft(reply)
            going = await super().answer(answered, writer)
            if answered == "END_OF_DATA" and self._last.startswith("2"):
                self.taken[id(writer)] += 1
            if answered == "CONNECT":
                self.taken[id(writer)] = 0
            return going

    server = Limited()
    server.taken, server.refused = {}, 0
    run = SendRun(tmp_path, readers(55), server, options=replace(NEVER_RETRIED, connections=1))
    ending, result = run.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 55})
    assert server.refused == 1, "after the first time it is known"
    assert server.connections == 6


@pytest.mark.thinned
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END_OF_DATA"])
def test_a_relay_that_asks_for_time_gets_it_while_everybody_stays_pending(
    besiege: Callable[..., Siege], verb: str
) -> None:
    good = {"DATA": "354 go on"}.get(verb, "250 ok")
    slow = {verb: [good] * 10 + ["450 4.7.1 Error: you are sending too fast"] * 6}
    siege = besiege(readers=40, connections=4, RETRY="3600", judge=slow)
    assert siege.run(*SEND).code == 0
    assert siege.prove().count(S.ACCEPTED) == 40


OURS_FOR_NOW = [
    "454 4.7.1 <ana@example.com>: Relay access denied",
    "450 4.1.8 <desk@example.org>: Sender address rejected: Domain not found",
    "450 4.7.25 Client host rejected: cannot find your hostname, [203.0.113.5]",
]


@pytest.mark.parametrize("reply", OURS_FOR_NOW)
def test_a_relay_that_refuses_us_for_now_never_defers_a_reader_and_pauses_the_send_in_the_end(
    tmp_path: Path, reply: str
) -> None:
    options = replace(NEVER_RETRIED, pool=HASTY)
    ending, result = SendRun(tmp_path, readers(20), Scripted(RCPT=[reply] * ALWAYS), options=options).run()
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 20})
    assert reply in ending.reason


@pytest.mark.parametrize("reply", OURS_FOR_NOW)
def test_one_of_two_relays_refuses_us_for_now_and_the_other_one_mails_everybody(tmp_path: Path, reply: str) -> None:
    run = SendRun(tmp_path, readers(40), Scripted(RCPT=[reply] * ALWAYS), Scripted(), options=NEVER_RETRIED)
    run.chance = cycle((0.1, 0.6)).__next__
    ending, result = run.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 40})


class Choosy(Scripted):
    """Refuses the readers in `refused` at RCPT by `reply`, always."""

    refused: tuple[str, ...] = ()
    reply = ""

    async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "RCPT" and any(each in self.log[-1] for each in self.refused):
            self.replies[verb].appendleft(self.reply)
        return await super().answer(verb, writer)


@pytest.mark.parametrize(
    "reply", ["421 4.7.0 closing", "452 4.5.3 Too many recipients", "450 4.7.1 rate limit of this domain"]
)
def test_the_last_reader_of_a_send_is_deferred_and_does_not_keep_the_send_running(tmp_path: Path, reply: str) -> None:
    server = Choosy()
    server.refused, server.reply = ("reader19@",), reply
    ending, result = SendRun(tmp_path, readers(20), server, options=NEVER_RETRIED).run(wait=False)
    assert (ending.end, counts(result)) == (StopReason.WAITING, {"accepted": 19, "deferred": 1})


def test_one_domain_that_refuses_us_for_now_through_the_relay_holds_up_nobody_else(tmp_path: Path) -> None:
    server = Choosy()
    server.refused, server.reply = ("@example.net",), "450 4.7.1 your IP is blocked using zen.spamhaus.org"
    ending, result = SendRun(tmp_path, readers(30), server, options=NEVER_RETRIED).run(wait=False)
    assert (ending.end, counts(result)) == (StopReason.WAITING, {"accepted": 20, "deferred": 10})


def test_a_relay_that_asks_us_to_wait_for_longer_than_a_message_is_retried_is_excluded(tmp_path: Path) -> None:
    server = Choosy()
    server.refused, server.reply = ("reader18@", "reader19@"), "450 4.7.1 rate limit exceeded"
    options = replace(NEVER_RETRIED, retry=RetryPolicy(delays=(PATIENCE,), lifetime=1))
    ending, result = SendRun(tmp_path, readers(20), server, options=options).run()
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"accepted": 18, "pending": 2})
    assert server.reply in ending.reason


def test_a_relay_that_does_not_know_our_own_address_suppresses_nobody(tmp_path: Path) -> None:
    run = SendRun(
        tmp_path, readers(20), Scripted(RCPT=["250 ok"] * 5 + ["550 5.1.1 Unknown user: desk@example.org"] * 5)
    )
    _, result = run.run()
    assert counts(result) == {"accepted": 15, "failed": 5}
    assert run.suppressed() == []


def test_a_relay_that_refuses_connections_by_their_rate_is_not_excluded(tmp_path: Path) -> None:
    server = Scripted(CONNECT=["550 5.7.1 connection rate limit exceeded"] * 3)
    ending, result = SendRun(tmp_path, 5, server, options=NEVER_RETRIED).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 5})


def test_a_recipient_whom_a_relay_takes_no_more_of_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    class Fussy(Scripted):
        async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
            if verb == "RCPT" and "reader3@" in self.log[-1]:
                self.replies[verb].append("450 4.7.1 rate limit of this domain")
            return await super().answer(verb, writer)

    options = replace(OPTIONS, retry=RetryPolicy(delays=(0.05,), lifetime=0.5))
    ending, result = SendRun(tmp_path, readers(30), Fussy(), options=options).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 29, "failed": 1})


@pytest.mark.thinned
@pytest.mark.parametrize("limits", [{"RATE": "8"}, {"DOMAIN_RATE": '{"*": 8}'}])
def test_a_rate_holds_over_all_sends_of_a_ledger(besiege: Callable[..., Siege], limits: dict[str, str]) -> None:
    siege = besiege(readers=24, domains=("example.com",), **limits)
    other = siege.folder / "dispatches" / "ebb.md"
    other.write_text(
        (siege.folder / "dispatches" / "tide.md").read_text("utf-8").replace("tide table", "ebb table"), "utf-8"
    )
    begun = time.monotonic()
    processes = [siege.start(*SEND), siege.start("send", "ebb", "--to", "readers", "--yes", "--json")]
    for process in processes:
        ran = process.wait()
        assert ran.code == 0, ran.err
    seconds = time.monotonic() - begun
    assert sum(siege.judge.accepted.values()) == 48
    assert seconds >= (48 - 2 * 8) / 8 - 1, "eight a second, but for the first second of both"


def test_connections_are_shared_by_all_sends_of_a_ledger(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=100, connections=4, judge={"delay": 0.05})
    (siege.folder / "dispatches" / "ebb.md").write_text(
        (siege.folder / "dispatches" / "tide.md").read_text("utf-8").replace("tide table", "ebb table"), "utf-8"
    )
    judge, together, open_now = siege.judge, [], [0]
    serve, answer = judge.serve, judge.answer  # type: ignore[attr-defined]

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now[0] += 1
        try:
            await serve(reader, writer)
        finally:
            open_now[0] -= 1

    async def answering(verb: str, writer: asyncio.StreamWriter) -> bool:
        together.append(open_now[0])
        return bool(await answer(verb, writer))

    judge.serve, judge.answer = serving, answering  # type: ignore[attr-defined]
    processes = [siege.start(*SEND), siege.start("send", "ebb", "--to", "readers", "--yes", "--json")]
    assert [process.wait().code for process in processes] == [0, 0]
    assert sum(judge.accepted.values()) == 200
    assert max(together[len(together) // 2 :]) <= 4, "as soon as each knows of the other"
