"""The failure policy, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.smtp.classify import Outcome, classify, connection_lost, not_offered
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage


def reply(words: str) -> Reply:
    code, _, enhanced = words.partition(" ")
    return Reply(code=int(code), enhanced=enhanced)


@pytest.mark.parametrize(
    ("stage", "words", "outcome", "flags"),
    [
        (Stage.END_OF_DATA, "250", Outcome.ACCEPTED, ""),
        (Stage.END_OF_DATA, "251 2.0.0", Outcome.ACCEPTED, ""),
        (Stage.END_OF_DATA, "451 4.3.0", Outcome.DEFERRED, "is_throttling"),
        (Stage.END_OF_DATA, "421 4.3.2", Outcome.DEFERRED, "is_throttling close"),
        (Stage.END_OF_DATA, "554 5.7.1", Outcome.FAILED, "policy"),
        (Stage.END_OF_DATA, "554", Outcome.FAILED, "policy"),
        (Stage.END_OF_DATA, "550", Outcome.FAILED, "policy"),
        (Stage.END_OF_DATA, "550 5.1.1", Outcome.FAILED, "suppress"),
        (Stage.END_OF_DATA, "552 5.2.2", Outcome.FAILED, ""),
        (Stage.END_OF_DATA, "552 5.3.4", Outcome.UNSENT, "halt close"),
        (Stage.END_OF_DATA, "354", Outcome.UNCERTAIN, "close"),
        (Stage.RCPT, "450 4.2.0", Outcome.DEFERRED, "is_throttling"),
        (Stage.RCPT, "471", Outcome.DEFERRED, ""),
        (Stage.RCPT, "550 5.1.1", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 5.1.2", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "553 5.1.3", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "556 5.1.10", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 5.1.6", Outcome.FAILED, ""),
        (Stage.RCPT, "550", Outcome.FAILED, "is_plain_550"),
        (Stage.RCPT, "550 5.7.1", Outcome.FAILED, "policy"),
        (Stage.RCPT, "552 5.2.2", Outcome.FAILED, ""),
        (Stage.RCPT, "530 5.7.0", Outcome.UNSENT, "halt close"),
        (Stage.RCPT, "421", Outcome.UNSENT, "is_throttling close"),
        (Stage.MAIL, "451", Outcome.DEFERRED, "is_throttling"),
        (Stage.MAIL, "550", Outcome.UNSENT, "halt close"),
        (Stage.MAIL, "552", Outcome.UNSENT, "halt close"),
        (Stage.MAIL, "354", Outcome.UNSENT, "close"),
        (Stage.DATA, "451", Outcome.DEFERRED, "is_throttling"),
        (Stage.DATA, "554 5.5.1", Outcome.FAILED, "policy"),
        (Stage.DATA, "250", Outcome.UNSENT, "close"),
    ],
)
def test_the_outcome_of_each_reply(stage: Stage, words: str, outcome: Outcome, flags: str) -> None:
    found = classify(reply(words), stage)
    assert found.outcome is outcome
    named = ("halt", "close", "policy", "is_throttling", "suppress", "is_plain_550")
    assert {name for name in named if getattr(found, name)} == set(flags.split())


@given(
    code=st.integers(0, 999),
    enhanced=st.sampled_from(["", "5.1.1", "4.7.1", "5.7.1", "9.9.9"]),
    stage=st.sampled_from(Stage),
)
def test_every_reply_has_a_classification_and_only_2xx_to_end_of_data_is_an_acceptance(
    code: int, enhanced: str, stage: Stage
) -> None:
    found = classify(Reply(code=code, enhanced=enhanced), stage)
    assert (found.outcome is Outcome.ACCEPTED) == (stage is Stage.END_OF_DATA and 200 <= code < 300)
    if found.halt or stage is Stage.MAIL:
        assert found.outcome is not Outcome.FAILED, "a delivery fails only for a reason that is about its recipient"
    assert not found.suppress or found.outcome is Outcome.FAILED


@pytest.mark.parametrize("stage", Stage)
def test_a_lost_connection_is_uncertain_only_after_end_of_data(stage: Stage) -> None:
    assert connection_lost(stage, "connection lost").outcome is (
        Outcome.UNCERTAIN if stage is Stage.END_OF_DATA else Outcome.UNSENT
    )


def test_a_missing_extension_fails_the_delivery_without_suppressing() -> None:
    found = not_offered("SMTPUTF8")
    assert found.outcome is Outcome.FAILED
    assert not found.suppress
    assert not found.is_plain_550
    assert not found.policy
