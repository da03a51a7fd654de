"""`verify`, and going on with an older copy of the database, as a person at the command line meets them."""

import shutil
import sqlite3

from mailer.app import App
from mailer.service.sends.verify import delivery_timeline
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


def test_accepting_an_older_copy_pauses_its_sends_and_names_them(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=PEOPLE)
    assert here("send", "tide", *TO, "--at", "2999-01-01 10:00").code == 0
    restore_older_copy(here)
    accepted = here("restore", "--accept")
    assert "1  2999-01-01T10:00:00Z  overdue    tide" in accepted.out
    assert "mailer cancel 1" in accepted.err
    assert here("cancel", "1").code == 0
    assert not catcher.received()


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
