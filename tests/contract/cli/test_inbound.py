"""A mailed unsubscribe request, as a mail system's pipe hands it over."""

import json
import sys
from email import message_from_bytes
from io import BytesIO, TextIOWrapper

import pytest

from mailer.app import App
from mailer.link_tokens import PLACEHOLDER
from tests.support.returned_mail import SentMail, bounce
from tests.support.workspaces import mailer, make_workspace


@pytest.fixture
def sent(here, catcher):
    """A workspace whose dispatch was sent, and the address that Ana's letter names for leaving."""
    rows = ("ana@example.com,Ana,Porto Novo", "ben@example.net,Ben,")
    make_workspace(here.folder, port=catcher.port, rows=rows, UNSUBSCRIBE_ADDRESS="leave@example.org")
    assert here("send", "tide", "--to", "readers", "--yes").code == 0
    letters = [message_from_bytes(path.read_bytes()) for path in catcher.messages() if path.suffix == ".eml"]
    [letter] = [each for each in letters if each["To"] == "ana@example.com"]
    return letter["List-Unsubscribe"].partition("<mailto:")[2].rstrip(">")


@pytest.fixture
def pipe(here, monkeypatch):
    def run(text, *options):
        data = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(data)))
        return here("inbound", *options)

    return run


def suppressed(here):
    return [row["identity"] for row in here.json("suppress", "list")["suppressions"]]


def test_the_unsubscribe_address_of_a_message_unsubscribes_its_recipient(here, sent, pipe):
    done = pipe(f"From: somebody@else.example\nTo: {sent}\n\n")
    assert (done.code, done.out) == (0, "unsubscribed\n")
    assert suppressed(here) == ["ana@example.com"]
    again = pipe(f"To: {sent}\n\n", "--json")
    assert (again.code, json.loads(again.out)) == (0, {"outcome": "already"})
    [change] = here.json("subscriber", "show", "ana@example.com")["history"]
    assert change["source"] == "mail"


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("To: leave@example.org\nFrom: ana@example.com\n\nunsubscribe me", "no token"),
        (f"To: leave+{PLACEHOLDER}@example.org\n\n", "no token"),
        (f"To: leave+{PLACEHOLDER[:-1]}b@example.org\n\n", "no token"),
        (b"\xff\xfe\x00 nothing like a message", "no token"),
        ("", "no token"),
        ("To: {sent}\nAuto-Submitted: auto-replied\n\n", "automatic"),
        ("Return-Path: <>\nTo: {sent}\n\n", "automatic"),
        ("To: {sent}\nAuto-Submitted: auto-replied (vacation)\n\n", "automatic"),
        ("To: {sent}\nAuto-Submitted: auto-generated\nX-MS-Exchange-Inbox-Rules-Loop: a@example.com\n\n", "automatic"),
        ("To: {sent}\nX-Auto-Reply: yes\n\n", "automatic"),
    ],
)
def test_anything_else_is_taken_and_changes_nothing(here, sent, pipe, message, outcome):
    text = message.replace("{sent}", sent) if isinstance(message, str) else message
    done = pipe(text, "--json")
    assert (done.code, json.loads(done.out)) == (0, {"outcome": outcome})
    assert suppressed(here) == []


def test_the_unsubscribe_button_of_apple_mail_unsubscribes(here, sent, pipe):
    text = f"To: {sent}\nSubject: unsubscribe\nAuto-Submitted: auto-replied\nX-Apple-Unsubscribe: true\n\n"
    assert pipe(text).out == "unsubscribed\n"
    assert suppressed(here) == ["ana@example.com"]


def test_a_message_of_any_length_is_read_to_its_end(sent, pipe):
    assert pipe(f"To: {sent}\n\n" + "x" * 3_000_000).out == "unsubscribed\n"


def test_who_cannot_write_it_down_asks_for_it_again(here, sent, pipe):
    (here.folder / "mailer.db").write_bytes(b"not a database" * 1000)
    failed = pipe(f"To: {sent}\n\n")
    assert (failed.code, failed.out) == (75, "")
    assert "mailer:" in failed.err
    (here.folder / ".env").unlink()
    assert pipe(f"To: {sent}\n\n").code == 75
    here.folder = here.folder / "gone"
    assert pipe(f"To: {sent}\n\n").code == 75


def test_a_bounce_is_recorded_once_and_comes_again_if_it_could_not_be(here, sent, pipe):
    with App.open(here.folder) as app:
        ana = SentMail(app).messages(1)["ana@example.com"]
    raw = bounce(ana, "5.1.1", "550 5.1.1 no such user")
    database = here.folder / "mailer.db"
    kept = database.read_bytes()
    database.write_bytes(b"not a database" * 1000)
    assert pipe(raw).code == 75
    database.write_bytes(kept)
    assert (pipe(raw).out, pipe(raw, "--json").json()) == ("recorded (bounce)\n", {"outcome": "duplicate"})
    assert suppressed(here) == ["ana@example.com"]


def test_a_bug_of_ours_loses_no_request(sent, pipe, monkeypatch):
    monkeypatch.setattr("mailer.cli.inbound.record_message", lambda *_, **__: 1 / 0)
    failed = pipe(f"To: {sent}\n\n")
    assert failed.code == 75
    assert "ZeroDivisionError" in failed.err


def test_it_works_as_a_process_of_its_own(here, sent):
    done = mailer(here.folder, "inbound", stdin=f"Delivered-To: {sent}\nTo: undisclosed-recipients:;\n\n")
    assert (done.code, done.out, done.err) == (0, "unsubscribed\n", "")
