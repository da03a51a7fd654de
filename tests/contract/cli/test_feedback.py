"""`feedback read`: what messages are about. It records nothing."""

import json
from pathlib import Path

import pytest

from mailer.app import App
from mailer.link_tokens import Purpose
from tests.support.feedback_messages import QMAIL, VACATION, block, dsn, report
from tests.support.workspaces import make_workspace


@pytest.fixture
def mails(here):
    folder = here.folder / "mails"
    folder.mkdir(parents=True)
    (folder / "a.eml").write_bytes(dsn(block("5.2.2", "552 5.2.2 mailbox full")))
    (folder / "b.eml").write_bytes(report("abuse", "Original-Rcpt-To: <ana@example.com>"))
    (folder / "c.eml").write_bytes(VACATION)
    (folder / "d.mbox").write_bytes(
        b"From x Mon Nov 30 09:00:00 2026\n" + QMAIL + b"\nFrom y Mon Nov 30 09:00:00 2026\nSubject: hello\n\nHello\n"
    )
    return folder


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_each_message_is_one_object_on_one_line(here, mails):
    done = here("feedback", "read", str(mails), "--json")
    assert done.code == 0
    assert lines(done.out) == [
        {"file": f"{mails}/a.eml", "kind": "bounce", "recipients": [{"address": "ana@example.com", "status": "5.2.2", "reason": "mailboxfull", "permanent": False}], "token": "absent"},
        {"file": f"{mails}/b.eml", "kind": "complaint", "recipients": [{"address": "ana@example.com", "status": "", "reason": "feedback", "permanent": False}], "token": "absent"},
        {"file": f"{mails}/c.eml", "kind": "auto-reply", "recipients": [{"address": "ana@example.com", "status": "", "reason": "vacation", "permanent": False}], "token": "absent"},
        {"file": f"{mails}/d.mbox:1", "kind": "bounce", "recipients": [
            {"address": "ana@example.com", "status": "", "reason": "userunknown", "permanent": True},
            {"address": "ben@example.net", "status": "5.1.1", "reason": "userunknown", "permanent": True}], "token": "absent"},
        {"file": f"{mails}/d.mbox:2", "kind": "other", "recipients": [], "token": "absent"},
    ]  # fmt: skip


def test_people_get_a_line_for_each_message_and_recipient(here, mails):
    done = here("feedback", "read", str(mails / "a.eml"), str(mails / "b.eml"))
    assert done.out == (
        f"{mails}/a.eml: bounce\n  ana@example.com: 5.2.2, mailboxfull\n"
        f"{mails}/b.eml: complaint (abuse)\n  ana@example.com: feedback\n"
    )


def test_a_token_is_proven_with_the_keys_of_the_workspace_and_nothing_is_recorded(here, mails):
    make_workspace(here.folder, port=25, rows=())
    with App.open(here.folder) as app:
        token = app.keys.issue(Purpose.BOUNCE, 1)
    before = sorted(path for path in here.folder.rglob("*"))
    for given, state in ((token, "proven"), (f"b{token[1:]}" if token[0] != "b" else f"c{token[1:]}", "forged")):
        (mails / "a.eml").write_bytes(dsn(block("5.1.1")).replace(b"To: bounce@", f"To: bounce+{given}@".encode()))
        [message] = lines(here("feedback", "read", str(mails / "a.eml"), "--json").out)
        assert message["token"] == state
    assert sorted(path for path in here.folder.rglob("*")) == before


def test_without_a_workspace_no_token_is_proven(here, mails):
    done = here("feedback", "read", str(mails / "a.eml"), "--json")
    assert (done.code, len(lines(done.out))) == (0, 1)
    assert "There is no workspace here" in done.err


def test_a_missing_file_is_an_error(here, mails):
    done = here("feedback", "read", str(mails / "a.eml"), str(mails / "none"), "--json")
    assert (done.code, done.out) == (2, "")
    assert "There is no file or folder" in done.err


def test_an_unreadable_file_is_named_and_the_others_are_read(here, mails, monkeypatch):
    real = Path.open

    def refuse(path, *arguments, **named):
        if path.name == "b.eml":
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    done = here("feedback", "read", str(mails), "--json")
    assert (done.code, len(lines(done.out))) == (1, 4)
    assert "b.eml (Permission denied)" in done.err
