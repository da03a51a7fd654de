"""`verify`, and going on with an older copy of the database, as a person at the command line meets them."""

import shutil
import sqlite3

from mailer.app import App
from mailer.service.sends.verify import delivery_timeline
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


def test_an_older_copy_of_the_database_stops_everything_until_a_person_accepts_it(here, catcher):
    send(here, catcher)
    shutil.copy(here.folder / "mailer.db", here.folder / "copy.db")
    here("subscriber", "unsubscribe", "ana@example.com")
    shutil.copy(here.folder / "copy.db", here.folder / "mailer.db")
    for command in (("status",), ("resume", "1"), ("send", "tide", *TO, "--again")):
        ran = here(*command)
        assert ran.code == 4
        assert "older copy" in ran.err
    assert here("resume", "1", "--accept-restored").code == 1
    assert here("status").code == 0
