"""`verify`, and going on with an older copy of the database, as a person at the command line meets them."""

import shutil
import sqlite3

from mailer.app import App
from mailer.ledger.queue.leased_shard import LeasedShard
from mailer.ledger.sends.create import SendCreator
from mailer.ledger.types.errors import LedgerError
from mailer.service.sends.report import delivery_timeline
from tests.support.commands import Commands
from tests.support.workspaces import make_workspace

PEOPLE = (
    "ana@example.com,Ana,Porto Novo",
    "refuse@example.com,Bo,Lisbon",
    "greylist@example.com,Cy,",
    "dee@example.com,,",
)
TO = ("--to", "readers", "--yes")


def send(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE, RETRY="1")
    here("suppress", "add", "dee@example.com")
    assert here("send", "tide", *TO).code == 1


def tamper(here, statement):
    with sqlite3.connect(here.folder / "mailer.db") as database:
        database.execute(statement)
    database.close()


def test_a_send_is_proven_and_a_lie_is_found(here, catcher):
    send(here, catcher)
    ran = here("verify", "1")
    assert (ran.code, "checks passed" in ran.out, "WRONG" in ran.out) == (0, True, False)
    proof = here.json("verify", "1")
    assert list(proof)[-2:] == ["ok", "checks"]
    assert (proof["ok"], proof["frozen"]) == (True, 4)
    assert all(list(check) == ["check", "ok", "wrong"] for check in proof["checks"])
    tamper(here, "UPDATE delivery SET state = 'accepted' WHERE state = 'failed'")
    ran = here("verify", "1")
    assert ran.code == 1
    assert "refuse@example.com is accepted, but its last attempt ended failed" in ran.out
    assert here("verify", "99").code == 2


def test_an_edition_that_was_changed_is_found(here, catcher):
    send(here, catcher)
    tamper(here, "UPDATE edition SET json = replace(json, 'tide', 'time')")
    assert "the edition was changed" in here("verify", "1").out


def test_the_timeline_of_each_recipient_is_shown_in_words(here, catcher):
    send(here, catcher)
    with App.open(here.folder) as app:
        tried, again, came = delivery_timeline(app, 1, "Greylist@example.com")
        assert "deferred by 127.0.0.1" in tried
        assert "451" in tried
        assert "accepted by" in again
        assert came.startswith("so it is accepted")
        assert "failed by" in delivery_timeline(app, 1, "refuse@example.com")[0]
        (skipped,) = delivery_timeline(app, 1, "dee@example.com")
        assert skipped.startswith("skipped (by hand)")


def restore_older_copy(here):
    shutil.copy(here.folder / "mailer.db", here.folder / "copy.db")
    here("subscriber", "unsubscribe", "ana@example.com")
    shutil.copy(here.folder / "copy.db", here.folder / "mailer.db")


def test_an_older_copy_of_the_database_stops_everything_until_a_person_accepts_it(here, catcher):
    send(here, catcher)
    restore_older_copy(here)
    for command in (("status",), ("resume", "1"), ("send", "tide", *TO, "--again"), ("restore",)):
        ran = here(*command)
        assert ran.code == (2 if command == ("restore",) else 4)
        assert "mailer restore" in ran.err
    accepted = here("restore", "--accept")
    assert accepted.code == 0
    assert "Nothing was sent." in accepted.out
    assert "does not know who was mailed, joined or unsubscribed after that" in accepted.out
    assert here("status").code == 0


def test_after_a_restore_the_plan_warns_of_dispatches_that_the_database_never_sent(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    assert "does not know what was sent" not in here("send", "tide", "--to", "readers").err
    shutil.copy(here.folder / "mailer.db", here.folder / "copy.db")
    here("send", "tide", *TO)
    shutil.copy(here.folder / "copy.db", here.folder / "mailer.db")
    assert here("restore", "--accept").code == 0
    mailed = len(catcher.received())
    plan = here("send", "tide", "--to", "readers")
    assert (plan.code, "its readers would get it twice" in plan.err) == (4, True), plan.err
    assert len(catcher.received()) == mailed, "nothing is sent without a confirmation"
    here("send", "tide", *TO)
    assert "twice" not in here("send", "tide", "--to", "readers", "--again").err, "the database knows this dispatch now"


def test_accepting_an_older_copy_pauses_its_sends_and_names_them(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    assert here("send", "tide", *TO, "--at", "2999-01-01 10:00").code == 0
    restore_older_copy(here)
    accepted = here("restore", "--accept")
    assert "1  2999-01-01T10:00:00Z  overdue    tide" in accepted.out
    assert "mailer cancel 1" in accepted.err
    assert here("cancel", "1").code == 0
    assert not catcher.received()


def test_accepting_an_older_copy_names_a_test_last_and_not_as_what_to_cancel(here):
    make_workspace(here.folder, port=1, rows=PEOPLE)
    assert here("test", "tide", "ana@example.com").code == 4, "no relay"
    assert here("send", "tide", *TO, "--at", "2999-01-01 10:00").code == 0
    restore_older_copy(here)
    accepted = here("restore", "--accept")
    assert accepted.out.index("   2  2999") < accepted.out.index("(test)")
    assert "mailer cancel 2" in accepted.err


def test_status_says_that_tests_are_left_out_and_lists_them(here):
    make_workspace(here.folder, port=1, rows=PEOPLE)
    assert here("test", "tide", "ana@example.com").code == 4
    listed = here("status")
    assert "There are no sends yet." in listed.err
    assert "Without 1 test. To list them, too: mailer status --tests" in listed.err
    everything = here("status", "--tests")
    assert "tide (test)" in everything.out
    assert "refused" in everything.out, "why it is paused"
    assert "Without" not in everything.err
    assert [each["send"] for each in here.json("status", "--tests")["sends"]] == [1]
    assert here.json("status") == {"sends": []}


def test_verify_names_the_uncertain_ones_in_its_last_line(here, catcher):
    send(here, catcher)
    assert "uncertain: see" not in here("verify", "1").out
    tamper(here, "UPDATE delivery SET state = 'uncertain' WHERE state = 'accepted'")
    tamper(here, "UPDATE attempt SET classification = 'uncertain' WHERE classification = 'accepted'")
    ran = here("verify", "1")
    assert ran.code == 3
    assert ran.out.splitlines()[-1] == "2 deliveries are uncertain: see mailer report 1"
    assert "consistent, but the send is not complete" in ran.out


def test_a_send_that_nobody_sends_is_interrupted_and_not_complete(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE, RATE="10")
    assert here("send", "tide", *TO, "--at", "2999-01-01 10:00").code == 0
    assert "the recipients are counted when it starts" in here("status").out
    here("cancel", "1")
    send_again = here("send", "tide", *TO, "--again")
    assert send_again.code == 1
    assert here("verify", "2").out.splitlines()[-1] == "9 checks passed"
    tamper(here, "UPDATE send SET state = 'running' WHERE id = 2")
    tamper(here, "DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE address LIKE 'ana%')")
    tamper(here, "UPDATE delivery SET state = 'pending', attempts = 0 WHERE address LIKE 'ana%'")
    assert "interrupted  tide" in here("status").out
    one = here("status", "2")
    assert (one.code, "\ninterrupted: 4 recipients" in one.out, "time left" in one.out) == (4, True, False), one.out
    assert here.json("status", "2")["state"] == "running"
    proof = here("verify", "2")
    assert proof.code == 4, proof.out
    assert proof.out.startswith("send 2 interrupted: 4 recipients")
    assert proof.out.splitlines()[-2:] == [
        "9 checks passed: the records are consistent, but the send is not complete",
        "1 delivery is open: see mailer status 2",
    ]


def test_a_full_disk_names_the_send_to_resume_only_if_there_is_one(here, catcher, monkeypatch):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    full = LedgerError("The disk that holds the ledger is full.", "Make room.")

    def fail(*_arguments, **_options):
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(SendCreator, "create", fail)
        before = here("send", "tide", *TO)
    assert (before.code, before.err.endswith("is full. Make room.\n")) == (4, True), before.err
    monkeypatch.setattr(LeasedShard, "begin_sending", fail)
    amid = here("send", "tide", *TO)
    assert (amid.code, "Make room. Then go on with: mailer resume 1" in amid.err) == (4, True), amid.err


def test_resume_accepts_an_older_copy_but_not_with_a_wrong_number(here, catcher):
    send(here, catcher)
    restore_older_copy(here)
    wrong = here("resume", "7", "--accept-restored")
    assert (wrong.code, "There is no send 7" in wrong.err) == (2, True)
    assert "is accepted" not in wrong.err
    assert here("status").code == 4
    resumed = here("resume", "1", "--accept-restored")
    assert resumed.code == 1
    assert "The restored database is accepted." in resumed.err
    assert here("status").code == 0


def test_a_backup_in_a_new_folder_sends_nothing_until_a_person_accepts_it(here, catcher, tmp_path, capsys):
    send(here, catcher)
    new = Commands(tmp_path / "new", capsys)
    shutil.copytree(here.folder, new.folder, ignore=shutil.ignore_patterns(".mailer", "new"))
    mailed = len(catcher.received())
    for command in (("status",), ("resume", "1"), ("send", "tide", *TO, "--again"), ("list", "show", "readers")):
        ran = new(*command)
        assert ran.code == 4, command
        assert "was used before, but not with this folder" in ran.err
    assert len(catcher.received()) == mailed
    assert new("restore", "--accept").code == 0
    assert new("status").code == 0


def test_a_lost_database_is_not_replaced_by_a_new_one_in_silence(here, catcher):
    send(here, catcher)
    (here.folder / "mailer.db").unlink()
    for _ in range(2):
        ran = here("send", "tide", *TO)
        assert ran.code == 4
        assert "is new, but a different one was used here before" in ran.err
    assert "It is empty" in here("restore", "--accept").out
    assert here("send", "tide", *TO).code in {0, 1}
