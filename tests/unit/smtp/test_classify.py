"""The failure policy, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.types import Reply, Stage
from mailer.smtp.classify import FailureScope, classify, connection_lost, not_offered


def reply(words: str) -> Reply:
    code, _, enhanced = words.partition(" ")
    return Reply(code=int(code), enhanced=enhanced)


@pytest.mark.parametrize(
    ("stage", "words", "state", "scope", "flags"),
    [
        (Stage.END_OF_DATA, "250", S.ACCEPTED, FailureScope.RECIPIENT, ""),
        (Stage.END_OF_DATA, "251 2.0.0", S.ACCEPTED, FailureScope.RECIPIENT, ""),
        (Stage.END_OF_DATA, "451 4.3.0", S.DEFERRED, FailureScope.RECIPIENT, "is_throttling"),
        (Stage.END_OF_DATA, "421 4.3.2", S.DEFERRED, FailureScope.RECIPIENT, "is_throttling close"),
        (Stage.END_OF_DATA, "554 5.7.1", S.FAILED, FailureScope.RECIPIENT, "policy"),
        (Stage.END_OF_DATA, "554", S.FAILED, FailureScope.RECIPIENT, "policy"),
        (Stage.END_OF_DATA, "550", S.FAILED, FailureScope.RECIPIENT, "policy"),
        (Stage.END_OF_DATA, "550 5.1.1", S.FAILED, FailureScope.RECIPIENT, "suppress"),
        (Stage.END_OF_DATA, "552 5.2.2", S.FAILED, FailureScope.RECIPIENT, ""),
        (Stage.END_OF_DATA, "552 5.3.4", S.PENDING, FailureScope.SEND, "halt close"),
        (Stage.END_OF_DATA, "354", S.UNCERTAIN, FailureScope.CONNECTION, "close"),
        (Stage.RCPT, "450 4.2.0", S.DEFERRED, FailureScope.RECIPIENT, "is_throttling"),
        (Stage.RCPT, "471", S.DEFERRED, FailureScope.RECIPIENT, ""),
        (Stage.RCPT, "550 5.1.1", S.FAILED, FailureScope.RECIPIENT, "suppress"),
        (Stage.RCPT, "550 5.1.2", S.FAILED, FailureScope.RECIPIENT, "suppress"),
        (Stage.RCPT, "553 5.1.3", S.FAILED, FailureScope.RECIPIENT, "suppress"),
        (Stage.RCPT, "556 5.1.10", S.FAILED, FailureScope.RECIPIENT, "suppress"),
        (Stage.RCPT, "550 5.1.6", S.FAILED, FailureScope.RECIPIENT, ""),
        (Stage.RCPT, "550", S.FAILED, FailureScope.RECIPIENT, "is_plain_550"),
        (Stage.RCPT, "550 5.7.1", S.FAILED, FailureScope.RECIPIENT, "policy"),
        (Stage.RCPT, "552 5.2.2", S.FAILED, FailureScope.RECIPIENT, ""),
        (Stage.RCPT, "530 5.7.0", S.PENDING, FailureScope.RELAY, "halt close"),
        (Stage.RCPT, "421", S.PENDING, FailureScope.CONNECTION, "is_throttling close"),
        (Stage.MAIL, "451", S.DEFERRED, FailureScope.RECIPIENT, "is_throttling"),
        (Stage.MAIL, "550", S.PENDING, FailureScope.SEND, "halt close"),
        (Stage.MAIL, "552", S.PENDING, FailureScope.SEND, "halt close"),
        (Stage.MAIL, "354", S.PENDING, FailureScope.CONNECTION, "close"),
        (Stage.DATA, "451", S.DEFERRED, FailureScope.RECIPIENT, "is_throttling"),
        (Stage.DATA, "554 5.5.1", S.FAILED, FailureScope.RECIPIENT, "policy"),
        (Stage.DATA, "250", S.PENDING, FailureScope.CONNECTION, "close"),
        (Stage.AUTH, "535 5.7.8", S.PENDING, FailureScope.RELAY, "halt close"),
        (Stage.AUTH, "454 4.7.0", S.PENDING, FailureScope.RELAY, "is_throttling close"),
        (Stage.CONNECT, "554", S.PENDING, FailureScope.RELAY, "halt close"),
        (Stage.CONNECT, "421", S.PENDING, FailureScope.RELAY, "is_throttling close"),
    ],
)
def test_table(stage: Stage, words: str, state: S, scope: FailureScope, flags: str) -> None:
    judged = classify(reply(words), stage)
    assert (judged.state, judged.scope) == (state, scope)
    named = ("halt", "close", "policy", "is_throttling", "suppress", "is_plain_550")
    assert {name for name in named if getattr(judged, name)} == set(flags.split())


@given(
    code=st.integers(0, 999),
    enhanced=st.sampled_from(["", "5.1.1", "4.7.1", "5.7.1", "9.9.9"]),
    stage=st.sampled_from(Stage),
)
def test_every_reply_has_a_verdict_and_only_a_2xx_to_the_dot_is_an_acceptance(
    code: int, enhanced: str, stage: Stage
) -> None:
    judged = classify(Reply(code=code, enhanced=enhanced), stage)
    assert (judged.state is S.ACCEPTED) == (stage is Stage.END_OF_DATA and 200 <= code < 300)
    if judged.scope is not FailureScope.RECIPIENT:
        assert judged.state in {S.PENDING, S.UNCERTAIN}, "nobody is charged for what is not theirs"
        assert not judged.suppress


@pytest.mark.parametrize("stage", Stage)
def test_a_lost_connection_is_uncertain_from_the_dot_on_and_never_before(stage: Stage) -> None:
    assert connection_lost(stage, "connection lost").state is (S.UNCERTAIN if stage is Stage.END_OF_DATA else S.PENDING)


def test_a_missing_extension_fails_the_reader_without_suppressing() -> None:
    judged = not_offered("SMTPUTF8")
    assert judged.state is S.FAILED
    assert not (judged.suppress)
    assert not (judged.is_plain_550)
    assert not (judged.policy)
