"""Changes of an address: confirmed by the new one, reported to the old one, and undone."""

import pytest

from mailer.addresses import parse_address
from mailer.csv.rows import Status
from mailer.ledger.subscribers.address_changes import AddressChange
from mailer.ledger.types.subscribers import MemberChangeKind, SignupSource
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from tests.support.ledger_cases import (
    DAY,
    mailed_page,
    new_send,
    readers,
)
from tests.support.ledger_cases import join as join_list

ANA = parse_address("Ana@Example.com")
NEW = parse_address("ana.new@example.net")
THIRD = parse_address("third@example.net")
READER = parse_address("Reader0@example.net")
WEEK = 7 * DAY


def join(ledger, *lists, address=ANA, **own):
    for name in lists:
        join_list(ledger, name, address, own, source="form")


def statuses(ledger, identity=ANA.identity):
    return {each.list: each.status.value for each in ledger.members.of(identity)}


def mails(ledger, kind, address=ANA):
    return [each for each in ledger.transactional.of(address.identity) if each.kind is kind]


def ask(ledger, asked_by, new=NEW):
    ledger.address_changes.request(asked_by, new)
    return mails(ledger, TransactionalKind.ADDRESS, new)[-1].id


def test_a_change_of_address_keeps_every_list_and_field_and_links_the_histories(ledger, clock):
    join(ledger, "daily", "weekly", city="Porto")
    ledger.preferences.set_lists(ANA, {}, ["weekly"], source="page")
    joined = ledger.members.get("daily", ANA.identity).joined_at
    mail = ask(ledger, mailed_page(ledger, ANA))
    assert statuses(ledger, NEW.identity) == {}
    clock.forward(60)
    assert ledger.address_changes.confirm(mail, source="letter") is AddressChange.DONE
    moved = ledger.members.get("daily", NEW.identity)
    assert (moved.status, moved.source, moved.in_file, moved.joined_at) == (
        Status.SUBSCRIBED, SignupSource.SIGN_UP, False, joined,
    )  # fmt: skip
    assert moved.values == {"city": "Porto"}
    assert statuses(ledger) == {"daily": "unsubscribed", "weekly": "unsubscribed"}
    assert statuses(ledger, NEW.identity) == {"daily": "subscribed"}
    for identity in (ANA.identity, NEW.identity):
        [move] = [each for each in ledger.members.changes(identity) if each.kind is MemberChangeKind.ADDRESS]
        assert (move.before, move.after) == (ANA.identity, NEW.identity)
    assert ledger.members.former_addresses(NEW.identity) == (ANA.identity,)
    assert ledger.members.later_addresses(ANA.identity) == (NEW.identity,)
    assert ledger.members.former_addresses(ANA.identity) == ()
    before = ledger.members.changes(NEW.identity)
    assert ledger.address_changes.confirm(mail, source="letter") is AddressChange.DONE
    assert ledger.members.changes(NEW.identity) == before


def test_a_change_of_address_can_be_reverted(ledger, clock):
    join(ledger, "daily")
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, ANA)), source="letter")
    back = ask(ledger, mailed_page(ledger, NEW), ANA)
    assert ledger.address_changes.confirm(back, source="letter") is AddressChange.DONE
    assert statuses(ledger) == {"daily": "subscribed"}
    assert statuses(ledger, NEW.identity) == {"daily": "unsubscribed"}
    assert set(ledger.members.former_addresses(ANA.identity)) == {NEW.identity}


@pytest.mark.parametrize("reason", [*SuppressionReason])
@pytest.mark.parametrize("where", ["old", "new"])
def test_a_change_of_address_circumvents_no_opt_out(ledger, where, reason):
    join(ledger, "daily")
    mail = ask(ledger, mailed_page(ledger, ANA))
    identity = ANA.identity if where == "old" else NEW.identity
    if reason is SuppressionReason.ERASED:
        ledger.erasure.erase(identity, source="x")
    else:
        ledger.suppressions.suppress(identity, reason, source="x")
    moved = ledger.address_changes.confirm(mail, source="letter")
    if (where, reason) == ("old", SuppressionReason.BOUNCED):  # a dead mailbox is why people move
        assert moved is AddressChange.DONE
        assert ledger.suppressions.get(NEW.identity) is None
    else:
        assert moved in {AddressChange.REFUSED, AddressChange.EXPIRED}
        assert "daily" not in statuses(ledger, NEW.identity)
        assert ledger.suppressions.get(identity)


def test_a_change_of_address_needs_confirmation_in_time_and_a_membership(ledger, clock):
    join(ledger, "daily")
    number = mailed_page(ledger, ANA)
    mail = ask(ledger, number)
    clock.forward(72 * 3600 + 1)
    assert ledger.address_changes.confirm(mail, source="letter") is AddressChange.EXPIRED
    assert ledger.address_changes.confirm(mail + 1, source="letter") is AddressChange.EXPIRED
    other = ask(ledger, number, parse_address("third@example.net"))
    ledger.preferences.set_lists(ANA, {}, ["daily"], source="page")
    assert ledger.address_changes.confirm(other, source="letter") is AddressChange.REFUSED


def test_only_the_mail_of_a_change_of_address_changes_it(ledger):
    join(ledger, "daily")
    ledger.transactional.request_link(ANA)
    [link] = ledger.transactional.of(ANA.identity)
    assert ledger.address_changes.confirm(link.id, source="letter") is AddressChange.EXPIRED
    assert ledger.address_changes.undo(link.id, source="letter") is AddressChange.EXPIRED


def test_erasure_includes_former_addresses_and_not_later_ones(ledger):
    send = ledger.creator.create(new_send(), readers(1))
    join(ledger, "readers", address=READER)
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, READER)), source="letter")
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, NEW), ANA), source="letter")
    ledger.erasure.erase(NEW.identity, source="page")
    assert statuses(ledger) == {"readers": "subscribed"}
    assert ledger.members.former_addresses(ANA.identity) == ()
    for identity in (NEW.identity, READER.identity):
        assert ledger.suppressions.get(identity).reason is SuppressionReason.ERASED
    assert [row.email[:7] for row in ledger.report.rows(send.id)] == ["erased:"]
    assert [each.before for each in ledger.members.changes(ANA.identity) if each.kind is MemberChangeKind.ADDRESS] == [
        ""
    ]


def test_the_old_address_hears_of_every_change_and_its_other_links_are_void(ledger):
    join(ledger, "daily")
    page = mailed_page(ledger, ANA)
    first, second = ask(ledger, page), ask(ledger, page, THIRD)
    ledger.address_changes.confirm(first, source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    assert notice.state is TransactionalState.QUEUED
    assert ledger.transactional.linked(f"{page:064}").link_made_at is None
    assert ledger.address_changes.confirm(second, source="page") is AddressChange.EXPIRED
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, NEW), ANA), source="page")
    assert ledger.address_changes.confirm(second, source="page") is AddressChange.EXPIRED
    assert len(mails(ledger, TransactionalKind.MOVED)) == len(mails(ledger, TransactionalKind.MOVED, NEW)) == 1


def test_undoing_a_change_gives_the_lists_back_from_wherever_they_went(ledger, clock):
    join(ledger, "daily", "weekly", "left", city="Porto")
    join(ledger, "weekly", address=NEW)
    ledger.preferences.set_lists(ANA, {}, ["left"], source="page")
    ledger.preferences.pause(ANA.identity, clock() + WEEK, source="page")
    ledger.suppressions.suppress(ANA.identity, SuppressionReason.BOUNCED, source="x")
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, ANA)), source="page")
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, NEW), THIRD), source="page")
    ledger.suppressions.unsubscribe(THIRD.identity, source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    clock.forward(60)
    assert ledger.address_changes.undo(notice.id, source="page") is AddressChange.DONE
    assert statuses(ledger) == {"daily": "paused", "weekly": "paused", "left": "unsubscribed"}
    assert ledger.members.get("daily", ANA.identity).values == {"city": "Porto"}
    for other in (NEW, THIRD):
        assert ledger.members.get("daily", other.identity).status is Status.UNSUBSCRIBED
        assert ledger.members.get("daily", other.identity).values == {}
        assert ANA.identity not in ledger.members.former_addresses(other.identity)
    assert ledger.suppressions.get(THIRD.identity)
    before = ledger.members.changes(ANA.identity)
    assert ledger.address_changes.undo(notice.id, source="page") is AddressChange.DONE
    assert ledger.members.changes(ANA.identity) == before
    ledger.erasure.erase(THIRD.identity, source="page")
    assert statuses(ledger)["daily"] == "paused"


def test_undoing_a_change_leaves_the_lists_that_the_new_address_had_by_itself(ledger):
    join(ledger, "daily", "weekly")
    join(ledger, "weekly", address=NEW, city="Faro")
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, ANA)), source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    assert ledger.address_changes.undo(notice.id, source="page") is AddressChange.DONE
    assert statuses(ledger) == {"daily": "subscribed", "weekly": "subscribed"}
    assert statuses(ledger, NEW.identity) == {"daily": "unsubscribed", "weekly": "subscribed"}
    assert ledger.members.get("weekly", NEW.identity).values == {"city": "Faro"}


@pytest.mark.parametrize("reason", [SuppressionReason.BY_HAND, SuppressionReason.COMPLAINED])
def test_undoing_a_change_lifts_only_an_opt_out_by_a_link(ledger, reason):
    join(ledger, "daily")
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, ANA)), source="page")
    [notice] = mails(ledger, TransactionalKind.MOVED)
    ledger.suppressions.suppress(ANA.identity, reason, source="x")
    assert ledger.address_changes.outlook(notice.id) is AddressChange.REFUSED
    assert ledger.address_changes.undo(notice.id, source="page") is AddressChange.REFUSED
    assert statuses(ledger) == {"daily": "unsubscribed"}


def test_the_link_of_a_message_unsubscribes_the_addresses_taken_since_and_leaves_the_undo_of_the_change(ledger, clock):
    def unsubscribe(number):
        return ledger.suppressions.unsubscribe_delivery(number, source="page").result()

    ledger.creator.create(new_send(), readers(2))
    [number] = [each.id for each in ledger.report.deliveries_of(READER.identity)]
    join(ledger, "daily", address=READER)
    clock.forward(60)
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, READER)), source="page")
    clock.forward(60)
    ledger.address_changes.confirm(ask(ledger, mailed_page(ledger, NEW), THIRD), source="page")
    mine = (READER.identity, NEW.identity, THIRD.identity)
    assert set(ledger.suppressions.identities_of_delivery(number)) == {*mine}
    assert unsubscribe(number).changed
    assert {ledger.suppressions.get(each).reason for each in mine} == {SuppressionReason.UNSUBSCRIBED}
    assert len({ledger.suppressions.get(each).at for each in mine}) == 1
    assert not unsubscribe(number).changed
    [notice] = mails(ledger, TransactionalKind.MOVED, READER)
    assert ledger.address_changes.undo(notice.id, source="page") is AddressChange.DONE
    assert ledger.suppressions.get(READER.identity) is None
    assert statuses(ledger, READER.identity) == {"daily": "subscribed"}
    assert ledger.suppressions.identities_of_delivery(number) == (READER.identity,)  # the change is no more
    assert ledger.suppressions.get(THIRD.identity)
    confirmed = mails(ledger, TransactionalKind.ADDRESS, NEW)[0]
    assert ledger.address_changes.outlook(confirmed.id) is AddressChange.TAKEN_BACK
    assert ledger.address_changes.confirm(confirmed.id, source="page") is AddressChange.TAKEN_BACK
