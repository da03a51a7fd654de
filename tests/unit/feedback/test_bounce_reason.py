"""A bounce that quotes a reply to RCPT, and a session that gets the same reply, come to the same conclusion."""

import pytest

from mailer.feedback.bounce_reason import judge_bounce
from mailer.smtp.classify import classify
from mailer.smtp.reply_parser import make_reply
from mailer.smtp.stage import Stage


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("550 5.1.1 The email account that you tried to reach does not exist.", True),
        ("550 5.1.1 mailbox unavailable", True),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup", True),
        ("550 5.1.2 We weren't able to find the recipient domain.", True),
        ("550 5.1.6 recipient no longer on server", True),
        ("551 5.1.6 ana has moved to ana@example.net", True),
        ("550 No such user here", True),
        ("550 Invalid Recipient", True),
        ("550 Usuario no encontrado", True),
        ("550 mailbox unavailable", False),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", False),
        ("550 Requested action not taken: mailbox unavailable. Reject due to policy restrictions", False),
        ("550 recipient unavailable", False),
        ("550 account temporarily unavailable", False),
        ("550 the user may not exist: unknown user", False),
        ("550 5.1.1 user unknown, try again later", False),
        ("550 5.1.1 unverified address: Address verification in progress", False),
        ("550 5.1.1 sender rejected: user unknown", False),
        ("550 5.1.1 connect to mx.example.com[203.0.113.7]:25: Connection refused", False),
        ("550 5.1.2 Network is unreachable", False),
        ("550 5.1.1 lost connection with mx.example.com", False),
        ("550 5.1.1 Could not connect to server", False),
        ("550 5.1.1 connection timeout", False),
        ("550 5.1.6 TLS handshake failure", False),
        ("550 5.1.10 DNS server failure", False),
        ("550 5.1.3 System not accepting network messages", False),
        ("550 5.1.1 out of memory", False),
        ("550 5.1.1 Directory server unreachable, recipient not found, please retry later", False),
        ("550 5.1.2 Host unknown: DNS server timed out (SERVFAIL)", False),
        ("550 5.1.1 Benutzer derzeit nicht gefunden", False),
        ("550 5.1.1 mailbox does not exist yet - account is being migrated", False),
        ("550 5.1.1 user unknown; connection refused", True),
        ("550 she has moved", False),
        ("552 5.2.2 mailbox full", False),
        ("550 5.2.1 mailbox disabled", False),
        ("550", False),
    ],
)
def test_a_bounce_is_permanent_where_a_session_suppresses(line: str, expected: bool) -> None:
    code, _, text = line.partition(" ")
    reply = make_reply(int(code), (text,))
    bounce = judge_bounce("ana@example.com", status=reply.enhanced, diagnostic=f"{line} (in reply to RCPT TO command)")
    assert (classify(reply, Stage.RCPT).suppress, bounce.permanent) == (expected, expected)
