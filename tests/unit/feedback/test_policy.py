"""What follows from a bounce, a complaint, an opt-out: the whole table, and the rule about repeated bounces."""

import pytest

from mailer.feedback.bounce_reason import PERMANENT
from mailer.feedback.model import FeedbackKind, recipient_about
from mailer.feedback.policy import (
    BOUNCE_POLICY,
    DAY,
    BounceLimits,
    Effect,
    PastDelivery,
    effect_of,
    has_bounced_repeatedly,
)
from mailer.smtp.refusal_reason import Reason, Subject

NOW = 100 * DAY
BOUNCE, COMPLAINT = FeedbackKind.BOUNCE, FeedbackKind.COMPLAINT


def effect(kind=BOUNCE, reason=Reason.USER_UNKNOWN, *, proven=True, report_type="", permanent=True, **more):
    recipient = recipient_about("ana@example.com", reason, permanent=permanent, **more)
    return effect_of(kind, recipient, report_type, is_proven=proven)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_rule_and_only_an_impossible_address_is_suppressed_at_once(reason):
    assert (BOUNCE_POLICY[reason] is Effect.SUPPRESSED) == (reason in PERMANENT)
    if reason.subject in {Subject.SENDER, Subject.QUOTA, Subject.REPUTATION, Subject.MESSAGE}:
        assert BOUNCE_POLICY[reason] is Effect.OURS


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        (Effect.SUPPRESSED, {}),
        (Effect.WAITING, {"proven": False}),
        (Effect.COUNTED, {"permanent": False}),
        (Effect.NOTED, {"delayed": True}),
        (Effect.COUNTED, {"reason": Reason.MAILBOX_FULL}),
        (Effect.NOTED, {"reason": Reason.MAILBOX_FULL, "proven": False}),
        (Effect.OURS, {"reason": Reason.BLOCKED}),
        (Effect.NOTED, {"reason": Reason.BLOCKED, "proven": False}),
        (Effect.COUNTED, {"reason": Reason.ON_HOLD, "status": "5.0.0"}),
        (Effect.COUNTED, {"reason": Reason.ON_HOLD, "words": "550 no"}),
        (Effect.NOTED, {"reason": Reason.ON_HOLD, "status": "4.0.0"}),
        (Effect.NOTED, {"reason": Reason.ON_HOLD}),
        (Effect.SUPPRESSED, {"kind": COMPLAINT}),
        (Effect.SUPPRESSED, {"kind": COMPLAINT, "report_type": "fraud"}),
        (Effect.WAITING, {"kind": COMPLAINT, "proven": False}),
        (Effect.WAITING, {"kind": COMPLAINT, "report_type": "other"}),
        (Effect.OURS, {"kind": COMPLAINT, "report_type": "auth-failure"}),
        (Effect.NOTED, {"kind": COMPLAINT, "report_type": "not-spam"}),
        (Effect.SUPPRESSED, {"kind": FeedbackKind.UNSUBSCRIBE}),
        (Effect.WAITING, {"kind": FeedbackKind.UNSUBSCRIBE, "proven": False}),
        (Effect.NOTED, {"kind": FeedbackKind.AUTO_REPLY}),
        (Effect.NOTED, {"kind": FeedbackKind.OTHER}),
    ],
)
def test_the_effect_of_feedback(expected, what):
    assert effect(**what) is expected


def past(*days, hours=0.0):
    """Deliveries, the latest first: `b17` bounced 17 days ago, `a` arrived, `o` bounced because of us."""
    return [
        PastDelivery(accepted_at=NOW - int(each[1:]) * DAY - hours, came_back=each[0] != "a", counts=each[0] == "b")
        for each in days
    ]


@pytest.mark.parametrize(
    ("expected", "days"),
    [
        (True, ("b0", "b7", "b14")),
        (False, ("b0", "b7", "b13")),  # not 14 days
        (False, ("b0", "b14")),  # twice
        (True, ("b0", "a1", "b7", "a2", "b14")),  # the accepted ones are too young to tell
        (False, ("b0", "b7", "a8", "b14", "b21")),  # one arrived in between
        (True, ("b0", "o5", "b7", "b14")),  # what bounced because of us ends no series
        (False, ("b0", "o3", "o5", "o7", "b14", "b21")),  # 2 of the last 5
        (True, tuple(f"b{day}" for day in range(15))),  # every day
        (False, tuple(f"b{day}" for day in range(14))),
        (False, ("b0", "b0", "b0", "b0", "b14")),  # one a day counts
        (True, ("b0", "b0", "b0", "b0", "b7", "b14")),
        (False, ()),
    ],
)
def test_repeated_bounces_suppress_if_they_go_on_for_two_weeks(expected, days):
    assert has_bounced_repeatedly(past(*days), NOW, BounceLimits()) is expected


def test_the_limits_are_settings():
    assert has_bounced_repeatedly(past("b0", "b1"), NOW, BounceLimits(count=2, days=1))
    assert not has_bounced_repeatedly(past("b0", "b1", "b2"), NOW, BounceLimits(count=2, sends=1, days=1))
    assert not has_bounced_repeatedly(past("b0", "a1", "b2"), NOW, BounceLimits(count=2, days=1, reset_hours=24))
