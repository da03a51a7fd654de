"""Members of lists by their own request: joining, pausing, leaving; and the history of that."""

import json

import pytest
from sqlalchemy import select, update

from mailer.addresses import parse_address
from mailer.csv.rows import Status
from mailer.ledger.store.tables import member
from mailer.ledger.subscribers.signups import Signup
from mailer.ledger.types.subscribers import MemberChangeKind, SignupSource, StatusSource
from mailer.ledger.types.suppressions import SuppressionReason

ANA = parse_address("Ana@Example.com")


@pytest.fixture
def members(ledger):
    return ledger.members


def ask(ledger, name="readers", **own):
    ledger.signups.request_signup(Signup(list=name, address=ANA, profile=own, form="form", words="Yes"))


def confirm(ledger, name="readers", **own):
    [*_, mail] = ledger.transactional.of(ANA.identity)
    ledger.signups.confirm(mail.id, {name: own}, source="link", welcomes={})
    return ledger.members.get(name, ANA.identity)


def sign_up(ledger, name="readers", **own):
    ask(ledger, name, **own)
    return confirm(ledger, name, **own)


def test_who_signs_up_is_a_member_once_they_confirm(ledger, members, clock):
    ask(ledger, city="Porto")
    assert members.get("readers", "ana@example.com") is None
    later = clock.forward(60)
    joined = confirm(ledger, city="Porto")
    assert (joined.list, joined.identity, joined.address) == ("readers", "ana@example.com", "Ana@example.com")
    assert (joined.status, joined.source, joined.in_file, joined.line) == (
        Status.SUBSCRIBED, SignupSource.SIGN_UP, False, None,
    )  # fmt: skip
    assert joined.values == {"city": "Porto"}
    assert (joined.status_source, joined.since, joined.joined_at) == (StatusSource.PERSON, later, later)
    assert members.of("ana@example.com") == (joined,)


def test_signing_up_twice_changes_nothing_but_the_fields_given(ledger):
    joined = sign_up(ledger, city="Porto", first_name="Ana")
    again = sign_up(ledger, city="Faro")
    assert (again.status, again.joined_at) == (Status.SUBSCRIBED, joined.joined_at)
    assert again.profile == {"city": "Faro", "first_name": "Ana"}


@pytest.mark.parametrize(
    ("reason", "stands"),
    [
        (SuppressionReason.UNSUBSCRIBED, None),
        (SuppressionReason.COMPLAINED, None),
        (SuppressionReason.BOUNCED, None),
        (SuppressionReason.BY_HAND, SuppressionReason.BY_HAND),
    ],
)
def test_confirming_lifts_an_opt_out_and_asking_does_not(ledger, reason, stands):
    sign_up(ledger)
    ledger.suppressions.suppress("ana@example.com", reason, source="test")
    ask(ledger)
    assert ledger.suppressions.get("ana@example.com").reason is reason
    confirm(ledger)
    standing = ledger.suppressions.get("ana@example.com")
    assert (standing and standing.reason) == stands


def test_a_list_is_left_and_paused_by_itself(ledger, members):
    sign_up(ledger)
    sign_up(ledger, "other")
    ledger.preferences.set_lists(ANA, {}, ["other"], source="page")
    ledger.preferences.pause("ana@example.com", 2_000_000_000.0, source="page")
    assert [(each.list, each.status, each.paused_until) for each in members.of("ana@example.com")] == [
        ("other", Status.UNSUBSCRIBED, None),
        ("readers", Status.PAUSED, 2_000_000_000.0),
    ]


def test_the_profile_overrides_the_file_and_may_be_empty(ledger, members):
    sign_up(ledger, city="Porto")
    ledger.preferences.set_profile("ana@example.com", {"readers": {"city": "", "first_name": "Ana"}}, source="page")
    assert members.get("readers", "ana@example.com").values == {"first_name": "Ana"}


def test_every_change_is_recorded_with_its_source(ledger, members):
    sign_up(ledger, city="Porto")
    ledger.preferences.set_lists(ANA, {}, ["readers"], source="page")
    confirm_again = sign_up(ledger, city="Porto")
    assert confirm_again.status is Status.SUBSCRIBED
    for _ in range(2):
        ledger.preferences.set_profile("ana@example.com", {"readers": {"city": "Faro"}}, source="page")
    told = [(each.kind, each.before, each.after, each.by) for each in members.changes("ana@example.com")]
    assert told == [
        (MemberChangeKind.JOINED, "", "subscribed", "link"),
        (MemberChangeKind.STATUS, "subscribed", "unsubscribed", "page"),
        (MemberChangeKind.STATUS, "unsubscribed", "subscribed", "link"),
        (MemberChangeKind.OWN, json.dumps({"city": "Porto"}, separators=(",", ":")), '{"city":"Faro"}', "page"),
    ]


def test_erasing_takes_all_of_it(ledger, members):
    sign_up(ledger)
    ledger.erasure.erase("ana@example.com", source="test")
    assert members.of("ana@example.com") == ()
    assert members.changes("ana@example.com") == ()


def test_who_is_on_no_list_is_no_member(members):
    assert members.get("readers", "bo@example.com") is None


KEPT_AFTER_ERASURE = {
    *("id", "list_id", "identity", "address"),  # the last two as the pseudonym
    *(
        "status",
        "status_source",
        "since",
        "joined_at",
        "source",
        "base_status",
        "paused_until",
    ),  # for the list file's next sync
    *("in_file", "line", "removed_at"),  # where the row is
}


def test_erasure_empties_every_column_of_a_member_that_is_not_named_here(ledger):
    """A new column of `member` fails here until mailer/ledger/subscribers/erasure.py empties it, or it is named above."""
    columns = [column for column in member.c if column.name not in KEPT_AFTER_ERASURE]
    sign_up(ledger, city="Porto")

    def fill(conn):
        of_ana = update(member).where(member.c.identity == ANA.identity)
        filled = {column.name: 1 if column.type.python_type is not str else '{"a": "b"}' for column in columns}
        conn.execute(of_ana.values(in_file=True, line=2, **filled))

    ledger.context.writer.call(fill).result()
    ledger.erasure.erase(ANA.identity, source="test")
    with ledger.context.database.reading() as conn:
        [row] = conn.execute(select(*columns).where(member.c.line == 2)).mappings()
    assert {name: value for name, value in row.items() if value not in {None, "", "{}"}} == {}
