"""What people say of their own mail: heeded by every send, remembered, and never a way around a no."""

import pytest

from mailer.addresses import parse_address
from mailer.delivery.states import DeliveryState
from mailer.ledger.types.subscribers import MemberChangeKind
from mailer.ledger.types.suppressions import SuppressionReason
from tests.support.ledger_cases import (
    DAY,
    deliver,
    delivery_result,
    mailed_page,
    new_send,
    readers,
    run,
    session,
    state_of,
)
from tests.support.ledger_cases import join as join_list

ANA = parse_address("Ana@Example.com")
NEW = parse_address("ana.new@example.net")
WEEK = 7 * DAY
S = DeliveryState


@pytest.fixture
def preferences(ledger):
    return ledger.preferences


def join(ledger, *lists, address=ANA, **own):
    for name in lists:
        join_list(ledger, name, address, own, source="form")


def standing(ledger, identity=ANA.identity):
    return {each.list: each.status.value for each in ledger.members.of(identity)}


def choose(ledger, on=(), off=()):
    ledger.preferences.set_lists(ANA, {name: {} for name in on}, off, words="the words shown", source="page")


def test_single_lists_go_on_and_off_with_evidence_of_each_yes(ledger, clock):
    join(ledger, "daily", "weekly")
    at = clock.forward(60)
    choose(ledger, ["monthly", "weekly"], ["daily"])
    assert standing(ledger) == {"daily": "unsubscribed", "weekly": "subscribed", "monthly": "subscribed"}
    *joined, consent = ledger.signups.consents(ANA.identity)
    assert [each.list for each in joined] == ["daily", "weekly"]
    assert (consent.list, consent.at, consent.confirmed_at) == ("monthly", at, at)
    assert (consent.form, consent.words) == ("page", "the words shown")
    last = ledger.members.changes(ANA.identity)[-2]
    assert (last.list, last.kind, last.before, last.after, last.by) == (
        "daily", MemberChangeKind.STATUS, "subscribed", "unsubscribed", "page",
    )  # fmt: skip
    before = ledger.members.changes(ANA.identity)
    choose(ledger, ["monthly", "weekly"], ["daily"])
    assert ledger.members.changes(ANA.identity) == before


def test_after_an_opt_out_only_chosen_lists_are_joined(ledger):
    join(ledger, "daily", "weekly")
    ledger.suppressions.unsubscribe(ANA.identity, source="page")
    choose(ledger, (), ["weekly"])
    assert ledger.suppressions.get(ANA.identity)
    choose(ledger, ["monthly"], ["weekly"])
    assert ledger.suppressions.get(ANA.identity) is None
    assert standing(ledger) == {"daily": "unsubscribed", "weekly": "unsubscribed", "monthly": "subscribed"}


def test_coming_back_to_a_list_that_was_never_left_by_itself(ledger):
    join(ledger, "daily", "weekly")
    ledger.suppressions.unsubscribe(ANA.identity, source="page")
    choose(ledger, ["daily", "weekly"])
    assert ledger.suppressions.get(ANA.identity) is None
    assert standing(ledger) == {"daily": "subscribed", "weekly": "subscribed"}


def test_what_comes_back_from_under_way_is_heeded_too(ledger, clock):
    join(ledger, "readers", address=READER)
    send = ledger.creator.create(new_send(), readers(2))

    async def work():
        with session(ledger, send) as mine:
            claims = await mine.claim(2, clock())
            for claim in claims:
                assert await mine.begin_sending(claim)
            ledger.preferences.set_lists(READER, {}, ["readers"], source="page")
            for claim in claims:
                await mine.record(delivery_result(claim, S.DEFERRED, clock()))

    run(work())
    assert state_of(ledger, send, 0) == (S.SKIPPED, "unsubscribed")
    assert state_of(ledger, send, 1)[0] is S.DEFERRED


def test_a_resend_applies_later_preferences(ledger, clock):
    join(ledger, "readers", address=READER)
    send = ledger.creator.create(new_send(), readers(2))

    with session(ledger, send) as mine:
        run(deliver(mine, clock(), S.FAILED, limit=2))
        run(mine.status())
    ledger.preferences.pause(READER.identity, clock() + WEEK, source="page")
    assert ledger.creator.plan_resend(send.id).to_mail == 1
    again = ledger.creator.resend_failed(send.id, key_name="key-1")
    assert [row.state for row in ledger.report.rows(again.id)] == [S.PENDING]
    assert READER.envelope not in [row.email for row in ledger.report.rows(again.id)]


def test_what_an_admin_stopped_stays_stopped(ledger):
    join(ledger, "daily")
    ledger.suppressions.suppress(ANA.identity, SuppressionReason.BY_HAND, source="x")
    choose(ledger, ["weekly"])
    assert ledger.suppressions.get(ANA.identity).reason is SuppressionReason.BY_HAND


def test_profiles_override_the_files_and_only_differences_are_stored(ledger, preferences):
    join(ledger, "daily", city="Porto", first_name="Ana")
    preferences.set_profile(
        ANA.identity, {"daily": {"city": "Lisboa", "first_name": "Ana"}, "other": {"city": "x"}}, source="page"
    )
    assert ledger.members.get("daily", ANA.identity).values == {"city": "Lisboa", "first_name": "Ana"}
    preferences.set_profile(ANA.identity, {"daily": {"city": ""}}, source="page")
    assert ledger.members.get("daily", ANA.identity).values == {"first_name": "Ana"}
    own = [each.after for each in ledger.members.changes(ANA.identity) if each.kind is MemberChangeKind.OWN]
    assert own == [
        '{"city":"Porto","first_name":"Ana"}',
        '{"city":"Lisboa","first_name":"Ana"}',
        '{"city":"","first_name":"Ana"}',
    ]


def test_a_pause_is_of_all_lists_and_ends_at_its_time_or_on_request(ledger, preferences, clock):
    join(ledger, "daily", "weekly", "left")
    choose(ledger, (), ["left"])
    preferences.pause(ANA.identity, clock() + WEEK, source="page")
    assert standing(ledger) == {"daily": "paused", "weekly": "paused", "left": "unsubscribed"}
    assert ledger.members.get("daily", ANA.identity).paused_until == clock() + WEEK
    preferences.pause(ANA.identity, clock() + 4 * WEEK, source="page")
    assert ledger.members.get("daily", ANA.identity).paused_until == clock() + 4 * WEEK
    preferences.resume(ANA.identity, source="page")
    assert standing(ledger) == {"daily": "subscribed", "weekly": "subscribed", "left": "unsubscribed"}
    assert ledger.members.get("daily", ANA.identity).paused_until is None


READER = parse_address("Reader0@example.net")


@pytest.mark.parametrize("how", ["off", "pause"])
@pytest.mark.parametrize("state", [S.PENDING, S.CLAIMED, S.SENDING])
def test_a_running_send_applies_preferences_at_once(ledger, preferences, clock, how, state):
    join(ledger, "readers", "others", address=READER)
    send = ledger.creator.create(new_send(), readers(2))
    send_to_both = ledger.creator.create(new_send("fog", lists=("readers", "others")), readers(2))

    async def work():
        mine = session(ledger, send)
        claims = await mine.claim(1, clock()) if state is not S.PENDING else ()
        if state is S.SENDING:
            assert await mine.begin_sending(claims[0])
        if how == "off":
            preferences.set_lists(READER, {}, ["readers"], source="page")
        else:
            preferences.pause(READER.identity, clock() + WEEK, source="page")
        if state is S.CLAIMED:
            assert not await mine.begin_sending(claims[0])
        mine.close()

    run(work())
    word = "unsubscribed" if how == "off" else "paused"
    wanted = {S.SENDING: state_of(ledger, send, 0)}.get(state, (S.SKIPPED, word))
    assert state_of(ledger, send, 0) == wanted
    assert state_of(ledger, send, 1)[0] is S.PENDING
    both = state_of(ledger, send_to_both, 0)
    assert both == ((S.PENDING, "") if how == "off" else (S.SKIPPED, "paused"))


def test_the_address_of_a_subscriber_is_known_until_erasure(ledger):
    join(ledger, "daily")
    mail = mailed_page(ledger, ANA)
    assert ledger.members.address_of(ANA.identity).envelope == "Ana@example.com"
    assert ledger.members.address_of(NEW.identity) is None
    assert ledger.transactional.linked(f"{mail:064}").id == mail
    ledger.erasure.erase(ANA.identity, source="page")
    assert ledger.members.address_of(ANA.identity) is None
    assert ledger.transactional.linked(f"{mail:064}") is None
