"""The result policy: what a result means for its delivery, its relay and its send, where the reply alone does not tell."""

from typing import Any

import pytest

from mailer.delivery.queue_port import Claim
from mailer.delivery.result_policy import MAX_RELEASES, EndedAttempt, ResultDecision, decide_after_attempt
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.states import DeliveryState as S
from mailer.smtp.classify import Parameter, classify, connection_lost, not_offered
from mailer.smtp.reply_parser import make_reply
from mailer.smtp.session import CANCELLED, AttemptResult
from mailer.smtp.stage import Stage

CLAIM = Claim(7, "ana@example.com", "ana@example.com", {}, attempt=1, date=1_000.0, opened_at=1_001.0)
RETRY = RetryPolicy(delays=(60,), lifetime=600, jitter=0)
RELAY = "smtp.example.org:25"


def replied(line: str, stage: Stage) -> AttemptResult:
    code, _, rest = line.partition(" ")
    reply = make_reply(int(code), (rest, "so it is"))
    return AttemptResult(classify(reply, stage), stage, reply)


def broken(stage: Stage) -> AttemptResult:
    return AttemptResult(connection_lost(stage, "connection lost"), stage)


def decided(result: AttemptResult, **circumstances: Any) -> ResultDecision:
    attempt = {
        "claim": CLAIM,
        "result": result,
        "at": 1_010.0,
        "relay": RELAY,
        "relay_has_worked": True,
        "relay_has_accepted": True,
        "relay_accepts": True,
        "is_open": result.reply is not None,
        "is_first": False,
        "closed_by_us": result.cancelled,
        "releases": 0,
        "stopping": False,
    }
    return decide_after_attempt(EndedAttempt(**{**attempt, **circumstances}), retry=RETRY, chance=0.5)


def test_a_deferred_delivery_has_its_next_attempt_and_the_reply() -> None:
    result = decided(replied("450 4.2.0", Stage.RCPT)).result
    assert result
    assert (result.delivery_id, result.attempt, result.state) == (7, 1, S.DEFERRED)
    assert (result.at, result.opened_at, result.next_at) == (1_010.0, 1_001.0, 1_070.0)
    assert (result.stage, result.relay, result.reason) == (Stage.RCPT, RELAY, "deferred at rcpt")
    assert str(result.reply) == "450 4.2.0 so it is"


def test_after_its_lifetime_a_deferred_delivery_is_expired() -> None:
    result = decided(replied("450 4.2.0", Stage.RCPT), at=1_600.0).result
    assert result
    assert (result.state, result.reason, result.next_at) == (S.FAILED, "expired", None)


@pytest.mark.parametrize(
    ("ended", "domain", "relay"),
    [
        (replied("450 4.2.0", Stage.RCPT), True, False),
        (replied("452 4.3.1", Stage.END_OF_DATA), False, True),
        (replied("450 4.7.1 rate limit", Stage.RCPT), False, True),
        (replied("454 4.7.0 too many connections", Stage.MAIL), False, True),
        (replied("471", Stage.RCPT), False, False),
    ],
)
def test_a_reply_throttles_the_domain_or_the_relay(ended: AttemptResult, domain: bool, relay: bool) -> None:
    decision = decided(ended, is_first=True)
    assert (decision.throttles_domain, decision.throttles_relay) == (domain, relay)


@pytest.mark.parametrize(
    ("ended", "circumstances", "works", "failed"),
    [
        (replied("550 5.1.1", Stage.RCPT), {}, True, False),
        (replied("421 4.3.2", Stage.END_OF_DATA), {"is_open": False, "is_first": True}, True, False),
        (replied("421 4.3.2", Stage.MAIL), {"is_open": False, "is_first": True}, False, True),
        (broken(Stage.RCPT), {"is_first": True}, False, True),
        (broken(Stage.END_OF_DATA), {"is_first": True}, False, True),
        (broken(Stage.END_OF_DATA), {}, False, False),
        (broken(Stage.TEXT), {"is_first": True, "closed_by_us": True}, False, False),
        (AttemptResult(CANCELLED, Stage.DATA, cancelled=True), {"is_first": True}, False, False),
        (AttemptResult(not_offered(Parameter.SMTPUTF8), Stage.MAIL), {"is_open": True, "is_first": True}, False, False),
        (AttemptResult(not_offered(Parameter.SIZE), Stage.MAIL), {"is_open": False, "is_first": True}, False, False),
        (replied("554 5.7.1 spam", Stage.TEXT), {"is_open": False, "is_first": True}, True, False),
        (replied("451 4.3.0", Stage.MAIL), {"is_open": False, "is_first": True}, False, True),
        (replied("450 4.7.1 rate limit", Stage.RCPT), {"is_open": False, "is_first": True}, False, False),
    ],
)
def test_what_a_result_says_about_the_relay(
    ended: AttemptResult, circumstances: dict[str, bool], works: bool, failed: bool
) -> None:
    decision = decided(ended, **circumstances)
    assert (decision.relay_works, decision.relay_failed) == (works, failed)


def test_a_delivery_whose_connections_keep_breaking_is_deferred_in_the_end() -> None:
    released = [decided(broken(Stage.RCPT), releases=times).result for times in range(MAX_RELEASES)]
    assert released == [None] * MAX_RELEASES
    result = decided(broken(Stage.RCPT), releases=MAX_RELEASES).result
    assert result
    assert (result.state, result.next_at) == (S.DEFERRED, 1_070.0)


@pytest.mark.parametrize(
    ("ended", "circumstances"),
    [
        (broken(Stage.RCPT), {"relay_has_worked": False}),
        (broken(Stage.RCPT), {"stopping": True}),
        (broken(Stage.TEXT), {"closed_by_us": True}),
        (AttemptResult(CANCELLED, Stage.DATA, cancelled=True), {}),
        (replied("550 5.7.1", Stage.MAIL), {}),
    ],
)
def test_a_delivery_that_did_not_break_its_connection_is_released_any_number_of_times(
    ended: AttemptResult, circumstances: dict[str, bool]
) -> None:
    decision = decided(ended, releases=100, **circumstances)
    assert (decision.result, decision.is_suspect) == (None, False)


def test_a_relay_that_refuses_the_sender_is_excluded_with_its_reply() -> None:
    decision = decided(replied("550 5.7.1", Stage.MAIL))
    assert (decision.exclude_relay, decision.halt) == ("sender refused (550 5.7.1 so it is)", "")
    assert decided(replied("550 5.1.1", Stage.RCPT)).exclude_relay == ""


@pytest.mark.parametrize("line", ["451 too many messages in this session", "452 4.4.5", "450 4.7.1 slow down"])
def test_a_relay_that_takes_no_more_is_asked_on_a_new_connection_and_then_rests(line: str) -> None:
    ended = replied(line, Stage.DATA)
    again = decided(ended, is_open=False)
    assert (again.result, again.on_new_connection, again.relay_waits, again.throttles_relay) == (
        None,
        True,
        False,
        False,
    )
    rests = decided(ended, is_open=False, is_first=True)
    assert (rests.result, rests.on_new_connection, rests.relay_waits, rests.throttles_relay) == (None, True, True, True)


def test_what_a_relay_takes_no_more_of_is_deferred_only_if_it_takes_others_meanwhile() -> None:
    ended = replied("450 4.7.1 too many messages to this domain per minute", Stage.RCPT)
    assert decided(ended, is_open=False, relay_accepts=False, releases=100).result is None
    result = decided(ended, is_open=False, relay_accepts=True, releases=MAX_RELEASES).result
    assert result
    assert result.state is S.DEFERRED


def test_what_one_relay_lacks_waits_for_another_that_may_have_it() -> None:
    lacking = AttemptResult(not_offered(Parameter.SMTPUTF8), Stage.MAIL)
    waiting, failing = decided(lacking, may_suit_another=True).result, decided(lacking).result
    assert waiting
    assert failing
    assert (waiting.state, failing.state, failing.suppress) == (S.DEFERRED, S.FAILED, False)


def test_a_message_that_no_relay_takes_pauses_the_send() -> None:
    too_big = AttemptResult(not_offered(Parameter.SIZE), Stage.MAIL)
    assert (decided(too_big).result, decided(too_big).halt) == (None, f"{RELAY}: message too big")
    assert decided(too_big, may_suit_another=True).halt == ""


@pytest.mark.parametrize(
    ("ended", "has_accepted", "refusal", "about_us"),
    [
        (replied("554 5.7.1", Stage.END_OF_DATA), True, True, True),
        (replied("550", Stage.RCPT), True, True, False),
        (replied("550", Stage.RCPT), False, True, True),
        (replied("550 5.1.1", Stage.RCPT), False, True, False),
        (replied("550 5.4.5", Stage.RCPT), True, True, True),
        (replied("450 4.2.0", Stage.RCPT), False, False, False),
        (broken(Stage.END_OF_DATA), False, False, False),
    ],
)
def test_which_results_count_towards_the_breaker(
    ended: AttemptResult, has_accepted: bool, refusal: bool, about_us: bool
) -> None:
    decision = decided(ended, relay_has_accepted=has_accepted)
    assert (decision.is_refusal, decision.is_about_us) == (refusal, about_us)
