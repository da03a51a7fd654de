"""Mailed unsubscribe requests: where a token is found, and which messages are none."""

import base64
from email.message import EmailMessage

import pytest

from mailer.feedback.reader import read_feedback
from mailer.feedback.received_message import LARGEST

TOKEN = "abcdefg234567hijklmnopqrstuvwxyz2345672"
OTHER = "zyxwvut765432srqponmlkjihgfedcba7654327"
TAGGED = f"leave+{TOKEN}@example.org"


def mail(headers: str = f"To: {TAGGED}", body: str = "") -> bytes:
    return f"From: x@example.net\n{headers}\n\n{body}".encode()


def of(content: EmailMessage) -> bytes:
    return content.as_bytes()


def html() -> bytes:
    message = EmailMessage()
    message.set_content("nothing")
    message.add_alternative(f'<a href="https://l.example.org/u/{TOKEN}">leave</a>', subtype="html")
    return of(message)


FOUND = {
    "the address": mail(),
    "with a name": mail(f'To: "Leave, please" <{TAGGED}>'),
    "in capitals": mail(f"To: {TAGGED.upper()}"),
    "as the pipe says it": mail(f"Delivered-To: {TAGGED}\nTo: leave@example.org"),
    "the envelope's": mail(f"X-Original-To: {TAGGED}\nTo: x@example.org"),
    "a copy": mail(f"To: x@example.org\nCc: {TAGGED}"),
    "folded": mail(f"To: x@example.org,\n  <{TAGGED}>"),
    "subject": mail(f"Subject: unsubscribe {TOKEN}"),
    "subject in base64": mail(f"Subject: =?utf-8?b?{base64.b64encode(TOKEN.encode()).decode()}?="),
    "text": mail("To: leave@example.org", f"please: https://l.example.org/u/{TOKEN}\n"),
    "quoted": mail("To: leave@example.org", f"> https://l.example.org/u/{TOKEN}\n"),
    "base64": mail(
        "Content-Type: text/plain\nContent-Transfer-Encoding: base64", base64.b64encode(TOKEN.encode()).decode()
    ),
    "quoted-printable": mail(
        "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable", f"{TOKEN[:20]}=\n{TOKEN[20:]}"
    ),
    "html": html(),
    "with CRLF": mail().replace(b"\n", b"\r\n"),
    "after a line of mbox": b"From x@example.net Sun Nov 22 20:00:00 2026\n" + mail(),
    "a provider's button": mail(f"To: {TAGGED}\nAuto-Submitted: auto-generated"),
    "a mailing list's precedence": mail(f"To: {TAGGED}\nPrecedence: bulk"),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_token_is_found(name):
    feedback = read_feedback(FOUND[name])
    assert feedback.requests == (TOKEN,)
    assert not feedback.automatic


def test_what_the_message_is_addressed_to_comes_first():
    both = mail(f"Subject: {OTHER}\nTo: {TAGGED}", OTHER)
    assert read_feedback(both).requests == (TOKEN, OTHER)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\xff\x00\n\n\xfe",
        mail("To: leave@example.org", "unsubscribe me"),
        mail(f"To: leave+{TOKEN}x@example.org"),
        mail(f"To: leave+{TOKEN[1:]}@example.org"),
        mail(f"X-Other: {TOKEN}"),
        mail(f"From: {TAGGED}\nReply-To: {TAGGED}"),
        mail('Content-Type: multipart/mixed; boundary="b"', f"--b\nContent-Type: message/rfc822\n\nTo: {TAGGED}\n\n{TOKEN}\n--b--"),
        mail("Content-Type: image/png", TOKEN),
        mail("To: x@example.org", "x\n" * LARGEST + TOKEN),
    ],
    ids=range(11),
)  # fmt: skip
def test_nothing_is_found(raw):
    assert read_feedback(raw).requests == ()


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: Auto-Replied (vacation); owner=x",
        "Auto-Submitted: auto-notified",
        "Return-Path: <>",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "X-Auto-Reply: yes",
        "Auto-Submitted: (on holiday) auto-replied",
        "Auto-Submitted: auto-generated\nX-MS-Exchange-Inbox-Rules-Loop: ana@example.com",
        "Subject: Automatic reply: unsubscribe",
    ],
)
def test_a_machine_that_answers_asks_for_nothing(header):
    feedback = read_feedback(mail(f"{header}\nTo: {TAGGED}"))
    assert (feedback.automatic, feedback.requests) == (True, ())


def test_a_bounce_asks_for_nothing():
    text = f"The user is unknown.\n\n--- Below this line is a copy of the message.\n\nhttps://l.example.org/u/{TOKEN}\n"
    for sender in ("MAILER-DAEMON@mx.example.net", "Mail Delivery System <postmaster@example.net>"):
        raw = f"From: {sender}\nTo: leave@example.org\nSubject: failure notice\n\n{text}".encode()
        assert read_feedback(raw).requests == ()


@pytest.mark.parametrize(
    "header", ["From: postmaster@example.com", "Subject: Delivery problem: unsubscribe", "Auto-Submitted: no (really)"]
)
def test_a_person_with_an_odd_address_or_subject_is_heard(header):
    raw = f"{header}\nTo: {TAGGED}\n\nPlease take me off the list.\n".encode()
    assert read_feedback(raw).requests == (TOKEN,)
