"""Changing a list at the desk: uploads are planned, then applied; rows are edited by hand; on both databases."""

import io
import os
import time
from contextlib import contextmanager

import pytest

from mailer.addresses import parse_address
from mailer.csv.list_errors import ListError
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.service.lists import uploads
from mailer.service.lists.member_edits import add_member, edit_member, remove_member
from mailer.service.lists.sync import list_lock
from mailer.service.lists.undo import restorable_syncs
from mailer.service.lists.uploads import (
    KEPT_FOR,
    ChangedListError,
    ImportMode,
    UnappliedChangesError,
    apply_upload,
    discard_expired_uploads,
    discard_upload,
    find_upload,
    keep_upload,
    list_imports,
    plan_upload,
    rejected_rows_file,
)
from mailer.service.subscribers.erasure import erase_subscriber

HEAD = "email,first_name,city\n"
BY = "desk, Ada"


def upload(desk, text, way=ImportMode.WHOLE, name="autumn-fair.csv", encoding="utf-8"):
    return keep_upload(desk.app, "readers", io.BytesIO(text.encode(encoding)), file_name=name, way=way, by=BY)


def applied(desk, text, way=ImportMode.WHOLE, **options):
    kept = upload(desk, text, way)
    plan = plan_upload(desk.app, kept)
    return plan, apply_upload(desk.app, kept, base=plan.base, by=BY, **options)


def counts(plan):
    return {name: count for name, count in plan.counts.items() if count and name not in {"people", "patched"}}


def test_a_plan_names_the_headers_that_were_recognised(desk):
    desk.sync(HEAD)
    kept = upload(desk, "E-Mail-Adresse;Vorname;city\nx@x.org;X;Rome\n")
    assert plan_upload(desk.app, kept).read_as == (("E-Mail-Adresse", "email"), ("Vorname", "first_name"))


def test_an_upload_is_planned_applied_and_undone(desk):
    before = HEAD + "".join(f"r{number}@x.org,R{number},Pune\n" for number in range(12))
    desk.sync(before)
    new = (
        before.replace("R3,Pune", "R3,Rome").replace("r4@x.org,R4,Pune\n", "")
        + "bad@@x.org,,\nnew@x.org,N,Lima\nR1@x.org,,\n"
    )
    kept = upload(desk, new)
    told = plan_upload(desk.app, kept)
    assert counts(told.plan) == {"joined": 1, "changed": 1, "removed": 1, "rejected": 1, "duplicates": 1}
    assert (told.rows, told.encoding, told.delimiter) == (14, "UTF-8", ",")
    assert desk.read() == before and desk.member("new@x.org") is None
    done = apply_upload(desk.app, kept, base=told.base, by=BY)
    assert counts(done) == counts(told.plan)
    assert desk.read() == new
    assert find_upload(desk.app, "readers", kept.id) is None
    assert "bad@@x.org" in desk.path.with_name("readers.rejected.csv").read_text()
    assert desk.ledger.syncs.history("readers")[0].by == BY
    assert desk.sync().changes_nothing
    desk.undo(to=restorable_syncs(desk.app, "readers").back, allow_removals=True)
    assert desk.read() == before
    assert desk.member("new@x.org").removed_at is not None
    assert not desk.path.with_name("readers.rejected.csv").exists()


def test_an_added_file_sets_the_cells_that_it_fills_and_appends_new_rows(desk):
    desk.sync('email;"first name";note\r\n"ana@x.org";Ana;keep\r\nbo@x.org;Bo;\r\n')
    told, done = applied(
        desk, "E-Mail\tCity\tfirst_name\nana@x.org\tLisbon\t\nBO@x.org\t\tBobo\nçelik@x.org\tİzmir\tÇ\n", ImportMode.ADD
    )
    assert told.columns == ("city",)
    assert counts(told.plan) == counts(done) == {"joined": 1, "changed": 2}
    assert desk.read() == (
        'email;"first name";note;city\r\n"ana@x.org";Ana;keep;Lisbon\r\nbo@x.org;Bobo;;\r\nçelik@x.org;Ç;;İzmir\r\n'
    ).replace("bo@x.org;Bobo;;\r\n", "bo@x.org;Bobo;\r\n")
    assert desk.member("bo@x.org").values == {"first_name": "Bobo"}


def test_a_change_by_another_admin_during_the_wait_for_the_lock_is_kept(desk, monkeypatch):
    desk.sync(HEAD + "ana@x.org,Ana,\nbo@x.org,Bo,\n")
    kept = upload(desk, HEAD + "ana@x.org,Anna,\nbo@x.org,Bo,\n")
    base = plan_upload(desk.app, kept).base

    @contextmanager
    def after_another(app, name):
        add_member(app, name, parse_address("cleo@x.org"), {}, by="desk, Bob")
        with list_lock(app, name):
            yield

    monkeypatch.setattr(uploads, "list_lock", after_another)
    with pytest.raises(ChangedListError):
        apply_upload(desk.app, kept, base=base, by=BY)
    assert "cleo@x.org" in desk.read()


def test_somebody_who_opted_out_is_blocked_and_named_in_both_modes(desk):
    desk.sync(HEAD + "ana@x.org,Ana,\nbo@x.org,Bo,\n")
    desk.leave("ana@x.org")
    desk.leave("never@x.org")
    desk.ledger.suppressions.suppress("hand@x.org", SuppressionReason.BY_HAND, source="test")
    more = HEAD + "ana@x.org,Ana,\nnever@x.org,,\nhand@x.org,,\nnew@x.org,,\n"
    for way in (ImportMode.ADD, ImportMode.WHOLE):
        told = plan_upload(desk.app, upload(desk, more, way))
        assert told.plan.blocked == 3, way
        assert {each.identity for each in told.plan.first_blocked} == {"ana@x.org", "never@x.org", "hand@x.org"}
    _, done = applied(desk, more, ImportMode.ADD)
    assert done.blocked == 3
    lines = {line.partition(",")[0]: line for line in desk.read().splitlines()}
    assert ",unsubscribed," in lines["ana@x.org"] and ",unsubscribed," in lines["never@x.org"]
    assert desk.held("never@x.org") == "unsubscribed"
    assert desk.sync().changes_nothing


@pytest.mark.parametrize("way", ImportMode)
def test_each_row_of_an_upload_is_in_one_count_and_a_look_at_the_plan_writes_nothing(desk, way):
    desk.sync(HEAD + "ana@x.org,Ana,\nbo@x.org,Bo,\ncy@x.org,,\n")
    desk.leave("ana@x.org")
    desk.leave("left@x.org")
    desk.ledger.suppressions.suppress("hand@x.org", SuppressionReason.BY_HAND, source="test")
    before, history = desk.read(), desk.ledger.syncs.history("readers")
    more = (
        HEAD
        + "ana@x.org,,\nbo@x.org,Bob,\ncy@x.org,,\nleft@x.org,,\nhand@x.org,,\nnew@x.org,,\nBO@x.org,,\nbad@@x.org,Zed,\n"
    )
    kept = upload(desk, more, way)
    told = plan_upload(desk.app, kept)
    assert (desk.read(), desk.ledger.syncs.history("readers")) == (before, history)
    counts = told.counts
    assert (counts.mailed, counts.listed, counts.duplicates, counts.rejected, counts.removed) == (1, 2, 1, 1, 0)
    assert (dict(counts.unmailed), dict(counts.kept_out)) == ({"by hand": 1, "unsubscribed": 1}, {"unsubscribed": 1})
    assert counts.rows == told.rows == 8
    apply_upload(desk.app, kept, base=told.base, by=BY)
    assert [each.by for each in desk.ledger.syncs.history("readers")][:2] == [BY, "readers"]
    [record] = list_imports(desk.app, "readers")
    assert (record.file_name, record.by, record.counts) == ("autumn-fair.csv", BY, counts)
    rejected = rejected_rows_file(desk.app, "readers", record.id)
    assert "9,“bad@@x.org” is not an e-mail address (two @),bad@@x.org,Zed" in rejected.read_text("utf-8-sig")
    assert rejected.stat().st_mode & 0o077 == 0
    erase_subscriber(desk.app, "new@x.org", by=BY)
    assert "bad@@x.org" in rejected.read_text("utf-8-sig")
    assert rejected_rows_file(desk.app, "readers", "../x") is None


def test_an_unknown_status_word_of_an_upload_stays_in_the_file_as_it_is(desk):
    desk.sync(HEAD + "bo@x.org,Bo,\n")
    told, _ = applied(desk, "email,status\nana@x.org,Aktivv\nbo@x.org,Stammgast\n", ImportMode.ADD)
    assert (told.counts.mailed, dict(told.counts.unmailed)) == (0, {"unknown": 1})
    assert [line.split(",")[3] for line in desk.read().splitlines()] == ["status", "Stammgast", "Aktivv"]
    assert desk.sync().changes_nothing


def test_an_erased_subscriber_gets_no_row_again(desk):
    desk.sync(HEAD + "ana@x.org,Ana,\nbo@x.org,Bo,\n")
    forgotten = erase_subscriber(desk.app, "ana@x.org", by=BY)
    assert (forgotten.removed_from, dict(forgotten.failed)) == (("readers",), {})
    assert desk.read() == HEAD + "bo@x.org,Bo,\n"
    told, _ = applied(desk, HEAD + "ana@x.org,Ana,\nnew@x.org,,\n", ImportMode.ADD)
    assert told.erased == 1
    assert desk.read() == HEAD + "bo@x.org,Bo,\nnew@x.org,,\n"


def test_an_upload_that_removes_more_than_a_tenth_needs_confirmation(desk):
    desk.sync(HEAD + "".join(f"r{number}@x.org,,\n" for number in range(5)))
    before, kept = desk.read(), upload(desk, HEAD + "r1@x.org,,\n")
    told = plan_upload(desk.app, kept)
    assert told.plan.removes_many
    with pytest.raises(NeedsConfirmationError):
        apply_upload(desk.app, kept, base=told.base, by=BY)
    assert desk.read() == before and not list(desk.path.parent.glob(".readers*"))
    assert apply_upload(desk.app, kept, base=told.base, by=BY, allow_removals=True).removed == 4


def test_an_upload_is_refused_if_the_list_changed_since_the_plan(desk):
    desk.sync(HEAD + "ana@x.org,,\n")
    kept = upload(desk, HEAD + "bo@x.org,,\n", ImportMode.ADD)
    base = plan_upload(desk.app, kept).base
    desk.write(HEAD + "ana@x.org,,\ncy@x.org,,\n")
    with pytest.raises(ChangedListError):
        apply_upload(desk.app, kept, base=base, by=BY)
    with pytest.raises(UnappliedChangesError):
        plan_upload(desk.app, kept)
    desk.sync()
    assert apply_upload(desk.app, kept, base=plan_upload(desk.app, kept).base, by=BY).joined == 1
    assert desk.read() == HEAD + "ana@x.org,,\ncy@x.org,,\nbo@x.org,,\n"


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml", "Excel"),
        (b"", "line"),
        (b"name,city\nAna,Lisbon\n", "no column contains the address"),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09" * 10, "not text"),
    ],
)
def test_an_invalid_file_is_refused_by_its_own_name(desk, data, says):
    desk.sync(HEAD + "ana@x.org,,\n")
    with pytest.raises(ListError) as refused:
        keep_upload(desk.app, "readers", io.BytesIO(data), file_name="../../fair\n.csv", way=ImportMode.WHOLE, by=BY)
    assert "“fair .csv”" in refused.value.message and ".mailer" not in str(refused.value)
    assert not list((desk.app.workspace.state / "uploads").iterdir())


def test_an_upload_is_removed_when_discarded_and_after_a_day(desk, clock):
    desk.sync(HEAD + "ana@x.org,,\n")
    first, second = upload(desk, HEAD), upload(desk, HEAD)
    discard_upload(desk.app, first)
    assert find_upload(desk.app, "readers", first.id) is None
    assert find_upload(desk.app, "readers", second.id) == second
    assert find_upload(desk.app, "others", second.id) is None
    assert find_upload(desk.app, "readers", "../" + second.id) is None
    clock.forward(KEPT_FOR)
    assert find_upload(desk.app, "readers", second.id) is None


def test_expired_uploads_are_removed_from_disk_and_incomplete_ones_are_kept(desk, clock):
    desk.sync(HEAD)
    clock.now = time.time()
    folder = desk.app.workspace.state / "uploads"
    discard_expired_uploads(desk.app)
    old = upload(desk, HEAD + "ana@x.org,,\n")
    coming = folder / f"{'c0' * 16}.csv"
    coming.write_text(HEAD)
    os.utime(coming, (clock.now, clock.now))
    second = upload(desk, HEAD)
    assert coming.exists(), "another upload takes nothing away from one that is under way"
    clock.forward(KEPT_FOR - 1)
    discard_expired_uploads(desk.app)
    assert find_upload(desk.app, "readers", old.id) and find_upload(desk.app, "readers", second.id)
    clock.forward(2)
    discard_expired_uploads(desk.app)
    assert list(folder.iterdir()) == []


def test_rows_are_added_edited_and_removed_and_nothing_else_changes(desk):
    desk.sync('"email","first_name","city"\r\n"ana@x.org","Ana",""\r\nbo@x.org, Bo ,"a ""b"""\r\n')
    add_member(desk.app, "readers", parse_address("Çe@x.org"), {"first_name": "Ç\nx", "email": "evil@x.org"}, by=BY)
    edit_member(desk.app, "readers", "bo@x.org", {"city": 'Göteborg; "x", y'}, by=BY)
    assert desk.read() == (
        '"email","first_name","city"\r\n"ana@x.org","Ana",""\r\nbo@x.org, Bo ,"Göteborg; ""x"", y"\r\n"Çe@x.org","Ç x",""\r\n'
    )
    remove_member(desk.app, "readers", "ana@x.org", by=BY)
    assert desk.read().count("\r\n") == 3 and "ana" not in desk.read()
    assert desk.member("ana@x.org").removed_at is not None
    assert [each.by for each in desk.ledger.syncs.history("readers")][:3] == [BY] * 3
    for wrong in (
        lambda: remove_member(desk.app, "readers", "ana@x.org", by=BY),
        lambda: add_member(desk.app, "readers", parse_address("BO@x.org"), {}, by=BY),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_somebody_who_opted_out_cannot_be_added_by_hand(desk):
    desk.sync(HEAD + "ana@x.org,,\n")
    desk.leave("ana@x.org")
    desk.ledger.suppressions.suppress("hand@x.org", SuppressionReason.BY_HAND, source="test")
    before = desk.read()
    for email, says in (("ana@x.org", "the person opted out"), ("hand@x.org", "on the suppression list")):
        with pytest.raises(UsageError, match=says):
            add_member(desk.app, "readers", parse_address(email), {}, by=BY)
    assert desk.read().startswith(before.rstrip("\n")[:20])
    assert "hand@x.org" not in desk.read()


def test_an_admin_is_told_how_somebody_who_left_can_come_back(desk):
    desk.sync(HEAD + "ana@x.org,,\n")
    desk.leave("ana@x.org")
    with pytest.raises(UsageError) as refused:
        add_member(desk.app, "readers", parse_address("ana@x.org"), {}, by=BY)
    assert "This list is not open for sign-up: open it under Settings of the list" in refused.value.next_step
    (desk.app.workspace.subscribers / "readers.toml").write_text("public = true\n")
    with pytest.raises(UsageError) as refused:
        add_member(desk.app, "readers", parse_address("ana@x.org"), {}, by=BY)
    assert refused.value.next_step.endswith("/subscribe/readers")


def test_a_file_with_unclosed_quotes_is_not_edited(desk):
    text = HEAD + 'ana@x.org,"Ana,\nbo@x.org,Bo,\n'
    desk.sync(text)
    with pytest.raises(ListError, match="missing closing quote"):
        add_member(desk.app, "readers", parse_address("new@x.org"), {}, by=BY)
    assert desk.read() == text
