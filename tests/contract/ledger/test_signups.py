"""Signing up, as the ledger keeps it: on every database."""

import asyncio

import pytest
from sqlalchemy import Engine, event

from mailer.addresses import parse_address
from mailer.csv.rows import Status
from mailer.ledger.subscribers.signups import VALID_FOR, Signup, parse_signup_request
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from tests.support.ledger_cases import join

ANA = parse_address("Ana.Reis@example.com")
HOUR = 3600


def sign_up(list_name="harbour", address=ANA, **own):
    return Signup(
        list=list_name, address=address, profile=own, form="page", words="By signing up …", ip="203.0.113.0/24"
    )


def mails(ledger, address=ANA):
    return ledger.transactional.of(address.identity)


def confirm(ledger, mail, *lists, welcomes=None, **own):
    chosen = dict.fromkeys(lists or ("harbour",), own)
    return ledger.signups.confirm(mail.id, chosen, source="page", welcomes=welcomes or {})


def test_a_request_makes_nobody_a_member(ledger):
    ledger.signups.request_signup(sign_up(first_name="Ana"))
    assert ledger.members.of(ANA.identity) == ()
    (mail,) = mails(ledger)
    assert (mail.kind, mail.state, mail.address) == (
        TransactionalKind.CONFIRM,
        TransactionalState.QUEUED,
        ANA.envelope,
    )
    assert dict(parse_signup_request(mail).waiting) == {"harbour": {"first_name": "Ana"}}


def test_confirming_makes_a_member_and_evidence(ledger, clock):
    ledger.signups.request_signup(sign_up(first_name="Ana"))
    asked = clock.now
    clock.forward(HOUR)
    done = confirm(ledger, mails(ledger)[0], first_name="Anna")
    assert (dict(done.waiting), done.confirmed) == ({}, ("harbour",))
    member = ledger.members.get("harbour", ANA.identity)
    assert (member.status, dict(member.profile), member.address) == (
        Status.SUBSCRIBED,
        {"first_name": "Anna"},
        ANA.envelope,
    )
    (kept,) = ledger.signups.consents(ANA.identity)
    assert (kept.list, kept.at, kept.form, kept.words, kept.ip, kept.confirmed_at) == (
        "harbour",
        asked,
        "page",
        "By signing up …",
        "203.0.113.0/24",
        clock.now,
    )


def test_one_mail_an_address_and_day_over_all_lists(ledger, clock):
    for _ in range(20):
        ledger.signups.request_signup(sign_up())
        ledger.signups.request_signup(sign_up("tides"))
        clock.forward(HOUR)
    assert len(mails(ledger)) == 1
    assert len(ledger.signups.consents(ANA.identity)) == 2
    assert set(parse_signup_request(mails(ledger)[0]).waiting) == {"harbour", "tides"}
    clock.forward(5 * HOUR)
    ledger.signups.request_signup(sign_up())
    assert len(mails(ledger)) == 2


def test_one_mail_a_mailbox_and_day_however_its_address_is_written(ledger, clock):
    spellings = [parse_address(each) for each in ("victim@gmail.com", "v.ictim+1@gmail.com", "VICTIM+2@googlemail.com")]
    for address in spellings:
        ledger.signups.request_signup(sign_up(address=address))
    assert [len(mails(ledger, address)) for address in spellings] == [1, 0, 0]
    confirm(ledger, *mails(ledger, spellings[0]))
    clock.forward(25 * HOUR)
    ledger.signups.request_signup(sign_up(address=spellings[1]))
    assert len(mails(ledger, spellings[1])) == 1
    ledger.transactional.request_link(spellings[0])
    assert len(mails(ledger, spellings[0])) == 2, "another kind of mail"


def test_the_first_request_of_a_day_waits_and_a_later_stranger_does_not_change_it(ledger):
    ledger.signups.request_signup(sign_up(first_name="Ana"))
    ledger.signups.request_signup(sign_up(first_name="Mud"))
    assert dict(parse_signup_request(mails(ledger)[0]).waiting) == {"harbour": {"first_name": "Ana"}}


def test_confirming_twice_is_once_also_after_leaving(ledger):
    ledger.signups.request_signup(sign_up())
    confirm(ledger, mails(ledger)[0])
    before = ledger.members.changes(ANA.identity)
    assert confirm(ledger, mails(ledger)[0]).confirmed == ("harbour",)
    assert ledger.members.changes(ANA.identity) == before
    ledger.suppressions.unsubscribe(ANA.identity, source="one-click")
    confirm(ledger, mails(ledger)[0])
    assert ledger.suppressions.get(ANA.identity).reason is SuppressionReason.UNSUBSCRIBED


def test_only_what_was_asked_for_and_chosen_is_confirmed(ledger):
    ledger.signups.request_signup(sign_up("harbour"))
    ledger.signups.request_signup(sign_up("tides"))
    done = confirm(ledger, mails(ledger)[0], "tides", "secret")
    assert set(done.waiting) == {"harbour"}
    assert [each.list for each in ledger.members.of(ANA.identity)] == ["tides"]


def test_a_request_ends_after_72_hours(ledger, clock):
    ledger.signups.request_signup(sign_up())
    clock.forward(VALID_FOR + 1)
    assert parse_signup_request(mails(ledger)[0]).is_expired(clock.now)
    assert confirm(ledger, mails(ledger)[0]) is None
    assert ledger.members.of(ANA.identity) == ()


@pytest.mark.parametrize("reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED])
def test_an_opt_out_is_lifted_for_the_confirmed_list_alone(ledger, reason):
    for name in ("harbour", "tides"):
        join(ledger, name, ANA, source="page")
    ledger.suppressions.suppress(ANA.identity, reason, source="one-click")
    ledger.signups.request_signup(sign_up())
    confirm(ledger, mails(ledger)[0])
    assert ledger.suppressions.get(ANA.identity) is None
    assert {each.list: each.status for each in ledger.members.of(ANA.identity)} == {
        "harbour": Status.SUBSCRIBED,
        "tides": Status.UNSUBSCRIBED,
    }


def test_a_bounce_is_lifted_because_the_mail_arrived(ledger):
    for name in ("harbour", "tides"):
        join(ledger, name, ANA, source="page")
    ledger.suppressions.suppress(ANA.identity, SuppressionReason.BOUNCED, source="send 1")
    ledger.signups.request_signup(sign_up())
    confirm(ledger, mails(ledger)[0])
    assert ledger.suppressions.get(ANA.identity) is None
    assert {each.status for each in ledger.members.of(ANA.identity)} == {Status.SUBSCRIBED}


def test_what_an_admin_did_by_hand_stays(ledger):
    ledger.suppressions.suppress(ANA.identity, SuppressionReason.BY_HAND, source="command")
    ledger.signups.request_signup(sign_up())
    confirm(ledger, mails(ledger)[0])
    assert ledger.suppressions.get(ANA.identity).reason is SuppressionReason.BY_HAND


def test_who_was_erased_begins_afresh(ledger):
    ledger.signups.request_signup(sign_up("tides"))
    confirm(ledger, mails(ledger)[0], "tides", first_name="Ana")
    ledger.erasure.erase(ANA.identity, source="command")
    assert mails(ledger) == ledger.signups.consents(ANA.identity) == ()
    ledger.signups.request_signup(sign_up())
    confirm(ledger, mails(ledger)[0])
    assert ledger.suppressions.get(ANA.identity) is None
    assert [(each.list, each.address) for each in ledger.members.of(ANA.identity)] == [("harbour", ANA.envelope)]


def test_a_welcome_is_queued_once(ledger):
    ledger.signups.request_signup(sign_up())
    for _ in range(2):
        confirm(ledger, mails(ledger)[0], welcomes={"harbour": "welcome"})
    assert [each.payload["slug"] for each in mails(ledger) if each.kind is TransactionalKind.WELCOME] == ["welcome"]


def statements_of(work):
    seen = []

    def note(_conn, _cursor, statement, _parameters, _context, many):
        seen.append((statement, many))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return [each for each in seen if not each[0].startswith(("SAVEPOINT", "RELEASE"))]


def test_a_request_does_the_same_work_for_every_address(ledger, clock):
    known, gone, erased, new = (parse_address(f"{name}@example.org") for name in ("known", "gone", "erased", "new"))
    for each in (known, gone, erased):
        join(ledger, "harbour", each, source="page")
    ledger.suppressions.unsubscribe(gone.identity, source="page")
    ledger.erasure.erase(erased.identity, source="command")
    work = {
        each.identity: statements_of(lambda each=each: ledger.signups.request_signup(sign_up(address=each)))
        for each in (new, known, gone, erased)
    }
    first = work[new.identity]
    assert len(first) >= 5
    assert all(each == first for each in work.values())
    links = [statements_of(lambda each=each: ledger.transactional.request_link(each)) for each in (new, known, gone)]
    assert links[0] and links[0] == links[1] == links[2]


class TestTransactionalMail:
    def run(self, work):
        return asyncio.run(work)

    def test_one_that_leaves_is_in_one_pair_of_hands(self, ledger, clock):
        ledger.transactional.request_link(ANA)
        (due,) = ledger.transactional.due(clock.now, 10, TransactionalKind.LINK)
        assert self.run(ledger.transactional.begin_sending(due))
        assert not self.run(ledger.transactional.begin_sending(due))
        assert ledger.transactional.due(clock.now, 10, TransactionalKind.LINK) == ()

    def test_what_a_dead_process_left_is_uncertain_and_never_sent_again(self, ledger, open_here, clock):
        ledger.transactional.request_link(ANA)
        (due,) = ledger.transactional.due(clock.now, 10, TransactionalKind.LINK)
        self.run(ledger.transactional.begin_sending(due))
        assert open_here().transactional.recover() == 1
        assert [each.state for each in mails(ledger) if each.id == due.id] == [TransactionalState.UNCERTAIN]
        assert ledger.transactional.due(clock.now + 10 * HOUR, 10, TransactionalKind.LINK) == ()
        assert ledger.transactional.counts() == {TransactionalState.UNCERTAIN: 1}

    def test_a_deferred_one_waits_for_its_time(self, ledger, clock):
        ledger.transactional.request_link(ANA)
        (due,) = ledger.transactional.due(clock.now, 10, TransactionalKind.LINK)
        self.run(ledger.transactional.begin_sending(due))
        self.run(
            ledger.transactional.record_result(
                due, TransactionalState.QUEUED, reply="450 later", next_at=clock.now + 60, was_sending=True
            )
        )
        assert ledger.transactional.due(clock.now + 59, 10, TransactionalKind.LINK) == ()
        (again,) = ledger.transactional.due(clock.now + 60, 10, TransactionalKind.LINK)
        assert (again.attempts, again.reply) == (1, "450 later")

    @pytest.mark.parametrize("was_sending", [False, True])
    def test_a_result_that_comes_after_another_process_tried_the_mail_counts_for_nothing(
        self, ledger, clock, was_sending
    ):
        """The process before was stopped while it waited for the relay, and a second one has its role since."""
        ledger.transactional.request_link(ANA)
        (due,) = ledger.transactional.due(clock.now, 10, TransactionalKind.LINK)
        late = {"next_at": clock.now, "was_sending": was_sending, "is_attempt": not was_sending}
        if was_sending:
            assert self.run(ledger.transactional.begin_sending(due))
            self.run(ledger.transactional.record_result(due, TransactionalState.QUEUED, was_sending=True))
        (again,) = ledger.transactional.due(clock.now, 10, TransactionalKind.LINK)
        assert self.run(ledger.transactional.begin_sending(again))
        assert not self.run(ledger.transactional.record_result(due, TransactionalState.QUEUED, **late))
        assert self.run(ledger.transactional.record_result(again, TransactionalState.SENT, was_sending=True))
        assert not self.run(ledger.transactional.record_result(due, TransactionalState.QUEUED, **late))
        assert [each.state for each in mails(ledger)] == [TransactionalState.SENT]
        assert not self.run(ledger.transactional.begin_sending(due))

    def test_a_result_that_comes_after_the_recovery_still_tells_how_it_ended(self, ledger, clock):
        ledger.transactional.request_link(ANA)
        (due,) = ledger.transactional.due(clock.now, 10, TransactionalKind.LINK)
        self.run(ledger.transactional.begin_sending(due))
        assert ledger.transactional.recover() == 1
        assert self.run(ledger.transactional.record_result(due, TransactionalState.SENT, was_sending=True))
        assert [each.state for each in mails(ledger)] == [TransactionalState.SENT]

    def test_old_ones_are_forgotten_waiting_ones_are_not(self, ledger, clock):
        ledger.transactional.request_link(ANA)
        ledger.transactional.request_link(parse_address("ben@example.org"))
        (due, _) = ledger.transactional.due(clock.now, 10, TransactionalKind.LINK)
        self.run(ledger.transactional.record_result(due, TransactionalState.SENT))
        assert ledger.transactional.forget(clock.now + 1) == 1
        assert mails(ledger) == ()
        assert len(mails(ledger, parse_address("ben@example.org"))) == 1

    def test_one_link_a_day_beside_one_confirmation(self, ledger, clock):
        ledger.signups.request_signup(sign_up())
        for _ in range(5):
            ledger.transactional.request_link(ANA)
        assert [each.kind for each in mails(ledger)] == [TransactionalKind.CONFIRM, TransactionalKind.LINK]
