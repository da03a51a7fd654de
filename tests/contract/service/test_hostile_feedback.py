"""What strangers write to suppress a living reader. docs/reliability.md shows each attack, and how many messages were tried."""

import random
import re
from pathlib import Path

import pytest

from mailer.ledger.feedback.intake import LONGEST_SERIES
from mailer.link_tokens import Purpose, TokenKeys
from mailer.service.feedback.record import record_message
from tests.support.feedback_messages import VACATION, block, dsn, mail, multipart, report
from tests.support.returned_mail import SentMail, bounce, complaint

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
ANA, EVE = "ana@example.com", "eve@example.net"
DAY = 86_400.0
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
DEAD = "550 5.1.1 no such user"
STRANGERS = TokenKeys(["another installation's secret key, which is long"])


def named(address, *, to="bounces@example.org", returned="", status="5.1.1", words=DEAD):
    """A notification about `address`, with any headers of a message."""
    raw = dsn(block(status, words, address=address), returned=f"text/rfc822-headers\n\n{returned}\n\n")
    return raw.replace(b"To: bounce@example.org", f"To: {to}".encode(), 1)


def forged_tokens(ana, eve):
    chance = random.Random(1)
    for number in range(100):
        letters = list(ana.tokens.bounce)
        letters[number % 26] = chance.choice(LETTERS.replace(letters[number % 26], ""))
        for token in ("".join(letters), "".join(chance.choices(LETTERS, k=26)), "".join(chance.choices(LETTERS, k=39))):
            yield named(ANA, to=f"bounces+{token}@example.org")
    for token in (
        ana.tokens.unsubscribe,
        ana.tokens.message,
        "a" * 26,
        STRANGERS.issue(Purpose.BOUNCE, ana.delivery_id),
    ):
        yield named(ANA, to=f"bounces+{token}@example.org")


def another_s_address(ana, eve):
    for status in ("5.1.1", "5.1.2", "5.1.6", "5.1.10", "5.2.1"):
        yield bounce(eve, status, DEAD, address=ANA)
        yield bounce(eve, status, DEAD, address=ANA).replace(
            eve.headers.encode(), ana.headers.split("List-")[0].encode()
        )
        yield bounce(eve, status, DEAD, address=ANA).replace(b"Final-Recipient", b"Original-Recipient")
    yield complaint(eve).replace(EVE.encode(), ANA.encode())


def quoted_message_id(ana, eve):
    known = f"From: News <news@example.org>\nTo: {ANA}\nMessage-ID: {ana.message_id}"
    reply = f"In-Reply-To: {ana.message_id}\nReferences: {ana.message_id}"
    for headers in (known, reply, f"{known}\nList-Unsubscribe: <https://news.example.org/u/{eve.tokens.unsubscribe}>"):
        yield named(ANA, returned=headers)
        yield named(ANA, returned=headers, to=f"bounces+{ana.tokens.message}@example.org")
        yield named(ANA, returned=headers).replace(
            b"Reporting-MTA:", f"Original-Envelope-Id: {ana.tokens.message}\nReporting-MTA:".encode()
        )
        yield report("abuse", f"Original-Rcpt-To: {ANA}", returned=f"text/rfc822-headers\n\n{headers}\n\n")
        yield mail("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: bounces@example.org\nSubject: failure notice",
                   f"<{ANA}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n{headers}\n")  # fmt: skip


def replayed(ana, eve):
    full = bounce(ana, "5.2.2", "552 5.2.2 mailbox full")
    for number in range(60):
        yield full
        yield full.replace(
            b"Subject: Undelivered mail", f"Subject: Undelivered mail\nMessage-ID: <{number}@mx.example.net>".encode()
        )


def oversized(ana, eve):
    dead = named(ANA, to="bounces@example.org")
    token = f"\n<https://news.example.org/u/{ana.tokens.unsubscribe}>\nMessage-ID: {ana.message_id}\n".encode()
    yield dead + b"x" * 6_000_000 + token
    yield dead.replace(b"To: bounces", b"X-Long: " + b"a" * 2_000_000 + token.replace(b"\n", b"") + b"\nTo: bounces")
    yield (
        b'Content-Type: multipart/mixed; boundary="b"\n\n'
        + b"--b\nContent-Type: multipart/mixed; boundary=c\n\n" * 20_000
        + dead
    )
    yield b"Received: x\n" * 200_000 + dead
    yield named(ANA, to=", ".join(f"bounces+{'b' * 26}@example.org" for _ in range(20_000)))


def no_bounces(ana, eve):
    to = f"bounces+{ana.tokens.bounce}@example.org".encode()
    yield VACATION.replace(b"bounce@example.org", to)
    yield bounce(ana, "5.1.1", DEAD, action="delayed")
    yield bounce(ana, "2.0.0", "250 ok", action="delivered")
    yield bounce(ana, "2.0.0", "250 ok", action="relayed")
    yield bounce(ana, "4.7.1", "451 4.7.1 greylisted")
    yield bounce(ana, "5.7.1", "550 5.7.1 your reputation is bad")
    yield complaint(ana, "not-spam")
    yield complaint(ana, "auth-failure")


ABOUT_US = (
    "550 5.1.1 <RETURN-PATH>: User unknown",
    "550 5.1.1 <RETURN-PATH>: Recipient address rejected: User unknown in virtual table",
    "550 5.1.1 Mailbox news@example.org does not exist (in reply to RCPT TO command)",
    "550 5.1.1 <RETURN-PATH>: User unknown (in reply to MAIL FROM command)",
    "550 5.1.2 Host unknown: example.org",
    "550 5.1.10 null MX for sender domain example.org",
    "556 5.1.10 Domain example.org does not accept mail (nullMX)",
    "550 5.1.3 bad address syntax in From header",
    "550 5.1.2 unable to resolve your MX: domain not found",
    "550 5.1.1 Return address does not exist",
    "550 5.1.1 the List-Unsubscribe mailbox does not exist",
    "550 5.1.6 our office has moved, update your records",
    "550 5.1.1 unknown user: POP3 login first",
    "550 5.1.1 unknown user: authentication required",
    "550 5.1.1 <bob@dead.example>: User unknown",
)


def words_about_us(ana, eve):
    """In each form of a bounce; the last words are about an address to which the reader may pass mail on."""
    for words in ABOUT_US:
        told = words.replace("RETURN-PATH", ana.return_path)
        for status in ("5.1.1", "5.0.0"):
            yield bounce(ana, status, told)
        prose = f"I could not deliver your message:\n\n<{ANA}>:\nRemote host said: {told}\n\n--- Below this line is a copy of the message.\n\n{ana.headers}\n"
        yield mail(f"From: MAILER-DAEMON@mx.example.net\nTo: {ana.return_path}\nSubject: failure notice", prose)


def notes(ana, eve):
    text = f"Hello, your mail to {ANA} came back: 550 5.1.1 user unknown. Please send it again."
    quoted = f"-------- Original message --------\n{ana.headers}\n\nGood morning.\n"
    for sender in (f"Ana <{ANA}>", "Ana <ana@else.example>", f"MAILER-DAEMON <{ANA}>"):
        for subject in ("Re: Tide", "Fwd: Undelivered mail", "Tide", ""):
            headers = f"Return-Path: <>\nFrom: {sender}\nTo: {ana.return_path}\nSubject: {subject}"
            yield mail(headers, f"{text}\n\n{quoted}")
            yield mail(headers, f"{text}\nFinal-Recipient: rfc822; {ANA}\nAction: failed\nStatus: 5.1.1\n\n{quoted}")
            yield multipart("mixed", f"text/plain\n\n{text}\n", ana.returned, headers=headers)


FAULTS = (
    "550 5.1.1 Mailbox server is in maintenance; user not found",
    "550 5.1.1 Account is being moved; recipient not found at this time",
    "550 5.1.1 recipient verification unavailable: user unknown",
    "550 5.1.1 user unknown (server overloaded)",
    "550 5.1.1 user unknown, greylisted",
    "550 5.1.2 unable to look up host example.com: REFUSED",
    "550 5.1.2 DNSSEC validation failure: host not found",
    "550 5.1.1 Recipient not found: only internal senders are allowed",
    "550 5.1.1 You are an unknown user to this recipient",
    "550 5.1.1 not a known user of the list tides",
    "550 5.1.10 Recipient not found: message failed tenant attribution",
    "250 2.1.5 ok",
)


def faults(ana, eve):
    for words in FAULTS:
        yield bounce(ana, "5.1.1", words)
    dead = bounce(ana, "5.1.1", DEAD)
    for field in ("Will-Retry-Until: Thu, 31 Dec 2026 00:00:00 +0000", "X-Actual-Recipient: rfc822; bob@dead.example"):
        yield dead.replace(b"Action: failed", f"{field}\nAction: failed".encode())
    yield dead.replace(b"Status: 5.1.1", b"Status: 5.1.1 (try again later)")
    for action in ("delivered", "relayed", "expanded"):
        reached = block("2.0.0", action=action, address=ANA).encode()
        yield dead.replace(b"Final-Recipient", reached + b"\n\nFinal-Recipient", 1)


ATTACKS = {
    "a forged token: altered, guessed, of another purpose, of another installation": forged_tokens,
    "a valid notification of one's own message, about another reader": another_s_address,
    "the Message-ID of a reader's message, as a reply shows it": quoted_message_id,
    "one notification again and again, unchanged and changed": replayed,
    "oversized messages, headers, nesting, lists of recipients": oversized,
    "automatic replies, delays, successes, reports about the sender": no_bounces,
    "words about our address, our domain or a header, with the code of a missing mailbox": words_about_us,
    "a fault of a server, a closed list, a contradiction, with the code of a missing mailbox": faults,
    "a reader's own note, with an empty return path, that quotes a bounce": notes,
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_feedback_suppresses_nobody(desk, attack, database_url):
    sent = SentMail(desk.app)
    mails = sent.send("tide", ANA, EVE)
    tried = 0
    for raw in ATTACKS[attack](mails[ANA], mails[EVE]):
        done = record_message(desk.app, raw, source="lmtp" if tried % 2 else "imap")
        assert (desk.held(ANA), desk.held(EVE)) == (None, None), (done, raw[:600])
        tried += 1
    assert (
        len(desk.ledger.feedback.page(limit=1_000)) <= LONGEST_SERIES + 1
    )  # the table does not grow with the attempts
    [row] = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {attack} |")]
    assert re.findall(r"\d+", row.removeprefix(f"| {attack} |"))[0] == str(tried), (attack, tried)


def test_old_notifications_suppress_nobody_who_confirmed_since(desk, clock):
    sent = SentMail(desk.app)
    ana = sent.send("tide", ANA)[ANA]
    record_message(desk.app, bounce(ana, "5.1.1", DEAD), source="pipe")
    assert desk.held(ANA) == "bounced"
    desk.sync("email\n")
    clock.forward(DAY)
    desk.sign_up(ANA)
    record_message(desk.app, bounce(ana, "5.1.1", "550 5.1.1 unknown"), source="pipe")
    assert desk.held(ANA) is None
    ben = sent.send("ebb", "ben@example.net")["ben@example.net"]
    clock.forward(31 * DAY)
    record_message(desk.app, bounce(ben, "5.1.1", DEAD), source="pipe")
    assert desk.held("ben@example.net") is None
    assert [each.effect.value for each in desk.ledger.feedback.page()] == ["waiting", "noted", "suppressed"]
