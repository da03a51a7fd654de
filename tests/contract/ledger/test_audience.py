"""Who a send goes to, on both databases: several lists merged, exclusion, --where; and what it means in plain Python."""

import datetime as dt
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.addresses import parse_address
from mailer.audience import segments as w
from mailer.csv.reader import CsvList
from mailer.edition.merge_fields import LIST_NAME
from mailer.ledger.sends.audience import AudienceCounts, count, find, first_recipient, recipients, values_that_occur
from mailer.ledger.sends.audience_query import Audience, AudienceSpec
from mailer.ledger.types.sends import Recipient, Repeat
from mailer.service.lists.sync_before_query import ListSource, synced_lists
from tests.support.ledger_cases import deliver, new_send, run, session


def audience(*lists, exclude=(), where=None, fields=()):
    return Audience(selection=AudienceSpec(lists=lists, exclude=exclude, where=where), fields=fields)


def look(desk, function, chosen, *names, source=ListSource.SYNC, **options):
    """`function` over an audience whose lists were synced."""
    lists = dict.fromkeys((*chosen.selection.lists, *chosen.selection.exclude, *names))
    with synced_lists(desk.app, tuple(lists), source, allow_removals=True) as now:
        found = function(now.conn, chosen, at=desk.app.clock(), **options)
        return found if isinstance(found, (AudienceCounts, Recipient, dict, type(None))) else list(found)


@pytest.mark.parametrize("source", [ListSource.FILE, ListSource.LAST_SYNC])
def test_while_a_file_is_read_the_ledger_can_be_written(desk, source, monkeypatch):
    desk.make("a", "email\nana@x.org\nbo@x.org\n")
    desk.ledger.suppressions.unsubscribe("zoe@x.org", source="page")  # there is a ledger
    batches = CsvList.batches

    def written_meanwhile(self, fields):
        desk.ledger.suppressions.unsubscribe("bo@x.org", source="page")
        return batches(self, fields)

    monkeypatch.setattr(CsvList, "batches", written_meanwhile)
    assert look(desk, count, audience("a"), source=source).reasons == {"": 1, "unsubscribed": 1}


@pytest.mark.parametrize("source", [ListSource.SYNC, ListSource.FILE])
def test_one_list_comes_in_its_order_with_the_fields_asked_for(desk, source):
    desk.make("a", "email,first_name,city\nAna@X.org,Ana,Porto\nbo@x.org,,Pune\nana@x.org,Twice,\nnobody,,\n")
    chosen = audience("a", fields=("first_name",))
    assert look(desk, recipients, chosen, source=source) == [
        Recipient("ana@x.org", "Ana@x.org", {"first_name": "Ana"}),
        Recipient("bo@x.org", "bo@x.org", {}),
    ]
    assert look(desk, count, chosen, source=source) == AudienceCounts(people=2, reasons={"": 2}, excluded=0, got_it=0)
    assert desk.app.has_ledger or source is ListSource.FILE


def test_the_name_of_the_first_list_to_which_somebody_is_subscribed_is_stored(desk):
    desk.make("one", "email,status\nana@x.org,\nbo@x.org,unconfirmed\n")
    desk.make("two", "email,status\nana@x.org,\nbo@x.org,\ncy@x.org,paused\n")
    desk.make("three", "email\ncy@x.org\ndi@x.org\n")
    names = {"one": "Our “first”", "two": "Second"}
    chosen = Audience(selection=AudienceSpec(lists=("one", "two", "three")), list_names=names)
    found = {each.identity: dict(each.fields) for each in look(desk, recipients, chosen)}
    first, second = {LIST_NAME: "Our “first”"}, {LIST_NAME: "Second"}
    assert found == {"ana@x.org": first, "bo@x.org": second, "cy@x.org": {}, "di@x.org": {}}


def test_a_subscriber_on_several_lists_gets_one_message_with_the_first_value_of_each_field(desk):
    desk.make("one", "email,first_name,city\nana@x.org,,Porto\nbo@x.org,Bo,\n")
    desk.make("two", "E-Mail;Vorname;City;Lang\nANA@x.org;Ana;Lisboa;pt\ncy@x.org;Cy;;\n")
    desk.make("three", "email,city,lang\nbo@x.org,Faro,\n")
    chosen = audience("one", "two", "three", fields=("city", "first_name", "lang"))
    assert look(desk, recipients, chosen) == [
        Recipient("ana@x.org", "ana@x.org", {"city": "Porto", "first_name": "Ana", "lang": "pt"}),
        Recipient("bo@x.org", "bo@x.org", {"first_name": "Bo", "city": "Faro"}),
        Recipient("cy@x.org", "cy@x.org", {"first_name": "Cy"}),
    ]
    assert look(desk, count, chosen).people == 5


def test_the_excluded_do_not_come_whatever_their_status_there(desk):
    desk.make("a", "email,status\nana@x.org,\nbo@x.org,paused\ncy@x.org,\n")
    desk.make("out", "email,status\nANA@x.org,unconfirmed\nbo@x.org,\nbad,\n")
    chosen = audience("a", exclude=("out",))
    assert look(desk, count, chosen) == AudienceCounts(people=3, reasons={"": 1}, excluded=2, got_it=0)
    assert [each.identity for each in look(desk, recipients, chosen)] == ["cy@x.org"]


def test_those_who_are_not_subscribed_are_counted_with_the_reason(desk):
    words = ["subscribed", "unconfirmed", "unsubscribed", "bounced", "complained", "paused", "VIP"]
    desk.make("a", "email,status\n" + "".join(f"r{i}@x.org,{word}\n" for i, word in enumerate(words)))
    reasons = ["", *words[1:-1], "unknown"]
    assert look(desk, count, audience("a")).reasons == dict.fromkeys(reasons, 1)


@pytest.mark.parametrize(
    ("one", "two", "skip"),
    [
        ("", "unsubscribed", "unsubscribed"),
        ("complained", "", "complained"),
        ("", "VIP", "unknown"),
        ("unconfirmed", "subscribed", ""),
        ("subscribed", "unconfirmed", ""),
        ("paused", "unconfirmed", "paused"),
        ("paused", "bounced", "bounced"),
    ],
)
def test_a_no_on_any_list_counts_and_a_yes_beats_a_not_yet(desk, one, two, skip):
    desk.make("one", f"email,status\nana@x.org,{one}\n")
    desk.make("two", f"email,status\nana@x.org,{two}\n")
    assert look(desk, first_recipient, audience("one", "two")).skip == skip


def test_a_no_on_a_later_row_of_the_same_list_counts(desk):
    desk.make("a", "email,status\nana@x.org,subscribed\nAna@x.org,unsubscribed\n")
    assert look(desk, first_recipient, audience("a")).skip == "unsubscribed"


def test_the_profile_overrides_the_file_and_a_sign_up_comes_last(desk):
    desk.make("a", "email,city,status\nana@x.org,Porto,\nbo@x.org,Pune,\n")
    look(desk, count, audience("a"))
    desk.ledger.preferences.set_profile("ana@x.org", {"a": {"city": ""}}, source="page")
    desk.ledger.preferences.set_profile("bo@x.org", {"a": {"city": "Faro"}}, source="page")
    desk.sign_up("cy@x.org", name="a", city="Goa")
    chosen = audience("a", fields=("city", "email", "status"))
    with desk.ledger.syncs.reading() as conn:
        found = [dict(each.fields) for each in recipients(conn, chosen, at=desk.app.clock())]
    assert found == [
        {"email": "ana@x.org", "status": "subscribed"},
        {"city": "Faro", "email": "bo@x.org", "status": "subscribed"},
        {"city": "Goa", "email": "cy@x.org", "status": "subscribed"},
    ]


def test_who_left_one_list_still_gets_what_goes_to_another(desk):
    for name in ("one", "two"):
        desk.make(name, "email\nana@x.org\nbo@x.org\n")
    look(desk, count, audience("one", "two"))
    desk.ledger.preferences.set_lists(parse_address("ana@x.org"), {}, ["one"], source="page")
    assert look(desk, count, audience("one")).reasons == {"": 1, "unsubscribed": 1}
    assert look(desk, count, audience("one", "two")).reasons == {"": 2}


def test_what_is_counted_is_what_is_frozen(desk):
    desk.make("one", "email,city,status\nAna@x.org,Porto,\nbo@x.org,,paused\ncy@x.org,Goa,\n")
    desk.make("two", "email,city\nbo@x.org,Pune\ndi@x.org,\n")
    desk.leave("di@x.org")
    chosen = audience("one", "two", where=w.parse_segment('city or email == "di@x.org"'), fields=("city", "email"))
    counted = look(desk, count, chosen)
    sent = desk.ledger.creator.create(new_send(lists=("one", "two")), chosen)
    rows = [(row.email, row.state.value, row.reason) for row in desk.ledger.report.rows(sent.id)]
    assert rows == [
        ("Ana@x.org", "pending", ""),
        ("bo@x.org", "pending", ""),
        ("cy@x.org", "pending", ""),
        ("di@x.org", "skipped", "unsubscribed"),
    ]
    assert counted.reasons == {"": 3, "unsubscribed": 1}
    kept = {each.identity: dict(each.fields) for each in (desk.ledger.report.deliveries_of("bo@x.org"))}
    assert kept == {"bo@x.org": {"city": "Pune", "email": "bo@x.org"}}


def test_who_has_it_already_is_no_part_of_new_readers(desk):
    desk.make("a", "email\nana@x.org\nbo@x.org\n")
    chosen = audience("a")
    look(desk, count, chosen)
    got_it(desk, "quay", "ana@x.org")
    assert look(desk, count, chosen, new_to="quay") == AudienceCounts(people=2, reasons={"": 1}, excluded=0, got_it=1)
    assert [each.identity for each in look(desk, recipients, chosen, new_to="quay")] == ["bo@x.org"]
    assert look(desk, first_recipient, chosen, new_to="quay").identity == "bo@x.org"
    again = desk.ledger.creator.create(new_send(lists=("a",), repeat=Repeat.NEW_READERS), chosen)
    assert [row.email for row in desk.ledger.report.rows(again.id)] == ["bo@x.org"]


def got_it(desk, slug, *identities):
    """A finished send of `slug` that these people have."""
    people = [Recipient(identity=identity, address=identity, fields={}) for identity in identities]
    sent = desk.ledger.creator.create(new_send(slug, lists=("past",)), people)
    with session(desk.ledger, sent) as mine:

        async def work():
            await deliver(mine, desk.app.clock(), limit=len(people))
            await mine.status()

        run(work())


def test_single_readers_are_found_as_the_send_would_have_them(desk):
    desk.make("a", "email,city\nana@x.org,Porto\nbo@x.org,\n")
    found = look(
        desk, find, audience("a", fields=("city",)), source=ListSource.FILE, identities=["ana@x.org", "zoe@x.org"]
    )
    assert found == {"ana@x.org": Recipient("ana@x.org", "ana@x.org", {"city": "Porto"})}


def test_the_values_that_occur_come_once_each(desk):
    desk.make("a", "email,city,status\na@x.org,Porto,\nb@x.org,Porto,\nc@x.org,Goa,paused\nd@x.org,,\n")
    found = look(desk, lambda conn, chosen, at: values_that_occur(conn, chosen, ("city",), at=at), audience("a"))
    assert sorted(each["city"] for each in found) == ["", "Porto"]


def test_many_fields_travel_together(desk):
    names = [f"f{number}" for number in range(95)]
    desk.make("a", f"email,{','.join(names)}\nana@x.org,{','.join(names)}\n")
    (found,) = look(desk, recipients, audience("a", fields=tuple(names)))
    assert found.fields == {name: name for name in names}


ALPHABET = "aAbzé\u05d0%_'\"\\ Z~\U0001f600"
VALUES = ["", "a", "A", "ab", "Lisbon", "lisbon", "é", "z", "%", "_", "'", "\u05d0\u05d1", "\U0001f600", "10", "9"]
TEXTS = st.one_of(st.sampled_from(VALUES), st.text(ALPHABET, max_size=3))
OPERANDS = st.one_of(st.sampled_from([w.Field("city"), w.Field("name")]), TEXTS.map(w.FieldText))
NAMES = ["eq", "ne", "lt", "lteq", "gt", "gteq"]
JOINED = dt.date(2027, 1, 15)  # on the test's clock
LEAVES = st.one_of(
    st.builds(w.IsNotEmpty, st.sampled_from([w.Field("city"), w.Field("name")])),
    st.builds(w.Compare, OPERANDS, st.sampled_from(NAMES), OPERANDS),
    st.builds(w.In, OPERANDS, st.lists(OPERANDS, max_size=3).map(tuple)),
    st.builds(w.Contains, OPERANDS, OPERANDS),
    st.builds(w.JoinedOn, st.sampled_from(NAMES), st.dates(JOINED - dt.timedelta(2), JOINED + dt.timedelta(2))),
    st.builds(w.OnList, st.sampled_from(["vip", "readers", "nowhere"])),
    st.builds(w.Received, st.sampled_from(["quay", "other"])),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(w.Not, inner),
        st.builds(w.And, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(w.Or, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@pytest.fixture
def population(desk):
    """People with odd cities and names, on one list or two; some got a dispatch."""
    quoted = [value.replace('"', '""') for value in VALUES]
    people = [
        (f"r{number}@x.org", quoted[number % len(quoted)], quoted[(number * 7) % len(quoted)]) for number in range(30)
    ]
    desk.write("email,city,name\n" + "".join(f'{email},"{city}","{name}"\n' for email, city, name in people))
    desk.make("vip", "email,name\n" + "".join(f"r{number}@x.org,V{number}\n" for number in range(0, 30, 3)))
    look(desk, count, audience("readers", "vip"))
    got_it(desk, "quay", *(f"r{number}@x.org" for number in range(0, 30, 4)))
    known = {}
    for number, (email, _, _) in enumerate(people):
        found = desk.member(email)
        name = found.values.get("name", "") or (f"V{number}" if number % 3 == 0 else "")
        known[email] = w.SubscriberFacts(
            fields={"city": found.values.get("city", ""), "name": name},
            joined=JOINED,
            lists={"readers", *(["vip"] if number % 3 == 0 else [])},
            received={"quay"} if number % 4 == 0 else set(),
        )
    return known


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(where=TREES)
def test_an_expression_selects_in_the_database_whom_it_means_in_python(desk, population, where):
    wanted = [identity for identity, person in population.items() if w.matches_segment(where, person)]
    with desk.ledger.syncs.reading() as conn:
        chosen = audience("readers", "vip", where=where)
        assert [each.identity for each in recipients(conn, chosen, at=desk.app.clock())] == wanted


def test_the_alphabet_is_one_that_lists_may_hold():
    assert parse_address("a@x.org").identity
    assert not set(ALPHABET) & set(string.whitespace) - {" "}
