"""What people say of their own mail: heeded by every send, remembered, and never a way around a no."""

import pytest

from mailer.addresses import parse_address
from mailer.csv.rows import Status
from mailer.delivery.states import DeliveryState
from mailer.ledger.subscribers.preferences import AddressChange
from mailer.ledger.types.subscribers import LeavingReason, MemberChangeKind, SignupSource
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional import TransactionalKind, TransactionalState
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
    words = {name: f"the list {name}" for name in on}
    ledger.preferences.set_lists(ANA, words, off, source="page")


def test_single_lists_go_on_and_off_with_evidence_of_each_yes(ledger, clock):
    join(ledger, "daily", "weekly")
    at = clock.forward(60)
    choose(ledger, ["monthly", "weekly"], ["daily"])
    assert standing(ledger) == {"daily": "unsubscribed", "weekly": "subscribed", "monthly": "subscribed"}
    *joined, consent = ledger.signups.consents(ANA.identity)
    assert [each.list for each in joined] == ["daily", "weekly"]
    assert (consent.list, consent.at, consent.confirmed_at) == ("monthly", at, at)
    assert (consent.form, consent.words) == ("page", "the list monthly")
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


def mails(ledger, kind, address=ANA):
    return [each for each in ledger.transactional.of(address.identity) if each.kind is kind]


def ask(ledger, asked_by, new=NEW):
    ledger.preferences.request_address_change(asked_by, new)
    return mails(ledger, TransactionalKind.ADDRESS, new)[-1].id


def test_a_change_of_address_keeps_every_list_and_field_and_links_the_histories(ledger, preferences, clock):
    join(ledger, "daily", "weekly", city="Porto")
    choose(ledger, (), ["weekly"])
    joined = ledger.members.get("daily", ANA.identity).joined_at
    mail = ask(ledger, mailed_page(ledger, ANA))
    assert standing(ledger, NEW.identity) == {}
    clock.forward(60)
    assert preferences.move(mail, source="letter") is AddressChange.DONE
    moved = ledger.members.get("daily", NEW.identity)
    assert (moved.status, moved.source, moved.in_file, moved.joined_at) == (
        Status.SUBSCRIBED, SignupSource.SIGN_UP, False, joined,
    )  # fmt: skip
    assert moved.values == {"city": "Porto"}
    assert standing(ledger) == {"daily": "unsubscribed", "weekly": "unsubscribed"}
    assert standing(ledger, NEW.identity) == {"daily": "subscribed"}
    for identity in (ANA.identity, NEW.identity):
        [move] = [each for each in ledger.members.changes(identity) if each.kind is MemberChangeKind.ADDRESS]
        assert (move.before, move.after) == (ANA.identity, NEW.identity)
    assert ledger.members.former_addresses(NEW.identity) == (ANA.identity,)
    assert ledger.members.later_addresses(ANA.identity) == (NEW.identity,)
    assert ledger.members.former_addresses(ANA.identity) == ()
    before = ledger.members.changes(NEW.identity)
    assert preferences.move(mail, source="letter") is AddressChange.DONE
    assert ledger.members.changes(NEW.identity) == before


def test_a_change_of_address_can_be_reverted(ledger, preferences, clock):
    join(ledger, "daily")
    preferences.move(ask(ledger, mailed_page(ledger, ANA)), source="letter")
    back = ask(ledger, mailed_page(ledger, NEW), ANA)
    assert preferences.move(back, source="letter") is AddressChange.DONE
    assert standing(ledger) == {"daily": "subscribed"}
    assert standing(ledger, NEW.identity) == {"daily": "unsubscribed"}
    assert set(ledger.members.former_addresses(ANA.identity)) == {NEW.identity}


@pytest.mark.parametrize("reason", [*SuppressionReason])
@pytest.mark.parametrize("where", ["old", "new"])
def test_a_change_of_address_circumvents_no_opt_out(ledger, preferences, where, reason):
    join(ledger, "daily")
    mail = ask(ledger, mailed_page(ledger, ANA))
    identity = ANA.identity if where == "old" else NEW.identity
    if reason is SuppressionReason.ERASED:
        ledger.erasure.erase(identity, source="x")
    else:
        ledger.suppressions.suppress(identity, reason, source="x")
    moved = preferences.move(mail, source="letter")
    if (where, reason) == ("old", SuppressionReason.BOUNCED):  # a dead mailbox is why people move
        assert moved is AddressChange.DONE
        assert ledger.suppressions.get(NEW.identity) is None
    else:
        assert moved in {AddressChange.REFUSED, AddressChange.EXPIRED}
        assert "daily" not in standing(ledger, NEW.identity)
        assert ledger.suppressions.get(identity)


def test_a_change_of_address_needs_confirmation_in_time_and_a_membership(ledger, preferences, clock):
    join(ledger, "daily")
    number = mailed_page(ledger, ANA)
    mail = ask(ledger, number)
    clock.forward(72 * 3600 + 1)
    assert preferences.move(mail, source="letter") is AddressChange.EXPIRED
    assert preferences.move(mail + 1, source="letter") is AddressChange.EXPIRED
    other = ask(ledger, number, parse_address("third@example.net"))
    choose(ledger, (), ["daily"])
    assert preferences.move(other, source="letter") is AddressChange.REFUSED


def test_only_the_mail_of_a_change_of_address_changes_it(ledger, preferences):
    join(ledger, "daily")
    ledger.transactional.request_link(ANA)
    [link] = ledger.transactional.of(ANA.identity)
    assert preferences.move(link.id, source="letter") is AddressChange.EXPIRED
    assert preferences.undo_move(link.id, source="letter") is AddressChange.EXPIRED


def test_erasure_includes_former_addresses_and_not_later_ones(ledger, preferences):
    send = ledger.creator.create(new_send(), readers(1))
    join(ledger, "readers", address=READER)
    preferences.move(ask(ledger, mailed_page(ledger, READER)), source="letter")
    preferences.move(ask(ledger, mailed_page(ledger, NEW), ANA), source="letter")
    ledger.erasure.erase(NEW.identity, source="page")
    assert standing(ledger) == {"readers": "subscribed"}
    assert ledger.members.former_addresses(ANA.identity) == ()
    for identity in (NEW.identity, READER.identity):
        assert ledger.suppressions.get(identity).reason is SuppressionReason.ERASED
    assert [row.email[:7] for row in ledger.report.rows(send.id)] == ["erased:"]
    assert [each.before for each in ledger.members.changes(ANA.identity) if each.kind is MemberChangeKind.ADDRESS] == [
        ""
    ]


def test_a_leaving_reason_belongs_to_one_opt_out_and_is_erased(ledger, preferences, clock):
    join(ledger, "daily", "weekly")
    said = ledger.suppressions.unsubscribe(ANA.identity, source="page").suppression.at
    preferences.give_reason(ANA.identity, said, LeavingReason.OTHER, "x" * 900)
    preferences.give_reason(ANA.identity, said, LeavingReason.TOO_MANY, "every day!")
    preferences.give_reason(ANA.identity, said - 1, LeavingReason.OTHER, "another no")
    [reason] = preferences.reasons(ANA.identity)
    assert (reason.reason, reason.words) == (LeavingReason.TOO_MANY, "every day!")
    assert preferences.count_reasons("daily") == {LeavingReason.TOO_MANY: 1}
    assert preferences.count_reasons("nobody") == {}
    ledger.erasure.erase(ANA.identity, source="page")
    assert preferences.reasons(ANA.identity) == ()


def test_the_address_of_a_subscriber_is_known_until_erasure(ledger):
    join(ledger, "daily")
    mail = mailed_page(ledger, ANA)
    assert ledger.members.address_of(ANA.identity).envelope == "Ana@example.com"
    assert ledger.members.address_of(NEW.identity) is None
    assert ledger.transactional.linked(f"{mail:064}").id == mail
    ledger.erasure.erase(ANA.identity, source="page")
    assert ledger.members.address_of(ANA.identity) is None
    assert ledger.transactional.linked(f"{mail:064}") is None


def test_the_old_address_hears_of_every_change_and_its_other_links_are_void(ledger, preferences):
    join(ledger, "daily")
    page = mailed_page(ledger, ANA)
    first, second = ask(ledger, page), ask(ledger, page, THIRD)
    preferences.move(first, source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    assert notice.state is TransactionalState.QUEUED
    assert ledger.transactional.linked(f"{page:064}").link_made_at is None
    assert preferences.move(second, source="page") is AddressChange.EXPIRED
    preferences.move(ask(ledger, mailed_page(ledger, NEW), ANA), source="page")
    assert preferences.move(second, source="page") is AddressChange.EXPIRED
    assert len(mails(ledger, TransactionalKind.MOVED)) == len(mails(ledger, TransactionalKind.MOVED, NEW)) == 1


THIRD = parse_address("third@example.net")


def test_undoing_a_change_gives_the_lists_back_from_wherever_they_went(ledger, preferences, clock):
    join(ledger, "daily", "weekly", "left", city="Porto")
    join(ledger, "weekly", address=NEW)
    choose(ledger, (), ["left"])
    preferences.pause(ANA.identity, clock() + WEEK, source="page")
    ledger.suppressions.suppress(ANA.identity, SuppressionReason.BOUNCED, source="x")
    preferences.move(ask(ledger, mailed_page(ledger, ANA)), source="page")
    preferences.move(ask(ledger, mailed_page(ledger, NEW), THIRD), source="page")
    ledger.suppressions.unsubscribe(THIRD.identity, source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    clock.forward(60)
    assert preferences.undo_move(notice.id, source="page") is AddressChange.DONE
    assert standing(ledger) == {"daily": "paused", "weekly": "paused", "left": "unsubscribed"}
    assert ledger.members.get("daily", ANA.identity).values == {"city": "Porto"}
    for other in (NEW, THIRD):
        assert ledger.members.get("daily", other.identity).status is Status.UNSUBSCRIBED
        assert ledger.members.get("daily", other.identity).values == {}
        assert ANA.identity not in ledger.members.former_addresses(other.identity)
    assert ledger.suppressions.get(THIRD.identity)
    before = ledger.members.changes(ANA.identity)
    assert preferences.undo_move(notice.id, source="page") is AddressChange.DONE
    assert ledger.members.changes(ANA.identity) == before
    ledger.erasure.erase(THIRD.identity, source="page")
    assert standing(ledger)["daily"] == "paused"


def test_undoing_a_change_leaves_the_lists_that_the_new_address_had_by_itself(ledger, preferences):
    join(ledger, "daily", "weekly")
    join(ledger, "weekly", address=NEW, city="Faro")
    preferences.move(ask(ledger, mailed_page(ledger, ANA)), source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    assert preferences.undo_move(notice.id, source="page") is AddressChange.DONE
    assert standing(ledger) == {"daily": "subscribed", "weekly": "subscribed"}
    assert standing(ledger, NEW.identity) == {"daily": "unsubscribed", "weekly": "subscribed"}
    assert ledger.members.get("weekly", NEW.identity).values == {"city": "Faro"}


@pytest.mark.parametrize("reason", [SuppressionReason.BY_HAND, SuppressionReason.UNSUBSCRIBED])
def test_undoing_a_change_lifts_no_suppression(ledger, preferences, reason):
    join(ledger, "daily")
    preferences.move(ask(ledger, mailed_page(ledger, ANA)), source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    ledger.suppressions.suppress(ANA.identity, reason, source="x")
    assert preferences.undo_move(notice.id, source="page") is AddressChange.REFUSED
    assert standing(ledger) == {"daily": "unsubscribed"}
