import csv
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailer.audience.gather import Counts, Recipient, gather

from mailer.audience.listfile import ListError, open_list
from mailer.audience.rejected import keep_rejected, rejected_path
from mailer.audience.row import Rejected


@pytest.fixture
def make(tmp_path):
    def make_list(name, content):
        path = tmp_path / f"{name}.csv"
        path.write_text(content, encoding="utf-8")
        return open_list(path)

    return make_list


def test_one_list_comes_in_its_order_with_the_fields_asked_for(make):
    source = make("a", "email,first_name,city\nAna@X.org,Ana,Porto\nbo@x.org,,Pune\nana@x.org,Twice,\nnobody,,\n")
    audience = gather([source], fields=frozenset({"first_name"}))
    assert list(audience.recipients()) == [
        Recipient("ana@x.org", "Ana@x.org", {"first_name": "Ana"}),
        Recipient("bo@x.org", "bo@x.org", {}),
    ]
    counts = audience.count()
    assert counts == Counts(rows=4, rejected=1, duplicates=1, excluded=0, recipients=2, skipped={})
    assert counts.to_mail == 2


def test_a_person_on_several_lists_gets_one_message_with_the_first_value_of_each_field(make):
    one = make("one", "email,first_name,city\nana@x.org,,Porto\nbo@x.org,Bo,\n")
    two = make("two", "E-Mail;Vorname;City;Lang\nANA@x.org;Ana;Lisboa;pt\ncy@x.org;Cy;;\n")
    audience = gather([one, two], fields=frozenset({"first_name", "city", "lang"}))
    assert list(audience.recipients()) == [
        Recipient("ana@x.org", "ana@x.org", {"city": "Porto", "first_name": "Ana", "lang": "pt"}),
        Recipient("bo@x.org", "bo@x.org", {"first_name": "Bo"}),
        Recipient("cy@x.org", "cy@x.org", {"first_name": "Cy"}),
    ]
    assert audience.count() == Counts(rows=4, rejected=0, duplicates=1, excluded=0, recipients=3, skipped={})


def test_the_excluded_do_not_come_whatever_their_status_there(make):
    source = make("a", "email,status\nana@x.org,\nbo@x.org,paused\ncy@x.org,\n")
    out = make("out", "email,status\nANA@x.org,unsubscribed\nbo@x.org,\nbad,\n")
    told = []
    audience = gather([source], exclude=[out], fields=frozenset())
    counts = audience.count(lambda source, finding: told.append(source.describe(finding)))
    assert counts == Counts(rows=3, rejected=0, duplicates=0, excluded=2, recipients=1, skipped={})
    assert told == ["out.csv:4: “bad” is not an address (no @); row kept in out.rejected.csv"]
    assert [recipient.identity for recipient in audience.recipients()] == ["cy@x.org"]


def test_those_who_are_not_subscribed_are_frozen_with_the_reason(make):
    words = ["subscribed", "unconfirmed", "unsubscribed", "bounced", "complained", "erased", "paused", "VIP"]
    source = make("a", "email,status\n" + "".join(f"r{i}@x.org,{word}\n" for i, word in enumerate(words)))
    audience = gather([source], fields=frozenset())
    assert [recipient.skip for recipient in audience.recipients()] == ["", *words[1:-1], "unknown"]
    assert audience.count().to_mail == 1


@pytest.mark.parametrize(
    ("first", "second", "skip"),
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
def test_a_no_on_any_list_counts_and_a_yes_beats_a_not_yet(make, first, second, skip):
    one, two = make("one", f"email,status\nana@x.org,{first}\n"), make("two", f"email,status\nana@x.org,{second}\n")
    assert [recipient.skip for recipient in gather([one, two], fields=frozenset()).recipients()] == [skip]


def test_a_no_on_a_later_row_of_the_same_list_counts(make):
    source = make("a", "email,status\nana@x.org,subscribed\nAna@x.org,unsubscribed\n")
    assert [recipient.skip for recipient in gather([source], fields=frozenset()).recipients()] == ["unsubscribed"]


def test_one_reader_is_found_as_the_send_would_have_it(make):
    audience = gather([make("a", "email,city\nana@x.org,Porto\n")], fields=frozenset({"city"}))
    assert audience.find("ana@x.org") == Recipient("ana@x.org", "ana@x.org", {"city": "Porto"})
    assert audience.find("bo@x.org") is None


def test_an_audience_needs_a_list():
    with pytest.raises(ValueError, match="list"):
        gather([], fields=frozenset())


ROW = st.tuples(
    st.sampled_from(["a@x.org", "A@x.org", "b@x.org", "c@x.org", "bad", " "]),
    st.sampled_from(["", "paused", "bounced"]),
)
TABLE = st.lists(ROW, max_size=6)


@settings(deadline=None)
@given(st.lists(TABLE, min_size=1, max_size=3), TABLE)
def test_every_row_is_accounted_for(tmp_path_factory, tables, out):
    folder = tmp_path_factory.mktemp("lists")
    sources = []
    for number, table in enumerate([*tables, out]):
        path = folder / f"{number}.csv"
        path.write_text("email,status\n" + "".join(f"{email},{status}\n" for email, status in table), encoding="utf-8")
        sources.append(open_list(path))
    audience = gather(sources[:-1], exclude=sources[-1:], fields=frozenset({"status"}))
    counts = audience.count()
    recipients = list(audience.recipients())
    assert counts.rows == counts.rejected + counts.duplicates + counts.excluded + counts.recipients
    assert counts.rows == sum(bool(email.strip() or status) for table in tables for email, status in table)
    assert len({recipient.identity for recipient in recipients}) == len(recipients) == counts.recipients
    assert sum(not recipient.skip for recipient in recipients) == counts.to_mail


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def test_rejected_rows_are_kept_beside_the_list_as_they_were(make):
    source = make("a", 'email;name\nbad;"=1;""x"""\nana@x.org;Ana\n;nobody\n')
    source.path.chmod(0o640)
    with keep_rejected([source]) as keep:
        gather([source], fields=frozenset()).count(keep)
    path = rejected_path(source)
    assert path.name == "a.rejected.csv"
    assert read(path) == [
        ["line", "reason", "email", "name"],
        ["2", "“bad” is not an address (no @)", "bad", '=1;"x"'],
        ["4", "“” is not an address (nothing there)", "", "nobody"],
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_the_file_goes_when_nothing_is_rejected_any_more(make):
    source = make("a", "email\nbad\n")
    with keep_rejected([source]) as keep:
        gather([source], fields=frozenset()).count(keep)
    mended = make("a", "email\nana@x.org\n")
    with keep_rejected([mended]) as keep:
        gather([mended], fields=frozenset()).count(keep)
    assert [path.name for path in source.path.parent.iterdir()] == ["a.csv"]


def test_a_reading_that_fails_leaves_the_old_file(make):
    source = make("a", "email\nbad\n")
    with keep_rejected([source]) as keep:
        keep(source, Rejected(line=2, reason="old", cells=("bad",)))

    def fail():
        with keep_rejected([source]) as keep:
            keep(source, Rejected(line=2, reason="new", cells=("bad",)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "old" in rejected_path(source).read_text(encoding="utf-8-sig")
    assert sorted(path.name for path in source.path.parent.iterdir()) == ["a.csv", "a.rejected.csv"]


def test_a_folder_that_cannot_be_written_is_an_error_with_a_next_step(make):
    source = make("a", "email\nbad\n")
    rejected_path(source).mkdir()
    with pytest.raises(ListError, match="cannot be kept") as caught, keep_rejected([source]) as keep:
        keep(source, Rejected(line=2, reason="x"))
    assert caught.value.next_step
