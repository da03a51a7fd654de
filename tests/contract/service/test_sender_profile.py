"""The sender profile is frozen with a send: an edit of `.env` changes none of its messages."""

import re
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest

from mailer.app import App
from mailer.service.sends.plan import plan_send
from mailer.service.sends.run import run_send
from mailer.service.sends.start import start_scheduled, start_send
from mailer.smtp.debug_server import DebugSmtpServer
from tests.support.commands import Commands
from tests.support.workspaces import make_workspace

ROWS = ("ana@example.com,Ana,Lisbon", "greylist@example.com,Ana,Lisbon")
DIFFERENT = {"To", "Date", "Message-ID"}
TOKEN = re.compile(r"[a-z2-7]{26}")
SETTINGS = {
    "PUBLICATION": "The Harbour Letter",
    "REPLY_TO": "The desk <answers@example.org>",
    "BOUNCE_ADDRESS": "bounce@example.org",
    "UNSUBSCRIBE_ADDRESS": "leave@example.org",
}
EDITED = {
    "FROM": "Another Desk <other@example.net>",
    "PUBLICATION": "Another Letter",
    "BASE_URL": "https://other.example.net",
    "REPLY_TO": "other-answers@example.net",
    "BOUNCE_ADDRESS": "other-bounce@example.net",
    "UNSUBSCRIBE_ADDRESS": "other-leave@example.net",
}


@pytest.fixture
def edit_settings(here: Commands, catcher: DebugSmtpServer, database_url: str) -> Callable[[], None]:
    """A workspace with two readers, of whom one is put off at first; edits its settings."""
    first = {**SETTINGS, "DATABASE_URL": database_url}
    make_workspace(here.folder, port=catcher.port, rows=ROWS, **first)
    edited = {**first, **EDITED}
    return lambda: make_workspace(here.folder, port=catcher.port, rows=ROWS, ledger=False, **edited) and None


def profile_of(folder: Path, caught: dict[str, str]) -> tuple[str, list[tuple[str, str]]]:
    """The envelope sender and the headers of a caught message, without what differs for each recipient."""
    for path in folder.glob("*.eml"):
        message = message_from_bytes(path.read_bytes())
        if message["Message-ID"] == caught["message_id"]:
            fields = [(name, TOKEN.sub("TOKEN", value)) for name, value in message.items() if name not in DIFFERENT]
            return TOKEN.sub("TOKEN", caught["sender"]), fields
    raise AssertionError("it was not caught")


def test_an_edit_between_pause_and_resume_changes_no_message(
    here: Commands, catcher: DebugSmtpServer, edit_settings: Callable[[], None]
) -> None:
    here("send", "tide", "--to", "readers", "--yes", "--no-wait")
    assert here("pause", "1").code == 0
    edit_settings()
    assert here("resume", "1").code == 0
    before, after = (profile_of(here.folder / "caught", each) for each in catcher.received())
    assert before == after
    assert before[0] == "bounce+TOKEN@example.org"
    found = dict(before[1])
    assert found["From"] == "The Harbour Letter <desk@example.org>"
    assert found["Reply-To"] == "The desk <answers@example.org>"
    assert found["List-Archive"] == "<https://letter.example.org/archive/>"
    assert found["List-Id"] == "The Harbour Letter <newsletter.letter.example.org>"


def test_a_scheduled_send_keeps_the_settings_of_its_creation(
    here: Commands, catcher: DebugSmtpServer, edit_settings: Callable[[], None]
) -> None:
    with App.open(here.folder) as app:
        send = start_send(app, plan_send(app, "tide", ["readers"]), at=app.clock() + 3600)
    edit_settings()
    with App.open(here.folder) as app:
        start_scheduled(app, app.ledger.sends.get(send.id))
        run_send(app, send.id)
    profiles = [profile_of(here.folder / "caught", each) for each in catcher.received()]
    assert [dict(fields)["Reply-To"] for _, fields in profiles] == ["The desk <answers@example.org>"] * 2


def test_a_new_send_has_the_present_settings(
    here: Commands, catcher: DebugSmtpServer, edit_settings: Callable[[], None]
) -> None:
    edit_settings()
    here("send", "tide", "--to", "readers", "--yes")
    for each in catcher.received():
        sender, fields = profile_of(here.folder / "caught", each)
        assert sender == "other-bounce+TOKEN@example.net"
        assert dict(fields)["From"] == "Another Desk <other@example.net>"
