"""The failure policy, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.smtp.classify import Outcome, Parameter, classify, connection_lost, not_offered, refused_parameter
from mailer.smtp.reply_parser import Reply, make_reply
from mailer.smtp.stage import Stage


def reply(line: str) -> Reply:
    code, _, rest = line.partition(" ")
    return make_reply(int(code), (rest,))


@pytest.mark.parametrize(
    ("stage", "line", "outcome", "flags"),
    [
        (Stage.END_OF_DATA, "250", Outcome.ACCEPTED, ""),
        (Stage.END_OF_DATA, "251 2.0.0", Outcome.ACCEPTED, ""),
        (Stage.END_OF_DATA, "451 4.3.0", Outcome.DEFERRED, "is_throttling"),
        (Stage.END_OF_DATA, "421 4.3.2", Outcome.DEFERRED, "is_throttling close"),
        (Stage.END_OF_DATA, "451 too many messages", Outcome.UNSENT, "is_throttling relay_waits close"),
        (Stage.END_OF_DATA, "554 5.7.1", Outcome.FAILED, "about_us"),
        (Stage.END_OF_DATA, "554", Outcome.FAILED, "about_us unexplained"),
        (Stage.END_OF_DATA, "550", Outcome.FAILED, "about_us unexplained"),
        (Stage.END_OF_DATA, "550 5.1.1", Outcome.FAILED, "suppress"),
        (Stage.END_OF_DATA, "552 5.2.2", Outcome.FAILED, ""),
        (Stage.END_OF_DATA, "552 5.3.4", Outcome.UNSENT, "lacks"),
        (Stage.END_OF_DATA, "354", Outcome.UNCERTAIN, "close"),
        (Stage.TEXT, "554 5.7.1 spam", Outcome.FAILED, "about_us"),
        (Stage.TEXT, "421", Outcome.UNSENT, "is_throttling relay_waits close"),
        (Stage.TEXT, "250", Outcome.UNSENT, "close"),
        (Stage.RCPT, "450 4.2.0", Outcome.DEFERRED, "is_throttling"),
        (Stage.RCPT, "450 4.7.1", Outcome.DEFERRED, "is_throttling"),
        (Stage.RCPT, "450 4.7.1 rate limit", Outcome.UNSENT, "is_throttling relay_waits close"),
        (Stage.RCPT, "471", Outcome.DEFERRED, ""),
        (Stage.RCPT, "550 5.1.1", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 5.1.2", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 5.1.2 Host unknown", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 5.1.2 sender domain does not exist", Outcome.FAILED, "about_us"),
        (Stage.RCPT, "550 5.1.2 mailbox is full", Outcome.FAILED, ""),
        (Stage.RCPT, "550 host unknown", Outcome.FAILED, ""),
        (Stage.RCPT, "556", Outcome.FAILED, ""),
        (Stage.RCPT, "553 5.1.3", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "556 5.1.10", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "556 5.1.10 domain has null MX", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 5.1.6", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 mailbox unavailable", Outcome.FAILED, "unexplained"),
        (Stage.RCPT, "550 5.1.1 mailbox unavailable", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 user may not exist", Outcome.FAILED, ""),
        (Stage.RCPT, "550 5.1.1 user unknown, try again later", Outcome.FAILED, ""),
        (
            Stage.RCPT,
            "454 4.7.1 <ana@example.com>: Relay access denied",
            Outcome.UNSENT,
            "is_throttling relay_waits close",
        ),
        (
            Stage.RCPT,
            "450 4.1.8 Sender address rejected: Domain not found",
            Outcome.UNSENT,
            "is_throttling relay_waits close",
        ),
        (
            Stage.RCPT,
            "450 4.7.25 Client host rejected: cannot find your hostname",
            Outcome.UNSENT,
            "is_throttling relay_waits close",
        ),
        (
            Stage.RCPT,
            "450 4.1.1 undeliverable: host mx.example.com said: 450 blocked using rbl",
            Outcome.DEFERRED,
            "is_throttling",
        ),
        (Stage.RCPT, "451 4.3.0 Temporary lookup failure", Outcome.DEFERRED, "is_throttling"),
        (Stage.RCPT, "550", Outcome.FAILED, "unexplained"),
        (Stage.RCPT, "550 no such user", Outcome.FAILED, "suppress"),
        (Stage.DATA, "550 no such user", Outcome.FAILED, ""),
        (Stage.END_OF_DATA, "550 user unknown", Outcome.FAILED, ""),
        (Stage.END_OF_DATA, "550 5.1.1 user unknown", Outcome.FAILED, "suppress"),
        (Stage.RCPT, "550 5.1.1 sender rejected", Outcome.FAILED, "about_us"),
        (Stage.RCPT, "550 5.1.1 too many messages per hour", Outcome.UNSENT, "about_us"),
        (Stage.RCPT, "550 5.4.5", Outcome.UNSENT, "about_us"),
        (Stage.RCPT, "550 5.7.1", Outcome.FAILED, "about_us"),
        (Stage.RCPT, "552 5.2.2", Outcome.FAILED, ""),
        (Stage.RCPT, "530 5.7.0", Outcome.UNSENT, "excludes_relay close"),
        (Stage.RCPT, "421", Outcome.UNSENT, "is_throttling relay_waits close"),
        (Stage.MAIL, "451", Outcome.UNSENT, "is_throttling relay_waits close"),
        (Stage.MAIL, "550", Outcome.UNSENT, "excludes_relay close"),
        (Stage.MAIL, "550 5.4.5", Outcome.UNSENT, "about_us"),
        (Stage.MAIL, "552", Outcome.UNSENT, "lacks"),
        (Stage.MAIL, "354", Outcome.UNSENT, "close"),
        (Stage.DATA, "451", Outcome.DEFERRED, "is_throttling"),
        (Stage.DATA, "452 4.4.5", Outcome.UNSENT, "is_throttling relay_waits close"),
        (Stage.DATA, "554 5.5.1", Outcome.FAILED, "about_us"),
        (Stage.DATA, "250", Outcome.UNSENT, "close"),
    ],
)
def test_the_outcome_of_each_reply(stage: Stage, line: str, outcome: Outcome, flags: str) -> None:
    found = classify(reply(line), stage)
    assert found.outcome is outcome
    named = (
        "excludes_relay", "lacks", "close", "about_us", "unexplained", "is_throttling", "relay_waits", "suppress"
    )  # fmt: skip
    assert {name for name in named if getattr(found, name)} == set(flags.split())


@pytest.mark.parametrize(
    "line", ["550 5.1.1 Unknown user: {}", "550 User {} does not exist", "550 5.1.0 Address rejected. {}"]
)
def test_a_reply_that_names_our_address_is_about_the_sender(line: str) -> None:
    sender, recipient = "desk@example.org", "ana@example.com"
    refused = reply(line.format(f"<{sender.title()}>"))
    found = classify(refused, Stage.RCPT, sender=sender, recipient=recipient)
    assert (found.suppress, found.about_us) == (False, True)
    both = reply(line.format(f"<{recipient}> ({sender})"))
    assert not classify(both, Stage.RCPT, sender=sender, recipient=recipient).about_us


@pytest.mark.parametrize(
    ("stage", "line", "sent", "expected"),
    [
        (Stage.MAIL, "555 5.5.4 unsupported", {Parameter.SMTPUTF8, Parameter.SIZE}, Parameter.SMTPUTF8),
        (Stage.MAIL, "550 5.6.7 no", {Parameter.SMTPUTF8}, Parameter.SMTPUTF8),
        (Stage.MAIL, "501 bad", {Parameter.SMTPUTF8}, Parameter.SMTPUTF8),
        (Stage.MAIL, "555 Unsupported option: RET of DSN", {Parameter.SMTPUTF8, Parameter.DSN}, Parameter.DSN),
        (Stage.MAIL, "501 5.5.4 bad", {Parameter.EIGHT_BIT, Parameter.SIZE}, Parameter.EIGHT_BIT),
        (Stage.MAIL, "555 5.5.4 bad", {Parameter.SIZE}, Parameter.SIZE),
        (Stage.MAIL, "501 5.1.7 bad sender", {Parameter.SMTPUTF8}, None),
        (Stage.MAIL, "550 5.7.1 no", {Parameter.SMTPUTF8}, None),
        (Stage.MAIL, "451 4.5.4 no", {Parameter.SMTPUTF8}, None),
        (Stage.MAIL, "501 bad", set(), None),
        (Stage.RCPT, "555 bad", {Parameter.SMTPUTF8, Parameter.DSN}, Parameter.DSN),
        (Stage.RCPT, "501 bad address", {Parameter.DSN}, None),
        (Stage.DATA, "555 bad", {Parameter.DSN}, None),
    ],
)
def test_a_refused_parameter_is_told_from_a_refused_sender(
    stage: Stage, line: str, sent: set[Parameter], expected: Parameter | None
) -> None:
    assert refused_parameter(reply(line), stage, sent) is expected


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
    if found.excludes_relay or stage is Stage.MAIL:
        assert found.outcome is not Outcome.FAILED, "a delivery fails only for a reason that is about its recipient"
    assert not found.suppress or found.outcome is Outcome.FAILED


@pytest.mark.parametrize("stage", Stage)
def test_a_lost_connection_is_uncertain_only_after_end_of_data(stage: Stage) -> None:
    assert connection_lost(stage, "connection lost").outcome is (
        Outcome.UNCERTAIN if stage is Stage.END_OF_DATA else Outcome.UNSENT
    )


def test_a_missing_extension_fails_the_delivery_without_suppressing() -> None:
    found = not_offered(Parameter.SMTPUTF8)
    assert (found.outcome, found.lacks) == (Outcome.FAILED, Parameter.SMTPUTF8)
    assert not found.suppress
    assert not found.about_us


def test_what_all_messages_need_fails_no_delivery() -> None:
    assert {not_offered(each).outcome for each in (Parameter.SIZE, Parameter.EIGHT_BIT)} == {Outcome.UNSENT}
