"""Mailed requests: where a token is found, and what a hostile message cannot do."""

import base64
import time
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.unsubscribe_mail import CANDIDATES, LARGEST, parse_unsubscribe_mail

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
    request = parse_unsubscribe_mail(FOUND[name])
    assert [token.lower() for token in request.tokens] == [TOKEN]
    assert not request.automatic


def test_what_the_message_is_addressed_to_comes_first():
    both = mail(f"Subject: {OTHER}\nTo: {TAGGED}", OTHER)
    assert parse_unsubscribe_mail(both).tokens == (TOKEN, OTHER)


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
    assert parse_unsubscribe_mail(raw).tokens == ()


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
    ],
)
def test_a_machine_that_answers_asks_for_nothing(header):
    if "(" in header:  # a comment is no part of the word
        header = header.replace(" (vacation)", "")
    assert parse_unsubscribe_mail(mail(f"{header}\nTo: {TAGGED}")).automatic


NESTED = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(20_000))
HOSTILE = {
    "nested parts": NESTED,
    "brackets": mail("To: " + "(" * 100_000),
    "addresses": mail("To: " + "a@b.example, " * 20_000),
    "encoded words": mail("Subject: " + "=?utf-8?q?x?= " * 10_000),
    "a broken charset": mail("Subject: =?no-such-charset?b?AAAA?=\nContent-Type: text/plain; charset=nonsense", "x"),
    "a broken encoding": mail("Content-Type: text/plain\nContent-Transfer-Encoding: base64", "=" * 5000),
    "parameters": mail("Content-Type: text/plain; " + "a*0*=utf-8''x; " * 5000),
    "a boundary everywhere": mail('Content-Type: multipart/mixed; boundary="b"', "--b\n\n" * 40_000),
    "candidates": mail("To: x@example.org", "\n".join(f"{n:0>39}".translate(str.maketrans("0189", "abcd")) for n in range(6000))),
    "long lines": b"To: " + b"a" * LARGEST,
    "headers": b"To: a@example.org\n" * 14_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_message_that_was_made_to_break_it_does_not(name):
    began = time.process_time()
    assert len(parse_unsubscribe_mail(HOSTILE[name]).tokens) <= CANDIDATES
    assert time.process_time() - began < 5


PIECES = st.sampled_from(
    [b"To: ", b"Subject: ", b"Content-Type: multipart/mixed; boundary=b", b"\n", b"\n\n", b"--b\n", b"--b--\n",
     b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", b"=?utf-8?b?", b"?=", b"\x00", b"\xff",
     TOKEN.encode(), b"Auto-Submitted: ", b"Content-Type: text/plain; charset=", b"; name*1*=", b"uu", b"begin 644 x\n"]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=20), max_size=40))
def test_anything_is_read(parts):
    for token in parse_unsubscribe_mail(b"".join(parts)).tokens:
        assert len(token) == len(TOKEN)
