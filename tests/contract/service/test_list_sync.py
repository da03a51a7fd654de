"""Syncing a list file with the ledger: who joins and leaves, which side wins, and the file byte for byte; on both databases."""

import datetime as dt
import shutil
from hashlib import sha256
from operator import itemgetter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text

from mailer.addresses import parse_address
from mailer.csv.list_errors import ListError
from mailer.csv.reader import open_list
from mailer.csv.rows import Member, RejectedRow, Status
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.sync import syncs
from mailer.ledger.types.subscribers import MemberChangeKind
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.service.lists import sync
from mailer.service.lists.file_digests import file_digest
from mailer.service.lists.sync import plan_sync, sync_list
from mailer.service.lists.undo import plan_undo

TEN = "".join(f"r{number}@x.org,R{number}\n" for number in range(10))
HEAD = "email,first_name\n"


def day_of(at):
    return dt.datetime.fromtimestamp(at, dt.UTC).date().isoformat()


def counts(plan):
    return {name: count for name, count in plan.counts.items() if count and name != "people"}


def test_the_first_sync_adds_every_row_and_leaves_the_file_unchanged(desk):
    text = HEAD + "Ana@X.org,Ana\nbad,\nbo@x.org,\nANA@x.org,Twice\n"
    plan = desk.sync(text)
    assert counts(plan) == {"joined": 2, "rejected": 1, "duplicates": 1}
    assert (plan.is_first, plan.sync, plan.people) == (True, 1, 2)
    assert [words.partition(":")[2].partition(":")[0] for words in plan.findings] == ["3", "5"]
    assert desk.read() == text
    ana = desk.member("ana@x.org")
    assert (ana.address, ana.values, ana.line, ana.status) == (
        "Ana@x.org", {"first_name": "Ana"}, 2, Status.SUBSCRIBED,
    )  # fmt: skip


def test_only_a_sync_that_was_asked_for_takes_the_file_of_another_machine(desk):
    """A send, an edit or an upload there would otherwise remove whoever an older copy of the file lacks."""
    desk.sync(HEAD + TEN)
    name, versions = "readers", desk.app.workspace.state / "lists" / "readers"
    desk.write(HEAD + TEN + "new@x.org,New\n")
    assert sync_list(desk.app, name, implicit=True).joined == 1
    shutil.rmtree(versions)  # as in the folder of a machine that has synced nothing
    assert sync_list(desk.app, name, implicit=True).changes_nothing  # the file is the same
    desk.write(HEAD + TEN)
    with pytest.raises(NeedsConfirmationError, match="last synced from another machine"):
        sync_list(desk.app, name, implicit=True)
    assert desk.member("new@x.org").removed_at is None
    assert sync_list(desk.app, name).removed == 1
    desk.write(HEAD + TEN + "late@x.org,Late\n")
    assert sync_list(desk.app, name, implicit=True).joined == 1


def test_a_bulk_load_restores_the_indexes(desk):
    def indexes():
        with desk.ledger.syncs.reading() as conn:
            if conn.dialect.name == "sqlite":  # which of two it takes depends on their order
                made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'member'"
                return conn.execute(text(made)).all()
            return sorted(inspect(conn).get_indexes("member"), key=itemgetter("name"))

    before = indexes()
    assert len(before) >= 3
    for name, count, again in (("first", 10, 1), ("fewer", 3, 0), ("more", 30, 5)):
        rows = [f"r{number}@x.org,R{number}\n" for number in range(count)]
        plan = sync_list(desk.app, desk.make(name, HEAD + "".join(rows + rows[:again])))
        assert (plan.joined, plan.duplicates) == (count, again)
        assert indexes() == before
        assert sync_list(desk.app, name).changes_nothing
    assert len(desk.ledger.members.of("r1@x.org")) == 3


def test_empty_fields_of_a_row_are_left_out(desk):
    desk.sync("email,a,b\nr0@x.org,1,2\nr1@x.org,,2\nr2@x.org,1,\nr3@x.org,,\nr4@x.org,%s,%\nr5@x.org,,100%d\n")
    assert [desk.member(f"r{number}@x.org").values for number in range(6)] == [
        {"a": "1", "b": "2"}, {"b": "2"}, {"a": "1"}, {}, {"a": "%s", "b": "%"}, {"b": "100%d"},
    ]  # fmt: skip


def test_a_sync_with_nothing_new_does_nothing(desk):
    desk.sync(HEAD + TEN)
    again = desk.sync()
    assert again.changes_nothing
    assert again.sync is None
    assert again.people == 10
    assert len(desk.ledger.syncs.history("readers")) == 1


def test_a_list_is_read_again_by_a_version_that_recognises_more(desk, monkeypatch):
    def is_current():
        return desk.ledger.syncs.is_current("readers", file_digest(desk.app.workspace.list_file("readers")), {})

    monkeypatch.setattr(syncs, "READING_RULES", 1)
    desk.sync("email,notes\nana@x.org,will keine Mails mehr\n")
    assert is_current()
    monkeypatch.undo()
    assert not is_current()
    assert [each.name for each in desk.sync().unclear] == ["notes"]
    assert is_current()


def test_pending_changes_of_one_file_do_not_affect_another_list(desk):
    desk.sync(HEAD + TEN)
    other = desk.make("other", "email,status\nzoe@x.org,paused\n")
    sync_list(desk.app, other)

    def is_current(name):
        digest = sha256(desk.app.workspace.list_file(name).read_bytes()).hexdigest()
        return desk.ledger.syncs.is_current(name, digest, {})

    assert is_current("readers")
    assert is_current("other")
    desk.leave("zoe@x.org")
    assert is_current("readers")
    assert not is_current("other")


def test_a_sync_adds_changes_and_removes_members(desk, clock):
    desk.sync(HEAD + TEN)
    clock.forward(60)
    text = HEAD + TEN.replace("r1@x.org,R1\n", "").replace("r2@x.org,R2", "R2@x.org,Rita") + "new@x.org,N\n"
    plan = desk.sync(text)
    assert counts(plan) == {"joined": 1, "changed": 1, "removed": 1}
    assert [(each.line, each.identity) for each in plan.first_joined] == [(11, "new@x.org")]
    assert [(each.line, each.identity, dict(each.fields)) for each in plan.first_changed] == [
        (3, "r2@x.org", {"first_name": ("R2", "Rita")})
    ]
    assert plan.first_removed == ("r1@x.org",)
    assert desk.member("r1@x.org").removed_at == clock.now
    assert desk.member("r2@x.org").address == "R2@x.org"
    assert [each.kind for each in desk.ledger.members.changes("r2@x.org")] == [MemberChangeKind.FIELDS]
    assert [each.kind for each in desk.ledger.members.changes("r1@x.org")] == [MemberChangeKind.REMOVED]
    assert desk.member("r9@x.org").line == 10
    assert desk.read() == text


def test_a_change_in_one_list_is_no_change_in_another(desk):
    desk.sync(HEAD + TEN)
    desk.make("others", "email,status\npaul@x.org,paused\n")
    sync_list(desk.app, "others")
    desk.sign_up("paul@x.org", "others")
    current = {
        name: desk.ledger.syncs.is_current(name, file_digest(desk.file(name)), {}) for name in ("readers", "others")
    }
    assert current == {"readers": True, "others": False}


def test_a_plan_changes_nothing_and_predicts_the_sync(desk):
    desk.sync(HEAD + TEN)
    desk.leave("r3@x.org")
    desk.write(HEAD + TEN + "new@x.org,N\n")
    before = desk.read()
    planned = plan_sync(desk.app, "readers")
    assert desk.read() == before
    assert desk.member("new@x.org") is None
    done = desk.sync()
    assert (planned.counts, planned.first_joined) == (done.counts, done.first_joined)


def test_removing_more_than_a_tenth_needs_confirmation(desk):
    desk.sync(HEAD + TEN)
    fewer = HEAD + TEN.replace("r1@x.org,R1\n", "").replace("r2@x.org,R2\n", "")
    with pytest.raises(NeedsConfirmationError, match="2 of 10 readers"):
        desk.sync(fewer)
    assert desk.member("r1@x.org").removed_at is None
    assert counts(plan_sync(desk.app, "readers")) == {"removed": 2}
    assert counts(desk.sync(allow_removals=True)) == {"removed": 2}


def test_an_opt_out_is_written_to_the_file_with_its_date(desk):
    text = 'email;"first name"\r\n"ana@x.org";Ana\r\nbo@x.org;Bo\r\n'
    desk.sync(text)
    desk.leave("ana@x.org")
    assert counts(desk.sync()) == {"patched": 1}
    assert desk.read() == (
        'email;"first name";"status";"since"\r\n"ana@x.org";Ana;"unsubscribed";"2027-01-15"\r\nbo@x.org;Bo\r\n'
    ) or desk.read() == (
        'email;"first name";status;since\r\n"ana@x.org";Ana;unsubscribed;2027-01-15\r\nbo@x.org;Bo\r\n'
    )
    assert desk.sync().changes_nothing


def test_confirmed_sign_ups_are_appended_once(desk):
    desk.sync(HEAD + "ana@x.org,Ana\n")
    desk.sign_up("Cy@X.org", first_name="Cy", city="left out")
    desk.ask("di@x.org")
    desk.sign_up("eve@x.org")
    desk.leave("eve@x.org")
    assert counts(desk.sync()) == {"appended": 1}
    wanted = "email,first_name,status,since\nana@x.org,Ana\nCy@x.org,Cy,subscribed,2027-01-15\n"
    assert desk.read() == wanted
    assert desk.sync().changes_nothing
    desk.sync(wanted + "new@x.org,N,,\n")
    assert desk.member("cy@x.org").line == 3
    desk.confirm("di@x.org")
    assert counts(desk.sync()) == {"appended": 1}
    assert desk.read().endswith("new@x.org,N,,\ndi@x.org,,subscribed,2027-01-15\n")


@pytest.mark.parametrize("word", ["unsubscribed", "bounced", "complained"])
def test_a_status_that_stops_mail_holds_everywhere_and_the_file_cannot_lift_it(desk, word):
    desk.sync(HEAD.replace("\n", ",status\n") + f"ana@x.org,Ana,{word}\nbo@x.org,Bo,\n")
    assert desk.held("ana@x.org") == word
    assert desk.ledger.suppressions.get("ana@x.org").source == "list readers, sync 1"
    plan = desk.sync(HEAD.replace("\n", ",status\n") + "ana@x.org,Ana,subscribed\nbo@x.org,Bo,\n")
    assert [(each.line, each.identity) for each in plan.first_blocked] == [(2, "ana@x.org")]
    assert desk.held("ana@x.org") == word
    assert f"ana@x.org,Ana,{word}" in desk.read()
    assert desk.sync().changes_nothing


@pytest.mark.parametrize("reason", list(SuppressionReason)[:-1])
def test_a_row_does_not_resubscribe_somebody_who_opted_out(desk, reason):
    desk.ledger.suppressions.suppress("ana@x.org", reason, source="test")
    plan = desk.sync(HEAD + "ana@x.org,Ana\nbo@x.org,\n")
    assert [each.identity for each in plan.first_blocked] == ["ana@x.org"]
    assert desk.held("ana@x.org") == reason
    wanted = "" if reason is SuppressionReason.BY_HAND else f",{reason},2027-01-15"
    assert f"ana@x.org,Ana{wanted}\n" in desk.read()
    assert desk.sync().changes_nothing


EVIDENCE = "Email,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,first_name\n"


def test_imported_evidence_of_consent_is_kept(desk, clock):
    ana = "ana@x.org,2024-05-01 10:00:00,192.0.2.1,2024-05-01 10:02:00,"
    text = f"{EVIDENCE}{ana}Ana\nbo@x.org,last May,,,Bo\ncy@x.org,,,,Cy\n"
    desk.sync(text)
    consents = desk.ledger.signups.consents
    (kept,) = consents("ana@x.org")
    assert (kept.list, kept.form, kept.ip, kept.is_imported) == ("readers", "import readers.csv, sync 1", "", True)
    assert kept.words == ("opted_in_at: 2024-05-01 10:00:00; opted_in_ip: 192.0.2.1; confirmed_at: 2024-05-01 10:02:00")
    assert (kept.at, kept.confirmed_at) == (1714557600.0, 1714557720.0)
    (bo,) = consents("bo@x.org")
    assert (bo.words, bo.at, bo.confirmed_at) == ("opted_in_at: last May", clock(), None)
    assert consents("cy@x.org") == ()
    desk.sync(text.replace("Ana", "Anna").replace("Cy", "Cyd"))  # the same evidence, said once more
    assert consents("ana@x.org") == (kept,)
    desk.sync(text.replace("last May", "in May").replace("cy@x.org,", "cy@x.org,2025-01-01"))
    assert [each.words for each in consents("bo@x.org")] == ["opted_in_at: last May", "opted_in_at: in May"]
    assert [each.words for each in consents("cy@x.org")] == ["opted_in_at: 2025-01-01"]
    desk.ledger.signups.forget(clock() + 1)  # it waits for nobody to confirm it
    desk.undo()
    assert consents("bo@x.org") == (bo,)
    assert consents("cy@x.org") == ()
    desk.ledger.erasure.erase("ana@x.org", source="test")
    assert consents("ana@x.org") == ()


def test_an_erased_person_stays_so_and_the_ledger_keeps_no_address(desk):
    desk.sync(HEAD + "ana@x.org,Ana\nbo@x.org,Bo\n")
    desk.ledger.erasure.erase("ana@x.org", source="test")
    assert counts(desk.sync()) == {"patched": 1}
    assert "ana@x.org,Ana,erased,2027-01-15" in desk.read()
    kept = desk.member("ana@x.org")
    assert "@" not in kept.identity + kept.address
    assert kept.values == {}
    plan = desk.sync(HEAD + "ana@x.org,Ana\nbo@x.org,Bo\n")
    assert counts(plan) == {"blocked": 1, "patched": 1}


@pytest.mark.parametrize(
    ("first", "then", "blocked", "holds"),
    [
        ("", "paused", False, Status.PAUSED),
        ("paused", "", False, Status.SUBSCRIBED),
        ("subscribd", "subscribed", False, Status.SUBSCRIBED),
        ("unconfirmed", "subscribed", True, Status.UNCONFIRMED),
        ("unconfirmed", "paused", True, Status.UNCONFIRMED),
    ],
)
def test_the_status_on_one_list_only_becomes_stricter(desk, first, then, blocked, holds):
    head = "email,status\n"
    desk.sync(head + f"ana@x.org,{first}\nbo@x.org,\n")
    plan = desk.sync(head + f"ana@x.org,{then}\nbo@x.org,\n")
    assert bool(plan.blocked) is blocked
    assert desk.member("ana@x.org").status is holds
    assert desk.held("ana@x.org") is None


def test_a_pause_by_the_subscriber_is_written_to_the_file_and_ends_by_itself(desk, clock):
    desk.sync("email,status,since\nana@x.org,,\nbo@x.org,,\n")
    desk.ledger.preferences.pause("ana@x.org", clock.now + 86_400, source="page")
    desk.sync()
    assert desk.read() == "email,status,since\nana@x.org,paused,2027-01-15\nbo@x.org,,\n"
    plan = desk.sync("email,status,since\nana@x.org,subscribed,\nbo@x.org,,\n")
    assert plan.blocked == 1
    clock.forward(86_401)
    desk.sync()
    assert desk.read().startswith("email,status,since\nana@x.org,subscribed,")


def test_a_pause_in_the_file_cannot_be_ended_by_the_subscriber(desk):
    desk.sync("email,status\nana@x.org,paused\n")
    desk.ledger.preferences.pause("ana@x.org", 1e12, source="page")
    desk.ledger.preferences.resume("ana@x.org", source="page")
    member = desk.member("ana@x.org")
    assert (member.status, member.paused_until) == (Status.PAUSED, None)


def test_resubscribing_is_written_to_every_row_of_the_subscriber(desk):
    desk.sync("email,status\nana@x.org,\nbo@x.org,\nAna@x.org,unsubscribed\n")
    assert desk.held("ana@x.org") == "unsubscribed"
    desk.sign_up("ana@x.org")
    desk.sync()
    assert "unsubscribed" not in desk.read()
    assert desk.sync().changes_nothing
    assert desk.held("ana@x.org") is None


def test_a_row_that_returns_joins_unless_the_subscriber_left_this_list(desk):
    with_status = "email,status\n"
    desk.sync(with_status + TEN.replace("R", ""))
    desk.ledger.preferences.set_lists(parse_address("r1@x.org"), {}, ["readers"], source="page")
    rows = [f"r{number}@x.org," for number in range(3, 10)]
    desk.sync(with_status + "\n".join(rows) + "\n", allow_removals=True)
    plan = desk.sync(with_status + "r1@x.org,\nr2@x.org,\n" + "\n".join(rows) + "\n")
    assert plan.joined == 2
    assert [each.identity for each in plan.first_blocked] == ["r1@x.org"]
    assert desk.member("r2@x.org").removed_at is None


def test_undo_restores_the_file_keeps_opt_outs_and_sign_ups_and_lifts_imported_suppressions(desk):
    good = "email,status\n" + "".join(f"r{number}@x.org,\n" for number in range(10))
    desk.sync(good)
    desk.sync("email,status\n" + "".join(f"r{number}@x.org,unsubscribed\n" for number in range(5)), allow_removals=True)
    assert desk.held("r1@x.org") == "unsubscribed"
    desk.sign_up("new@x.org")
    desk.leave("r9@x.org")
    desk.leave("r2@x.org")
    plan = desk.undo()
    assert desk.held("r1@x.org") is None
    assert desk.held("r9@x.org") == desk.held("r2@x.org") == "unsubscribed"
    assert desk.read() == (
        good.replace("status\n", "status,since\n").replace("r9@x.org,\n", "r9@x.org,unsubscribed,2027-01-15\n")
        .replace("r2@x.org,\n", "r2@x.org,unsubscribed,2027-01-15\n")
        + "new@x.org,subscribed,2027-01-15\n"
    )  # fmt: skip
    assert plan.sync == 3
    assert desk.ledger.syncs.history("readers")[0].undo_of == 1
    assert desk.sync().changes_nothing
    desk.undo(to=2, allow_removals=True)
    assert "r1@x.org,unsubscribed" in desk.read()
    assert "new@x.org,subscribed" in desk.read()


@pytest.mark.parametrize(
    ("columns", "cells", "reason", "day"),
    [
        ("UNSUB_TIME", "2025-05-03 08:00:00", "unsubscribed", "2025-05-03"),
        ("CLEAN_TIME", "2025-05-03 08:00:00", "bounced", "2025-05-03"),
        ("unsubscription_date", "2025-05-03T08:00:00Z", "unsubscribed", "2025-05-03"),
        ("status,since", "unsubscribed,2025-05-03", "unsubscribed", "2025-05-03"),
        ("UNSUB_TIME", "yes", "unsubscribed", "2027-01-15"),
        ("UNSUB_TIME", "2027-05-03", "unsubscribed", "2027-01-15"),  # not yet
        ("UNSUB_TIME", "0001-01-01", "unsubscribed", "2027-01-15"),
    ],
)
def test_an_opt_out_keeps_its_date_from_the_file(desk, columns, cells, reason, day):
    desk.sync(f"email,{columns}\nana@x.org,{cells}\n")
    held = desk.ledger.suppressions.get("ana@x.org")
    assert (held.reason.value, day_of(held.at)) == (reason, day)
    (recorded,) = desk.ledger.suppressions.history("ana@x.org")
    assert day_of(recorded.at) == "2027-01-15"


def test_a_plan_counts_who_joins_without_getting_mail(desk):
    desk.leave("left@x.org")
    text = "email,status\nana@x.org,\nbo@x.org,unsubscribed\ncy@x.org,paused\nleft@x.org,\n"
    desk.write(text)
    for plan in (plan_sync(desk.app, "readers"), desk.sync()):
        assert (plan.joined, plan.blocked, plan.blocked_joined) == (4, 1, 1)
        assert plan.unmailed == {"paused": 1, "unsubscribed": 2}
    desk.ledger.suppressions.suppress("hand@x.org", SuppressionReason.BY_HAND, source="admin")
    plan = desk.sync(desk.read() + "dora@x.org,\nhand@x.org,\n")
    assert [(each.identity, each.reason) for each in plan.first_joined] == [
        ("dora@x.org", ""),
        ("hand@x.org", "by hand"),
    ]
    assert plan.unmailed == {"by hand": 1}
    assert desk.sync(desk.read() + "eve@x.org,\n").unmailed == {}


def test_the_date_of_an_opt_out_in_a_later_row_of_the_person_counts_too(desk):
    desk.make("news", "email,status,since\nana@x.org,,\n")
    sync_list(desk.app, "news")
    desk.sync("email,UNSUB_TIME\nana@x.org,\nANA@x.org,2025-05-03\n")
    sync_list(desk.app, "news")
    assert desk.file("news").read_text() == "email,status,since\nana@x.org,unsubscribed,2025-05-03\n"


def test_undoing_a_sync_lifts_dated_opt_outs_unless_the_person_opted_out_since(desk, clock):
    desk.sync(HEAD + "cy@x.org,Cy\n")
    desk.sync("email,UNSUB_TIME\ncy@x.org,\nana@x.org,2025-05-03\nbo@x.org,2025-05-03\n")
    clock.now -= 86_400.0 * 1_000  # the clock was set back beyond the opt-outs
    desk.leave("bo@x.org")
    clock.now += 86_400.0 * 1_000
    desk.undo(allow_removals=True)
    assert (desk.held("ana@x.org"), desk.held("bo@x.org")) == (None, "unsubscribed")


def test_a_wrong_meaning_of_a_column_is_undone_although_the_file_is_the_same(desk):
    text = "email,comments\nana@x.org,unsubscribed\nbo@x.org,\n"
    desk.sync(text)
    settings = desk.app.workspace.list_file("readers").with_suffix(".toml")
    settings.write_text('columns.comments = "opt-out"\n', encoding="utf-8")
    desk.sync()
    assert desk.held("ana@x.org") == "unsubscribed"
    settings.unlink()
    assert desk.undo().undo_of == 1
    assert desk.held("ana@x.org") is None


def test_undo_needs_an_earlier_sync(desk):
    desk.sync(HEAD + TEN)
    with pytest.raises(UsageError, match="no earlier version, and its file has not changed"):
        desk.undo()
    with pytest.raises(UsageError, match="The list readers is as sync 1 left it"):
        desk.undo(to=1)
    with pytest.raises(UsageError, match="Sync 7 of the list readers cannot be restored"):
        desk.undo(to=7)


def test_undo_discards_an_edit_that_was_not_synced_and_goes_no_step_further_back(desk):
    desk.sync(HEAD + TEN)
    grown = HEAD + TEN + "new@x.org,Nia\n"
    desk.sync(grown)
    desk.write(HEAD + "".join(TEN.splitlines(keepends=True)[:5]))
    with pytest.raises(NeedsConfirmationError) as refused:
        desk.sync()
    assert "To discard the changes to the file: mailer list undo readers." in refused.value.next_step
    assert plan_undo(desk.app, "readers").undo_of == 2
    plan = desk.undo()
    assert (plan.undo_of, counts(plan), desk.read()) == (2, {}, grown)
    assert desk.sync().changes_nothing
    desk.undo()
    assert desk.read() == HEAD + TEN


@pytest.mark.parametrize("edited", ["email\n", "", "no header\nx@x.org\n", "name,name\n"])
def test_undo_discards_an_edit_after_the_first_sync_even_of_a_file_that_is_no_list_any_more(desk, edited):
    desk.sync(HEAD + TEN)
    desk.write(edited)
    desk.undo(to=1)
    assert desk.read() == HEAD + TEN


def test_undo_asks_before_it_removes_more_than_a_tenth(desk):
    desk.sync(HEAD + "ana@x.org,Ana\n")
    desk.sync(HEAD + "ana@x.org,Ana\n" + TEN)
    assert plan_undo(desk.app, "readers").removed == 10
    with pytest.raises(NeedsConfirmationError, match="Going back to sync 1 would remove 10 of 11 readers") as refused:
        desk.undo()
    assert "mailer list undo readers --to 1 --plan" in refused.value.next_step
    assert desk.read() == HEAD + "ana@x.org,Ana\n" + TEN
    assert desk.ledger.syncs.history("readers")[0].sync == 2
    assert desk.undo(allow_removals=True).removed == 10


def test_the_plan_of_an_undo_changes_nothing(desk):
    desk.sync(HEAD + TEN)
    desk.sync(HEAD + TEN + "gone@x.org,unsubscribed\n")
    before = desk.read()
    plan = plan_undo(desk.app, "readers")
    assert (plan.removed, plan.sync, desk.read()) == (1, None, before)
    assert len(desk.ledger.syncs.history("readers")) == 2
    assert [each.name for each in desk.path.parent.iterdir() if each.name.startswith(".")] == []


def test_a_file_that_changes_during_a_sync_is_left_alone_and_nothing_is_recorded(desk, monkeypatch):
    desk.sync(HEAD + TEN)
    desk.write(HEAD + TEN + "new@x.org,\n")
    staged = sync.stage_list

    def slow(*args, **options):
        result = staged(*args, **options)
        desk.write(HEAD + TEN + "other@x.org,\n")
        return result

    with monkeypatch.context() as patched:
        patched.setattr(sync, "stage_list", slow)
        with pytest.raises(ListError, match="changed"):
            desk.sync()
    assert desk.read() == HEAD + TEN + "other@x.org,\n"
    assert desk.member("new@x.org") is None


@pytest.mark.parametrize("when", ["before the file", "after the file"])
def test_a_crash_around_the_file_s_replacement_heals_at_the_next_sync(desk, monkeypatch, when):
    desk.sync(HEAD + TEN)
    desk.leave("r1@x.org")
    desk.sign_up("new@x.org")

    def crash(*_args, **_options):
        raise RuntimeError

    owner, target = (
        (sync, "prepare_patch") if when == "before the file" else (type(desk.ledger.syncs), "confirm_written")
    )
    with monkeypatch.context() as patched:
        patched.setattr(owner, target, crash)
        with pytest.raises(RuntimeError):
            desk.sync()
    desk.sync()
    assert desk.read() == (
        "email,first_name,status,since\n"
        + TEN.replace("r1@x.org,R1\n", "r1@x.org,R1,unsubscribed,2027-01-15\n")
        + "new@x.org,,subscribed,2027-01-15\n"
    )
    assert desk.sync().changes_nothing
    assert desk.ledger.members.get("readers", "new@x.org").in_file


def random_rows(random, count):
    """Rows as a broken export or an attacker would write them."""
    letters = 'ab@@..,;\t""\'=+-\\\x1b\u202e\u00e9\u05d0 \r\n%{}'
    plain = ["a@x.org", "A@X.org", "b@x.org", "c@xn--p1b6ci4b4b3a.example", "d@x.org"]
    words = ["", "subscribed", "unsubscribed", "bounced", "paused", "unconfirmed", "erased", "VIP", "complained"]
    for number in range(count):
        kind = random.randrange(10)
        if kind < 4:
            yield f"r{number}@x{number % 7}.org,{random.choice(words)},{''.join(random.choices('ab é', k=3))}\n"
        elif kind < 6:
            yield f"{random.choice(plain)},{random.choice(words)},x\n"
        else:
            yield "".join(random.choices(letters, k=random.randrange(30))) + "\n"


@pytest.mark.thinned(0)
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_hostile_rows_are_each_accounted_for(desk, seed):
    random = Random(seed)
    desk.path.write_bytes(("email,status,name\n" + "".join(random_rows(random, 3_000))).encode())
    plan = desk.sync(allow_removals=True)
    members = rejected = 0
    for row in open_list(desk.path).rows(duplicates=False):
        members += isinstance(row, Member)
        rejected += isinstance(row, RejectedRow)
    assert plan.people + plan.duplicates == members
    assert plan.rejected == rejected
    if not plan.changes_nothing:
        desk.sync(allow_removals=True)
    assert desk.sync(allow_removals=True).changes_nothing
