"""A whole send against relays that misbehave: which deliveries fail, which do not, and how the send ends."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from mailer.app import App
from mailer.delivery.breaker import BREAKER
from mailer.delivery.limit_share import NOTHING, Share
from mailer.delivery.queue_port import Claim
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.run_result import StopReason
from mailer.delivery.throttle import RateLimits
from mailer.ledger.queue.leased_shard import LeasedShard
from mailer.ledger.types.errors import LedgerError
from mailer.service.sends.summary import send_object
from mailer.smtp.connect import Timeouts
from tests.support.patience import run_unhurried, until_holds
from tests.support.scripted import DROP, SILENCE, Scripted
from tests.support.sendruns import HASTY, OPTIONS, POOL, SendRun, counts, messages


def test_all_messages_are_accepted(tmp_path: Path) -> None:
    server = Scripted()
    ending, result = SendRun(tmp_path, 20, server).run()
    assert (ending.end, result["state"], counts(result)) == (StopReason.FINISHED, "finished", {"accepted": 20})
    assert messages(server) == 20
    assert server.connections <= OPTIONS.connections


def test_deferred_deliveries_are_tried_again_and_accepted(tmp_path: Path) -> None:
    server = Scripted(
        MAIL=["451 4.3.0 later"],
        RCPT=["450 4.2.0 later"] * 5,
        DATA=["451 4.3.0 later"],
        END_OF_DATA=["452 4.3.1 full"] * 3,
    )
    ending, result = SendRun(tmp_path, 10, server).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 10})


def test_without_wait_the_run_ends_when_the_send_is_waiting(tmp_path: Path) -> None:
    options = replace(OPTIONS, retry=RetryPolicy(delays=(30,), lifetime=60))
    ending, result = SendRun(tmp_path, 5, Scripted(RCPT=["450 4.2.0 later"]), options=options).run(wait=False)
    assert (ending.end, result["state"], counts(result)) == (
        StopReason.WAITING,
        "waiting",
        {"accepted": 4, "deferred": 1},
    )
    assert ending.next_at


def test_a_deferred_delivery_fails_as_expired_after_its_lifetime(tmp_path: Path) -> None:
    options = replace(OPTIONS, retry=RetryPolicy(delays=(0.05,), lifetime=0.3))
    stage = SendRun(tmp_path, 1, Scripted(RCPT=["450 4.2.0 later"] * 100), options=options)
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"failed": 1})


def test_421_after_every_message_does_not_stop_the_send(tmp_path: Path) -> None:
    server = Scripted(MAIL=["250 ok", "421 4.3.2 enough"] * 30)
    ending, result = SendRun(tmp_path, 12, server).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 12})
    assert server.connections > 5


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_connection_dropped_before_end_of_data_fails_no_delivery(tmp_path: Path, verb: str) -> None:
    server = Scripted(**{verb: ["250 ok" if verb != "DATA" else "354 go on", DROP] * 4})
    ending, result = SendRun(tmp_path, 8, server).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 8})
    assert messages(server) == 8


def test_a_delivery_is_uncertain_and_not_retried_if_the_connection_drops_after_end_of_data(tmp_path: Path) -> None:
    server = Scripted(END_OF_DATA=["250 ok", DROP])
    ending, result = SendRun(tmp_path, 6, server).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 5, "uncertain": 1})
    assert messages(server) == 6


def test_a_relay_that_drops_every_connection_after_its_first_message_pauses_the_send(tmp_path: Path) -> None:
    options = replace(OPTIONS, connections=BREAKER)
    ending, result = SendRun(tmp_path, 60, Scripted(END_OF_DATA=[DROP] * 1000), options=options).run()
    assert ending.end is StopReason.PAUSED
    assert "connections in a row after a message, without a reply" in ending.reason
    uncertain = result["uncertain"]
    assert isinstance(uncertain, int)
    assert BREAKER <= uncertain <= 2 * BREAKER
    assert counts(result) == {"uncertain": uncertain, "pending": 60 - uncertain}


def test_a_send_ends_when_the_ledger_fails_while_it_has_no_share_of_the_limits(tmp_path: Path) -> None:
    answers = iter([NOTHING])

    async def fair_share(_: LeasedShard) -> Share:
        for share in answers:
            return share
        raise LedgerError("The database cannot be reached.")

    with patch.object(LeasedShard, "fair_share", fair_share), pytest.raises(LedgerError):
        SendRun(tmp_path, 3, Scripted()).run()


def test_messages_under_way_on_other_connections_end_when_the_ledger_fails_on_one(tmp_path: Path) -> None:
    stage = SendRun(tmp_path, 2, Scripted(END_OF_DATA=["250 taken", "250 taken"]))
    original = LeasedShard.begin_sending
    begun: list[Claim] = []

    async def begin_sending(self: LeasedShard, claim: Claim) -> bool:
        begun.append(claim)
        if len(begun) == 1:
            return await original(self, claim)
        raise LedgerError("The disk is full.")

    with patch.object(LeasedShard, "begin_sending", begin_sending), pytest.raises(LedgerError):
        stage.run()
    with App.open(stage.app.workspace.root) as app:
        result = send_object(app.ledger.sends.summary(stage.send.id))
    assert counts(result) == {"accepted": 1, "pending": 1}


def test_a_delivery_is_uncertain_at_the_limit_if_the_server_is_silent_after_end_of_data(tmp_path: Path) -> None:
    options = replace(OPTIONS, pool=replace(POOL, limits=Timeouts(end_of_data=20)))
    ending, result = SendRun(tmp_path, 3, Scripted(END_OF_DATA=[SILENCE]), options=options, run=run_unhurried).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 2, "uncertain": 1})


def test_a_message_that_breaks_every_connection_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    server = Scripted()
    stage = SendRun(tmp_path, 6, server, options=replace(OPTIONS, retry=RetryPolicy(delays=(0.05,), lifetime=0.5)))
    poison = "reader3@example.com"
    answer = server.answer

    async def answering(verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "RCPT" and poison in server.log[-1]:
            return False
        return await answer(verb, writer)

    server.answer = answering  # type: ignore[method-assign]
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 5, "failed": 1})


def test_sender_refused_pauses_the_send_and_fails_no_delivery(tmp_path: Path) -> None:
    stage = SendRun(tmp_path, 10, Scripted(MAIL=["550 5.7.1 sender not allowed"] * 20))
    ending, result = stage.run()
    assert (ending.end, result["state"], counts(result)) == (StopReason.PAUSED, "paused", {"pending": 10})
    assert "sender refused" in ending.reason
    assert "5.7.1" in ending.reason
    assert stage.suppressed() == []


@pytest.mark.parametrize("reply", ["554 5.7.1 looks like spam", "550 rejected", "554 no"])
def test_the_breaker_pauses_a_send_refused_by_policy_and_reverts_all_deliveries(tmp_path: Path, reply: str) -> None:
    server = Scripted(END_OF_DATA=[reply] * 100)
    stage = SendRun(tmp_path, 40, server)
    ending, result = stage.run()
    assert (ending.end, result["state"], counts(result)) == (StopReason.PAUSED, "paused", {"pending": 40})
    assert f"refused {BREAKER} messages in a row" in ending.reason
    assert messages(server) <= 20
    assert stage.suppressed() == []


def test_a_few_policy_refusals_fail_their_deliveries(tmp_path: Path) -> None:
    ending, result = SendRun(tmp_path, 20, Scripted(END_OF_DATA=["554 5.7.1 not this one"] * 4)).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 16, "failed": 4})


def test_only_dead_addresses_are_suppressed(tmp_path: Path) -> None:
    stage = SendRun(tmp_path, 6, Scripted(RCPT=["550 5.1.1 nobody", "550 5.2.1 disabled", "550 no", "552 5.2.2 full"]))
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 2, "failed": 4})
    assert len(stage.suppressed()) == 1


def test_a_relay_that_cannot_be_reached_pauses_the_send(tmp_path: Path) -> None:
    server = Scripted(CONNECT=[DROP] * 200)
    ending, result = SendRun(tmp_path, 3, server, options=replace(OPTIONS, pool=HASTY)).run()
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 3})
    assert "127.0.0.1" in ending.reason


def test_a_relay_that_is_busy_briefly_is_tried_again(tmp_path: Path) -> None:
    ending, result = SendRun(tmp_path, 3, Scripted(CONNECT=["421 4.3.2 busy"] * 2)).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 3})


def test_another_relay_takes_over_from_one_that_refuses_us(tmp_path: Path) -> None:
    bad, good = Scripted(CONNECT=["554 5.7.1 go away"] * 20), Scripted()
    ending, result = SendRun(tmp_path, 8, bad, good).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 8})
    assert messages(good) == 8


def test_a_connection_is_closed_after_its_maximum_of_messages(tmp_path: Path) -> None:
    server = Scripted()
    SendRun(tmp_path, 12, server, options=replace(OPTIONS, connections=1, messages_per_connection=5)).run()
    assert server.connections == 3
    assert sum(line == "QUIT" for line in server.log) == 3


def test_a_connection_with_a_slow_quit_does_not_keep_the_run_from_ending(tmp_path: Path) -> None:
    server = Scripted(QUIT=[SILENCE] * 3)
    with patch("mailer.delivery.sender.IDLE", 1000):  # beyond the patience of the stage
        ending, result = SendRun(tmp_path, 3, server, options=replace(OPTIONS, messages_per_connection=1)).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 3})


def test_a_stop_finishes_the_messages_under_way_and_releases_the_rest(tmp_path: Path) -> None:
    server = Scripted()
    stage = SendRun(tmp_path, 200, server)

    async def stop_after_a_few() -> None:
        await until_holds(lambda: len(server.messages) >= 10)
        assert stage.sender
        stage.sender.stop()

    stage.meanwhile = stop_after_a_few
    ending, result = stage.run()
    assert ending.end is StopReason.STOPPED
    assert result["accepted"] == messages(server)
    assert result["pending"] == 200 - messages(server)
    assert result["uncertain"] == 0


def test_a_stop_ends_although_a_server_is_silent_and_records_what_is_uncertain(tmp_path: Path) -> None:
    server = Scripted(END_OF_DATA=[SILENCE] * 10)
    options = replace(OPTIONS, drain_patience=0.3)
    stage = SendRun(tmp_path, 10, server, options=options)

    async def stop_when_silent() -> None:
        await until_holds(lambda: len(server.messages) >= 2)
        assert stage.sender
        stage.sender.stop()

    stage.meanwhile = stop_when_silent
    ending, result = stage.run()
    assert ending.end is StopReason.STOPPED
    assert counts(result) == {"pending": 8, "uncertain": 2}


def test_a_message_that_was_sent_is_uncertain_although_a_stop_comes_while_the_send_is_being_paused(
    tmp_path: Path,
) -> None:
    server = Scripted(END_OF_DATA=[DROP] * 1000)
    stage = SendRun(tmp_path, 60, server, options=replace(OPTIONS, connections=BREAKER, drain_patience=0.3))
    trip, tripping, go_on = LeasedShard.trip_breaker, asyncio.Event(), asyncio.Event()

    async def trip_slowly(self: LeasedShard, reason: str, refused: Sequence[int] = ()) -> None:
        tripping.set()
        await go_on.wait()
        await trip(self, reason, refused)

    async def stop_while_tripping() -> None:
        await tripping.wait()
        assert stage.sender
        stage.sender.stop()
        loops = [task for task in asyncio.all_tasks() if task.get_name().startswith("connection")]
        await until_holds(lambda: any(task.cancelling() for task in loops))
        go_on.set()

    stage.meanwhile = stop_while_tripping
    with patch.object(LeasedShard, "trip_breaker", trip_slowly):
        _, result = stage.run()
    assert counts(result) == {"pending": 60 - messages(server), "uncertain": messages(server)}


def test_nothing_more_is_sent_after_a_pause_from_elsewhere(tmp_path: Path) -> None:
    server = Scripted()
    stage = SendRun(tmp_path, 300, server)

    async def pause_after_a_few() -> None:
        await until_holds(lambda: len(server.messages) >= 10)
        await asyncio.to_thread(stage.app.ledger.sends.pause, stage.send.id, reason="by hand")

    stage.meanwhile = pause_after_a_few
    ending, result = stage.run()
    assert (ending.end, result["state"]) == (StopReason.PAUSED, "paused")
    assert result["accepted"] == messages(server)
    assert result["accepted"] + result["pending"] == 300  # type: ignore[operator]
    assert b"" not in server.messages


def test_a_subscriber_who_unsubscribes_during_the_send_gets_nothing(tmp_path: Path) -> None:
    server = Scripted()
    stage = SendRun(tmp_path, 300, server, options=replace(OPTIONS, connections=1))
    leaver = "reader299@example.com"

    async def leave() -> None:
        await until_holds(lambda: len(server.messages) >= 3)
        await asyncio.to_thread(stage.app.ledger.suppressions.unsubscribe, leaver, source="test")

    stage.meanwhile = leave
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 299, "skipped": 1})
    assert not any(leaver in line for line in server.log if line.startswith("DATA"))
    assert messages(server) == 299
    assert b"" not in server.messages


def test_a_rate_holds_over_all_connections(tmp_path: Path) -> None:
    server = Scripted()
    stage = SendRun(tmp_path, 12, server, options=replace(OPTIONS, connections=4, limits=RateLimits(rate=10)))
    begun = time.monotonic()
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 12})
    assert time.monotonic() - begun >= 0.2, "one at once, then ten a second"


def test_a_domain_gets_no_more_connections_than_its_limit(tmp_path: Path) -> None:
    server = Scripted()
    together = highest = 0
    answer = server.answer

    async def answering(verb: str, writer: asyncio.StreamWriter) -> bool:
        nonlocal together, highest
        if verb == "RCPT":
            together += 1
            highest = max(highest, together)
        if verb == "END_OF_DATA":
            together -= 1
        return await answer(verb, writer)

    server.answer = answering  # type: ignore[method-assign]
    options = replace(OPTIONS, connections=6, limits=RateLimits(domain_connections={"*": 2}))
    ending, result = SendRun(tmp_path, 30, server, options=options).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 30})
    assert highest <= 2


def test_a_relay_that_throttles_gets_fewer_connections_and_everybody_is_mailed(tmp_path: Path) -> None:
    server = Scripted(MAIL=["454 4.7.0 too fast"] * 12)
    options = replace(OPTIONS, connections=8)
    ending, result = SendRun(tmp_path, 60, server, options=options).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 60})


def test_a_relay_that_refuses_everybody_without_saying_why_pauses_the_send(tmp_path: Path) -> None:
    stage = SendRun(tmp_path, 40, Scripted(RCPT=["550 relay not permitted"] * 200))
    ending, result = stage.run()
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 40})
    assert stage.suppressed() == []


def test_a_relay_that_allows_few_connections_gets_no_more_and_is_not_excluded(tmp_path: Path) -> None:
    server = Scripted()
    together = 0
    answer, serve = server.answer, server.serve

    async def serving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal together
        together += 1
        await serve(reader, writer)
        together -= 1

    async def answering(verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "CONNECT" and together > 2:
            writer.write(b"554 5.7.0 too many connections\r\n")
            return False
        return await answer(verb, writer)

    server.answer, server.serve = answering, serving  # type: ignore[method-assign]
    ending, result = SendRun(tmp_path, 200, server, options=replace(OPTIONS, connections=6)).run()
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 200})
    assert server.connections < 60


def test_a_message_that_cannot_be_composed_leaves_no_other_delivery_uncertain(tmp_path: Path) -> None:
    server = Scripted()
    stage = SendRun(tmp_path, 60, server, options=replace(OPTIONS, connections=4))
    stage.spoiled = "reader30@example.com"
    with pytest.raises(ValueError, match="spoiled"):
        stage.run()
    with App.open(stage.app.workspace.root) as app:
        result = send_object(app.ledger.sends.summary(stage.send.id))
    assert result["uncertain"] == 0
    assert result["accepted"] == messages(server)
    assert result["accepted"] + result["pending"] == 60  # type: ignore[operator]


def test_a_relay_that_never_accepts_a_message_fails_no_delivery(tmp_path: Path) -> None:
    server = Scripted(MAIL=[DROP] * 500)
    ending, result = SendRun(tmp_path, 5, server, options=replace(OPTIONS, pool=HASTY)).run()
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 5})
    assert "127.0.0.1" in ending.reason


def test_a_pause_does_not_wait_for_a_relay_that_cannot_be_reached(tmp_path: Path) -> None:
    patient = replace(POOL, connect_patience=3600, first_patience=3600)
    stage = SendRun(tmp_path, 5, Scripted(CONNECT=[DROP] * 1000), options=replace(OPTIONS, pool=patient))

    async def pause() -> None:
        await until_holds(lambda: stage.sender and stage.sender.progress.last_error)
        await asyncio.to_thread(stage.app.ledger.sends.pause, stage.send.id, reason="a misprint")

    stage.meanwhile = pause
    ending, result = stage.run()
    assert (ending.end, ending.reason, counts(result)) == (StopReason.PAUSED, "a misprint", {"pending": 5})
