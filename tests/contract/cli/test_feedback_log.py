"""What came back, at the command line, at the desk and by the API: lists, one entry, decisions, the report, a reader's history."""

import csv
import io
import json

import pytest

from mailer.app import App
from mailer.feedback.model import FeedbackKind
from mailer.service.feedback.record import record_message
from tests.support.returned_mail import SentMail, bounce, complaint
from tests.support.workspaces import make_workspace

ANA, BEN, CLEO = "ana@example.com", "ben@gmail.com", "cleo@example.net"


@pytest.fixture
def returned(here):
    """Ana's message came back as full, Ben complained, and a bounce of Cleo's mail is not proven."""
    make_workspace(here.folder, rows=(f"{ANA},Ana,", f"{BEN},Ben,", f"{CLEO},Cleo,"))
    with App.open(here.folder) as app:
        sent = SentMail(app).send("tide", ANA, BEN, CLEO)
        unproven = bounce(sent[CLEO], "5.1.1", "550 5.1.1 <b>unknown</b>", to="bounces@example.org")
        for raw in (
            bounce(sent[ANA], "5.2.2", f"552 5.2.2 <{ANA}> mailbox full"),
            complaint(sent[BEN]),
            unproven.replace(sent[CLEO].headers.encode(), b"Subject: \x1b[31mred\x07\n"),
        ):
            assert record_message(app, raw, source="pipe").status == "recorded"
    return here


def test_the_list_has_filters_and_a_csv_and_names_what_waits(returned):
    shown = returned("feedback", "list")
    assert [line.split()[2:4] for line in shown.out.splitlines()] == [
        ["bounce", CLEO],
        ["complaint", BEN],
        ["bounce", ANA],
    ]
    assert "1 entry waiting" in shown.err
    for options, ids in (
        (("--waiting",), [3]),
        (("--kind", "complaint"), [2]),
        (("--send", "1", "--limit", "2"), [2, 1]),
        (("--send", "9"), []),
    ):
        assert [each["id"] for each in returned.json("feedback", "list", *options)["feedback"]] == ids
    [first, *_] = csv.DictReader(io.StringIO(returned("feedback", "list", "--csv", "-").out))
    assert (first["email"], first["permanent"], first["effect"], first["decision"]) == (CLEO, "true", "waiting", "")
    assert returned("feedback", "list", "--csv", "-", "--json").code == 2


def test_an_entry_shows_the_message_without_control_characters(returned):
    shown = returned("feedback", "show", "3")
    assert "address:" not in shown.out, "the same as the e-mail address above it"
    assert "<b>unknown</b>" in shown.out
    assert not any(ord(letter) < 32 for letter in shown.out.replace("\n", ""))
    assert "Subject: Undelivered mail" in returned.json("feedback", "show", "3")["message"]
    assert returned("feedback", "show", "9").code == 2


def test_a_decision_is_made_once_and_a_suppression_by_it_can_be_undone(returned):
    assert returned("feedback", "decide", "3").code == 2
    assert returned("feedback", "decide", "1", "--suppress").code == 2
    assert returned("feedback", "decide", "3", "--suppress").out == f"3: {CLEO}: gets no more mail\n"
    [entry] = [each for each in returned.json("suppress", "list")["suppressions"] if each["identity"] == CLEO]
    assert (entry["reason"], entry["source"]) == ("bounced", "feedback 3, decided by command line")
    assert returned("feedback", "decide", "3", "--ignore").code == 2
    assert returned("suppress", "remove", CLEO).code == 0
    assert "Nothing waits" in returned("feedback", "list", "--waiting").err


def test_the_report_has_what_came_back_beside_the_sum(returned):
    shown = returned("report", "1").out
    assert "3 accepted" in shown
    assert (
        "1 of the accepted came back:\n        1 example.com: mailboxfull (552 5.2.2 <…@example.com> mailbox full)"
        in shown
    )
    assert "gmail.com: 1 of 1, 100.00 % (Gmail asks for less than 0.1 %, and never 0.3 %)" in shown
    report = returned.json("report", "1")
    assert (report["accepted"], report["came_back"], report["complaints"], report["complaint_rate"]) == (
        3,
        1,
        1,
        33.333,
    )
    assert report["complaints_by_provider"] == [
        {"provider": "gmail.com", "accepted": 1, "complaints": 1, "rate": 100.0}
    ]


def test_a_reader_s_history_has_it(returned):
    assert "bounce 5.2.2 mailboxfull of send 1 tide: counted" in returned("subscriber", "show", ANA).out
    exported = json.loads(returned("subscriber", "export", BEN).out)
    assert [each["kind"] for each in exported["feedback"]] == [FeedbackKind.COMPLAINT]
