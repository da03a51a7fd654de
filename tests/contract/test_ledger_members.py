"""Who is on a list, by themselves: joining, confirming, pausing, leaving; and what is remembered of it."""

import json

import pytest

from mailer.audience.address import parse_address
from mailer.audience.row import Status
from mailer.errors import UsageError
from mailer.ledger.types_subscribers import Origin, Speaker, What
from mailer.ledger.types_suppressions import SuppressionReason

ANA = parse_address("Ana@Example.com")


@pytest.fixture
def members(ledger):
    return ledger.members


def sign_up(members, status=Status.UNCONFIRMED, name="readers", **own):
    return members.sign_up(name, ANA, own, status=status, source="form")


def test_who_signs_up_is_unconfirmed_until_they_confirm(members, clock):
    joined = sign_up(members, city="Porto")
    assert (joined.list, joined.identity, joined.address) == ("readers", "ana@example.com", "Ana@example.com")
    assert (joined.status, joined.source, joined.in_file, joined.line) == (
        Status.UNCONFIRMED, Origin.SIGN_UP, False, None,
    )  # fmt: skip
    assert joined.values == {"city": "Porto"}
    later = clock.forward(60)
    confirmed = members.confirm("readers", "ana@example.com", source="link")
    assert (confirmed.status, confirmed.said_by, confirmed.since, confirmed.joined_at) == (
        Status.SUBSCRIBED, Speaker.PERSON, later, later - 60,
    )  # fmt: skip
    assert members.get("readers", "ana@example.com") == confirmed
    assert members.lists() == ("readers",)


def test_signing_up_twice_changes_nothing_but_missing_fields(members):
    sign_up(members, Status.SUBSCRIBED, city="Porto")
    again = sign_up(members, city="Faro", name="readers", first_name="Ana")
    assert again.status is Status.SUBSCRIBED
    assert again.own == {"city": "Porto", "first_name": "Ana"}


@pytest.mark.parametrize(
    ("reason", "stands"),
    [
        (SuppressionReason.UNSUBSCRIBED, None),
        (SuppressionReason.COMPLAINED, None),
        (SuppressionReason.BOUNCED, None),
        (SuppressionReason.BY_HAND, SuppressionReason.BY_HAND),
    ],
)
def test_confirming_undoes_a_no_of_the_person_and_nothing_else_does(ledger, members, reason, stands):
    sign_up(members)
    ledger.suppressions.suppress("ana@example.com", reason, source="test")
    sign_up(members)
    members.set_status("readers", "ana@example.com", Status.SUBSCRIBED, speaker=Speaker.ADMIN, source="test")
    assert ledger.suppressions.get("ana@example.com").reason is reason
    members.confirm("readers", "ana@example.com", source="link")
    standing = ledger.suppressions.get("ana@example.com")
    assert (standing and standing.reason) == stands


def test_a_list_is_left_and_paused_by_itself(members):
    sign_up(members, Status.SUBSCRIBED)
    sign_up(members, Status.SUBSCRIBED, name="other")
    members.set_status(
        "readers", "ana@example.com", Status.PAUSED, speaker=Speaker.PERSON, source="page", until=2_000_000_000.0
    )
    members.set_status("other", "ana@example.com", Status.UNSUBSCRIBED, speaker=Speaker.PERSON, source="page")
    assert [(each.list, each.status, each.paused_until) for each in members.of("ana@example.com")] == [
        ("other", Status.UNSUBSCRIBED, None),
        ("readers", Status.PAUSED, 2_000_000_000.0),
    ]


def test_what_the_person_keeps_lies_over_the_file_and_may_be_empty(members):
    sign_up(members, Status.SUBSCRIBED, city="Porto")
    changed = members.set_own("readers", "ana@example.com", {"city": "", "first_name": "Ana"}, source="page")
    assert changed.values == {"first_name": "Ana"}


def test_every_change_is_remembered_with_who_said_it(members):
    sign_up(members, city="Porto")
    members.confirm("readers", "ana@example.com", source="link")
    members.set_own("readers", "ana@example.com", {"city": "Faro"}, source="page")
    members.set_own("readers", "ana@example.com", {"city": "Faro"}, source="page")
    told = [(each.what, each.before, each.after, each.by) for each in members.changes("ana@example.com")]
    assert told == [
        (What.JOINED, "", "unconfirmed", "form"),
        (What.STATUS, "unconfirmed", "subscribed", "link"),
        (What.OWN, json.dumps({"city": "Porto"}, separators=(",", ":")), '{"city":"Faro"}', "page"),
    ]


def test_erasing_takes_all_of_it(ledger, members):
    sign_up(members)
    ledger.erasure.erase("ana@example.com", source="test")
    assert members.of("ana@example.com") == ()
    assert members.changes("ana@example.com") == ()


def test_who_is_on_no_list_is_named(members):
    for act in (
        lambda: members.confirm("readers", "bo@example.com", source="x"),
        lambda: members.set_own("readers", "bo@example.com", {}, source="x"),
    ):
        with pytest.raises(UsageError, match="not on the list"):
            act()
    assert members.get("readers", "bo@example.com") is None


@pytest.mark.parametrize("status", [Status.BOUNCED, Status.ERASED, Status.UNKNOWN])
def test_what_holds_everywhere_is_no_status_of_one_list(members, status):
    with pytest.raises(ValueError, match=r"signs up|one list"):
        sign_up(members, status)
    with pytest.raises(ValueError, match="one list"):
        members.set_status("readers", "x", status, speaker=Speaker.ADMIN, source="x")
