"""A bounce that quotes a reply to RCPT, and a session that gets the same reply, come to the same conclusion."""

import pytest

from mailer.feedback.bounce_reason import OwnNames, judge_bounce, judge_names
from mailer.smtp.classify import classify
from mailer.smtp.refusal_reason import Reason
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
        ("550 5.1.10 null MX for sender domain example.org", False),
        ("550 5.1.10 your domain example.org has a null MX", False),
        ("550 5.1.3 bad address syntax in From header", False),
        ("550 5.1.3 invalid From: address", False),
        ("550 5.1.2 unable to resolve your MX: domain not found", False),
        ("550 5.1.2 your mail server's host name does not exist", False),
        ("550 5.1.2 no A or MX for your domain", False),
        ("550 5.1.1 unknown host in your EHLO", False),
        ("550 5.1.1 envelope domain not found", False),
        ("550 5.1.2 sender domain must resolve", False),
        ("550 5.1.1 Return address does not exist", False),
        ("550 5.1.1 the originator's mailbox does not exist", False),
        ("550 5.1.1 the list-unsubscribe mailbox does not exist", False),
        ("550 5.1.1 In-Reply-To message does not exist", False),
        ("550 5.1.1 5.1.8 Domain of bounces@example.org does not exist", False),
        ("550 5.1.1 Mailbox does not exist; cannot reply to it", False),
        ("550 5.1.1 Ihre Adresse existiert nicht: unbekannter Benutzer", False),
        ("550 5.1.1 La dirección de retorno no existe", False),
        ("550 5.1.6 our office has moved, update your records", False),
        ("550 5.1.1 unknown user: POP3 login first", False),
        ("550 5.1.1 unknown user: SMTP AUTH required", False),
        ("550 5.1.1 User unknown for service smtp: licence has expired", False),
        ("550 5.1.1 user unknown; connection refused", True),
        ("550 5.1.1 The message was not delivered because the recipient was not found", True),
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


OWN = OwnNames(addresses=frozenset({"letter@example.org", "bounces@example.org"}))


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        ("5.1.1", "550 5.1.1 <ana+tide@example.com>: User unknown", (Reason.USER_UNKNOWN, True, False)),
        ("5.1.1", "550 5.1.1 <ANA@example.com>: User unknown", (Reason.USER_UNKNOWN, True, False)),
        ("5.1.1", "550 5.1.1 User unknown; write to postmaster@mx.example", (Reason.USER_UNKNOWN, True, False)),
        ("5.1.1", "bounces@example.org 550 5.1.1 User unknown", (Reason.USER_UNKNOWN, True, False)),
        ("5.1.1", "550 5.1.1 <bob@dead.example>: User unknown", (Reason.USER_UNKNOWN, True, True)),
        ("5.1.1", "550 5.1.1 <letter@example.org>: User unknown", (Reason.REJECTED, False, False)),
        ("5.2.2", "552 5.2.2 <bounces+t@example.org>: mailbox full", (Reason.REJECTED, False, False)),
        ("5.1.1", f"550 5.1.1 <b+{'c' * 26}@old.example>: User unknown", (Reason.REJECTED, False, False)),
        (
            "5.1.1",
            "550 5.1.1 <ana@example.com>: letter@example.org: User unknown",
            (Reason.USER_UNKNOWN, True, True),
        ),
        ("5.1.10", "556 5.1.10 Domain example.org does not accept mail", (Reason.REJECTED, False, False)),
        ("5.1.2", "550 5.1.2 Host unknown: example.org", (Reason.REJECTED, False, False)),
        ("5.1.2", "550 5.1.2 Host unknown: example.com (from example.org)", (Reason.HOST_UNKNOWN, True, False)),
        ("5.1.2", "550 5.1.2 Host unknown: not-example.org", (Reason.HOST_UNKNOWN, True, False)),
    ],
)
def test_a_refusal_is_about_the_address_that_its_words_name(
    status: str, words: str, expected: tuple[Reason, bool, bool]
) -> None:
    judged = judge_names(judge_bounce("ana+tide@example.com", status=status, diagnostic=words), OWN)
    assert (judged.reason, judged.permanent, judged.forwarded) == expected
