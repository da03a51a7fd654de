"""What a message that came back is, who it is about, and whether it is about one of ours."""

import re

import pytest

from mailer.feedback.model import Feedback, FeedbackKind, TokenState
from mailer.feedback.policy import Effect, effect_of
from mailer.feedback.reader import read_feedback
from mailer.link_tokens import PLACEHOLDER, Purpose, TokenKeys
from mailer.smtp.refusal_reason import Reason
from tests.support.feedback_messages import (
    DOMINO,
    EXCHANGE,
    EXIM,
    EXIM_DELAY,
    FULL_IN_JAPANESE,
    QMAIL,
    RETURNED,
    SENDMAIL_AFTER_DATA,
    VACATION,
    block,
    dsn,
    mail,
    multipart,
    report,
)

KEYS = TokenKeys(["k" * 40])
FOREIGN = TokenKeys(["f" * 40])


def summary(feedback: Feedback) -> list[tuple[str, str, Reason, bool]]:
    return [(each.address, each.status, each.reason, each.permanent) for each in feedback.recipients]


BOUNCES = {
    "a code of a mailbox": (dsn(block("5.1.1")), ("5.1.1", Reason.USER_UNKNOWN, True)),
    "words of a mailbox": (
        dsn(block("5.1.1", "550 5.1.1 <ana@example.com>: Recipient address rejected: User unknown")),
        ("5.1.1", Reason.USER_UNKNOWN, True),
    ),
    "a specific code in the diagnostic outranks a generic status": (
        dsn(block("5.0.0", "550 5.1.1 no")),
        ("5.1.1", Reason.USER_UNKNOWN, True),
    ),
    "greylisting, with the code of a mailbox": (
        dsn(block("5.1.1", "550 5.1.1 greylisted: unknown pair")),
        ("5.1.1", Reason.ON_HOLD, False),
    ),
    "a specific status stays": (dsn(block("5.2.2", "550 5.0.0 no")), ("5.2.2", Reason.MAILBOX_FULL, False)),
    "a status with a comment": (dsn(block("5.1.2 (bad destination system)")), ("5.1.2", Reason.HOST_UNKNOWN, True)),
    "a domain": (dsn(block("5.4.4", "550 5.4.4 Host not found")), ("5.4.4", Reason.HOST_UNKNOWN, True)),
    "a null MX": (dsn(block("5.1.10", "556 5.1.10 null MX")), ("5.1.10", Reason.NOT_ACCEPTING, True)),
    "a new address": (dsn(block("5.1.6")), ("5.1.6", Reason.HAS_MOVED, True)),
    "a full mailbox": (dsn(block("5.0.0", "552 mailbox full")), ("5.0.0", Reason.MAILBOX_FULL, False)),
    "a policy": (dsn(block("5.7.1", "550 5.7.1 no")), ("5.7.1", Reason.POLICY_VIOLATION, False)),
    "our reputation, with the code of a mailbox": (
        dsn(block("5.1.1", "550 5.1.1 rejected, see spamhaus")),
        ("5.1.1", Reason.BLOCKED, False),
    ),
    "nothing": (dsn(block("5.0.0", "550 no")), ("5.0.0", Reason.ON_HOLD, False)),
    "class 4": (dsn(block("4.1.1", "450 4.1.1 User unknown")), ("4.1.1", Reason.USER_UNKNOWN, False)),
    "a reply of class 4 with a status of class 5": (
        dsn(block("5.1.1", "450 User unknown")),
        ("5.1.1", Reason.USER_UNKNOWN, False),
    ),
    "a delay": (dsn(block("5.1.1", action="delayed")), ("5.1.1", Reason.USER_UNKNOWN, False)),
    "a delay without a reason": (dsn(block("4.4.0", action="delayed")), ("4.4.0", Reason.EXPIRED, False)),
    "a server that gave up": (dsn(block("5.4.7", "554 message expired")), ("5.4.7", Reason.EXPIRED, False)),
    "a program of the recipient": (
        dsn("Final-Recipient: rfc822; ana@example.com\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: X-Unix; 71"),
        ("5.0.0", Reason.MAILER_ERROR, False),
    ),
    "a delivery program that finds no user": (
        dsn(block("5.1.1", "procmail: cannot create file: no such user")),
        ("5.1.1", Reason.MAILER_ERROR, False),
    ),
    "a name that cannot be looked up now": (
        dsn(block("5.0.0", "Name service error: Host not found, try again")),
        ("5.0.0", Reason.HOST_UNKNOWN, False),
    ),
    "the words are in the text only": (
        dsn(block("5.0.0"), text="<ana@example.com>: unknown user in local table"),
        ("5.0.0", Reason.USER_UNKNOWN, True),
    ),
    "unknown, in reply to RCPT": (
        dsn(block("5.0.0", "550 user unknown"), text="said: 550 user unknown (in reply to RCPT TO command)"),
        ("5.0.0", Reason.USER_UNKNOWN, True),
    ),
    "unknown, in reply to the message": (
        dsn(block("5.0.0", "550 user unknown"), text="said: 550 user unknown (in reply to end of DATA command)"),
        ("5.0.0", Reason.FILTERED, False),
    ),
    "unknown, nobody knows in reply to what": (
        dsn(block("5.0.0", "550 user unknown")),
        ("5.0.0", Reason.FILTERED, False),
    ),
    "unknown, in reply to the message, because each RCPT had failed": (
        dsn(block("5.5.0", "550 5.5.0 Invalid recipient"), text=">>> DATA\n<<< 550 Invalid recipient\n<<< 554 Error: no valid recipients"),
        ("5.5.0", Reason.USER_UNKNOWN, True),
    ),
    "our own name, in the words of a domain": (
        dsn(block("5.0.0", "501 Invalid domain name"), text="in reply to MAIL FROM command"),
        ("5.0.0", Reason.REJECTED, False),
    ),
    "our own address, with a code that is about an address": (
        dsn(block("5.1.1", "550 5.1.1 <bounces@example.org>: User unknown (in reply to MAIL FROM command)")),
        ("5.1.1", Reason.REJECTED, False),
    ),
    "Yahoo's answer to the message": (
        dsn(block("5.0.0", "554 dd This user doesn't have a example.com account")),
        ("5.0.0", Reason.FILTERED, False),
    ),
    "unavailable is any reason": (
        dsn(block("5.0.0", "550 mailbox unavailable"), text="in reply to RCPT TO command"),
        ("5.0.0", Reason.ON_HOLD, False),
    ),
    "perhaps": (
        dsn(block("5.0.0", "the account may not exist: unknown user")),
        ("5.0.0", Reason.FILTERED, False),
    ),
    "moved, in words": (dsn(block("5.0.0", "550 she has moved")), ("5.0.0", Reason.HAS_MOVED, False)),
    "exim": (EXIM, ("", Reason.USER_UNKNOWN, True)),
    "exim's delay": (EXIM_DELAY, ("", Reason.USER_UNKNOWN, False)),
    "domino": (DOMINO, ("", Reason.USER_UNKNOWN, True)),
    "exchange": (EXCHANGE, ("", Reason.USER_UNKNOWN, True)),
    "sendmail, after the message": (SENDMAIL_AFTER_DATA, ("5.0.0", Reason.FILTERED, False)),
    "an unknown sender, in Japanese": (FULL_IN_JAPANESE, ("", Reason.MAILBOX_FULL, False)),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNCES)
def test_a_bounce_has_its_recipient_reason_and_permanence(name):
    raw, expected = BOUNCES[name]
    feedback = read_feedback(raw)
    assert feedback.kind is FeedbackKind.BOUNCE
    assert summary(feedback) == [("ana@example.com", *expected)]
    assert feedback.automatic


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
@pytest.mark.parametrize("name", BOUNCES)
def test_the_line_ends_do_not_matter(name, ends):
    raw, expected = BOUNCES[name]
    assert summary(read_feedback(raw.replace(b"\n", ends))) == [("ana@example.com", *expected)]


def test_each_recipient_of_a_bounce_in_prose_has_the_words_that_are_about_it():
    assert summary(read_feedback(QMAIL)) == [
        ("ana@example.com", "", Reason.USER_UNKNOWN, True),
        ("ben@example.net", "5.1.1", Reason.USER_UNKNOWN, True),
    ]


def test_each_recipient_of_a_notification_has_its_own_reason():
    raw = dsn(
        block("5.1.1"),
        block("5.2.2", address="ben@example.net"),
        block("2.0.0", action="relayed", address="c@example.net"),
    )
    assert summary(read_feedback(raw)) == [
        ("ana@example.com", "5.1.1", Reason.USER_UNKNOWN, True),
        ("ben@example.net", "5.2.2", Reason.MAILBOX_FULL, False),
    ]


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_notification_of_success_is_no_bounce(action):
    feedback = read_feedback(dsn(block("2.0.0", action=action)))
    assert (feedback.kind, feedback.recipients, feedback.automatic) == (FeedbackKind.OTHER, (), True)


def test_an_international_notification_is_read():
    fields = "Reporting-MTA: dns; mx.example.net\n\nOriginal-Recipient: utf-8; \\x{E4}na@example.com\nFinal-Recipient: utf-8; x@example.com\nAction: failed\nStatus: 5.1.1\n"
    raw = multipart(
        "report; report-type=delivery-status", f"message/global-delivery-status; charset=utf-8\n\n{fields}", "message/global-headers\n\nFrom: ä@example.org\n"
    )  # fmt: skip
    assert summary(read_feedback(raw)) == [("äna@example.com", "5.1.1", Reason.USER_UNKNOWN, True)]


def test_a_notification_is_read_where_its_boundary_is_broken():
    raw = dsn(block("5.1.1")).replace(b'boundary="=_b"', b'boundary="other"')
    assert summary(read_feedback(raw)) == [("ana@example.com", "5.1.1", Reason.USER_UNKNOWN, True)]


def test_the_recipient_that_we_named_counts_rather_than_the_one_it_was_forwarded_to():
    forwarded = f"Original-Recipient: rfc822; ana+2Bnews@example.com\n{block('5.1.1', address='office@example.net')}"
    assert [each.address for each in read_feedback(dsn(forwarded)).recipients] == ["ana+news@example.com"]


# complaints


@pytest.mark.parametrize("kind", ["abuse", "Abuse", "fraud", "virus", "other", "opt-out", "auth-failure"])
def test_a_feedback_report_is_a_complaint(kind):
    feedback = read_feedback(report(kind, "Original-Rcpt-To: <ana@example.com>"))
    assert (feedback.kind, feedback.report_type) == (FeedbackKind.COMPLAINT, kind.lower())
    assert summary(feedback) == [("ana@example.com", "", Reason.FEEDBACK, False)]


def test_a_complaint_without_a_named_recipient_is_about_that_of_the_returned_message():
    assert [each.address for each in read_feedback(report("abuse")).recipients] == ["ana@example.com"]


def test_a_report_that_a_message_is_no_spam_is_no_complaint():
    feedback = read_feedback(report("not-spam"))
    assert (feedback.kind, feedback.report_type, feedback.recipients) == (FeedbackKind.OTHER, "not-spam", ())


def test_a_report_without_a_machine_readable_part_is_a_complaint():
    raw = multipart(
        "mixed",
        RETURNED,
        headers="From: staff@example.net\nTo: c@example.org\nSubject: complaint about message from 192.0.2.1",
    )
    assert summary(read_feedback(raw)) == [("ana@example.com", "", Reason.FEEDBACK, False)]


# automatic replies

HEADERS = "From: Ana <ana@example.com>\nTo: bounce@example.org\nSubject: Re: Tide"
QUOTES = "User unknown: the address ana@example.com does not exist. 550 5.1.1\n"


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation)",
        "Auto-Submitted: (a (nested) comment) auto-replied; owner-email=x",
        "Auto-Submitted: auto-notified",
        "X-Auto-Reply: yes",
        "X-Autoreply: yes",
        "X-Autorespond: Tide",
        "Precedence: auto_reply",
        "Auto-Submitted: auto-generated\nX-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent",
        "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All",
        "X-MS-Exchange-Inbox-Rules-Loop: ana@example.com",
    ],
)
def test_a_vacation_notice_is_never_a_bounce_whatever_it_says(header):
    feedback = read_feedback(mail(f"{HEADERS}\n{header}", QUOTES))
    assert feedback.kind is FeedbackKind.AUTO_REPLY
    assert feedback.automatic
    assert not any(each.permanent for each in feedback.recipients)


@pytest.mark.parametrize(
    "subject",
    ["Automatic reply: Tide", "Out of Office: Tide", "Re: Out of the office", "Abwesenheitsnotiz: Tide", "Réponse automatique : Tide",
     "Respuesta automática: Tide", "=?utf-8?q?Risposta_automatica=3A_Tide?=", "Automatisch antwoord: Tide", "自動応答: Tide"],
)  # fmt: skip
def test_a_vacation_notice_is_known_by_its_subject(subject):
    raw = mail(f"From: postmaster@example.com\nTo: bounce@example.org\nSubject: {subject}", QUOTES)
    assert read_feedback(raw).kind is FeedbackKind.AUTO_REPLY


def test_a_vacation_notice_with_an_empty_return_path_is_no_bounce():
    assert summary(read_feedback(VACATION)) == [("ana@example.com", "", Reason.VACATION, False)]


def test_a_read_receipt_is_an_automatic_reply():
    raw = multipart(
        "report; report-type=disposition-notification", "text/plain\n\nIt was displayed.\n",
        "message/disposition-notification\n\nFinal-Recipient: rfc822; ana@example.com\nDisposition: manual-action; displayed\n", headers=HEADERS
    )  # fmt: skip
    assert read_feedback(raw).kind is FeedbackKind.AUTO_REPLY


def test_a_bounce_of_mail_to_ourselves_has_its_recipient():
    raw = mail(
        "From: MAILER-DAEMON@example.org\nTo: bounce@example.org\nSubject: failure notice",
        "<bounce@example.org>:\ndisk quota exceeded\n",
    )
    assert summary(read_feedback(raw)) == [("bounce@example.org", "", Reason.MAILBOX_FULL, False)]


def test_the_staff_of_the_server_and_the_sender_are_no_recipients():
    text = "Could not deliver MAIL FROM:<news@example.org> to ana@example.com: user unknown. For help, write to support@example.net.\n"
    raw = mail("From: MAILER-DAEMON@example.net\nTo: bounce@example.org\nSubject: failure notice", text)
    assert [each.address for each in read_feedback(raw).recipients] == ["ana@example.com"]


def test_a_message_in_html_is_read():
    html = "<html><style>p {}</style><p>Delivery to <b>ana@example.com</b> failed:</p><p>The address was not found.</p></html>"
    raw = mail("From: MAILER-DAEMON@example.net\nSubject: failure notice\nContent-Type: text/html", html)
    assert summary(read_feedback(raw)) == [("ana@example.com", "", Reason.USER_UNKNOWN, True)]


# people


def test_an_answer_of_a_person_is_neither_a_bounce_nor_a_request():
    quoted = f"Thank you! Your mail to ben@example.net was rejected by his server: user unknown.\n> https://news.example.org/u/{KEYS.issue(Purpose.UNSUBSCRIBE, 7)}\n"
    for subject in ("Re: Tide", "Undelivered mail", "Tide"):
        feedback = read_feedback(mail(f"From: ana@example.com\nTo: news@example.org\nSubject: {subject}", quoted), KEYS)
        assert (feedback.kind, feedback.recipients, feedback.automatic) == (FeedbackKind.OTHER, (), False)


@pytest.mark.parametrize(
    ("subject", "text"),
    [("unsubscribe", ""), ("Please unsubscribe me", ""), ("", "Remove me, please"), ("Abmelden", ""), ("Baja", ""), ("désabonnement", ""), ("退订", "")],
)  # fmt: skip
def test_a_request_to_be_unsubscribed_is_known_by_its_words(subject, text):
    raw = mail(f"From: ana@example.com\nTo: news@example.org\nSubject: {subject}", text)
    assert read_feedback(raw).kind is FeedbackKind.UNSUBSCRIBE


def test_a_message_to_an_unsubscribe_address_is_a_request_and_one_to_a_bounce_address_is_not():
    for purpose, kind in ((Purpose.UNSUBSCRIBE, FeedbackKind.UNSUBSCRIBE), (Purpose.BOUNCE, FeedbackKind.OTHER)):
        raw = mail(f"From: ana@example.com\nTo: x+{KEYS.issue(purpose, 7)}@example.org", "Hello\n")
        assert read_feedback(raw, KEYS).kind is kind


def test_the_button_of_apple_mail_is_a_request_though_it_is_marked_as_a_reply():
    token = KEYS.issue(Purpose.UNSUBSCRIBE, 7)
    raw = mail(
        f"To: leave+{token}@example.org\nSubject: unsubscribe\nAuto-Submitted: auto-replied\nX-Apple-Unsubscribe: true"
    )
    feedback = read_feedback(raw, KEYS)
    assert (feedback.kind, feedback.automatic, feedback.requests) == (FeedbackKind.UNSUBSCRIBE, False, (token,))


def test_what_a_person_writes_about_a_failure_makes_nobody_permanent():
    quoted = f"> https://news.example.org/u/{KEYS.issue(Purpose.UNSUBSCRIBE, 7)}\n"
    text = f"Your mail to ana@example.com was returned to sender: user unknown.\nFinal-Recipient: rfc822; ana@example.com\n{quoted}"
    headers = "Return-Path: <ana@example.com>\nFrom: ana@example.com\nTo: news@example.org\nSubject: Undelivered mail"
    assert read_feedback(mail(headers, text), KEYS).recipients == ()
    attached = multipart("mixed", f"text/plain\n\n{text}", RETURNED, headers=headers)
    assert not any(each.permanent for each in read_feedback(attached, KEYS).recipients)


NOTES = {
    "from the reader": "From: Ana <ana@example.com>\nSubject: Undelivered mail",
    "from the reader, who is a postmaster": "From: Ana <postmaster@example.com>\nSubject: failure",
    "an answer by its subject": "From: Ana <ana@else.example>\nSubject: AW: Mail delivery failed",
    "an answer by its headers": "From: Ana <ana@else.example>\nSubject: Undelivered mail\nIn-Reply-To: <1@example.org>",
    "in words alone": "From: Ana <ana@else.example>\nSubject: Tide",
}


@pytest.mark.parametrize("headers", NOTES.values(), ids=list(NOTES))
def test_a_note_of_a_reader_with_an_empty_return_path_is_no_bounce(headers):
    name = "postmaster" if "<postmaster@" in headers else "ana"
    text = f"Your mail to {name}@example.com came back: 550 5.1.1 user unknown.\nFinal-Recipient: rfc822; {name}@example.com\nStatus: 5.1.1\n"
    quoted = (
        f"-------- Original message --------\nFrom: News <news@example.org>\nTo: {name}@example.com\nSubject: Tide\n"
    )
    raw = mail(f"Return-Path: <>\n{headers}\nTo: bounce@example.org", f"{text}\n{quoted}")
    assert (read_feedback(raw).kind, read_feedback(raw).recipients) == (FeedbackKind.OTHER, ())


def test_a_bounce_of_an_unknown_sender_with_the_returned_message_makes_nobody_permanent():
    raw = multipart("mixed", "text/plain\n\nUndeliverable: ana@example.com: user unknown\n", RETURNED,
                    headers="Return-Path: <>\nFrom: no-reply@example.net\nTo: bounce@example.org\nSubject: Mail")  # fmt: skip
    assert summary(read_feedback(raw)) == [("ana@example.com", "", Reason.USER_UNKNOWN, False)]


@pytest.mark.parametrize(
    ("text", "forwarded"),
    [
        ("ana@example.com: user unknown", False),
        ("ana@example.com\n    550 5.1.1 user unknown\nFor help, write to postmaster@example.com", False),
        ("The mail to ana@example.com could not be passed on to bob@dead.example: user unknown", True),
        ("bob@dead.example (generated from ana@example.com)\n    550 5.1.1 user unknown", True),
    ],
)
def test_prose_that_names_a_second_address_on_the_line_may_be_about_that_one(text, forwarded):
    raw = mail(
        "From: MAILER-DAEMON@mx.example.net\nTo: bounce@example.org\nSubject: failure notice\nX-Failed-Recipients: ana@example.com",
        text,
    )
    assert [(each.address, each.forwarded) for each in read_feedback(raw).recipients] == [
        ("ana@example.com", forwarded)
    ]


NOT_MISSING = {
    "a ticket system that quotes": mail(
        "Return-Path: <>\nFrom: Helpdesk Mail System <support@example.com>\nTo: bounce@example.org\nSubject: [12] Undelivered mail",
        "Thank you. You wrote:\n> ana@example.com: 550 5.1.1 user unknown\n"),
    "a list of members": mail(
        "From: mailer-daemon@example.com\nTo: bounce@example.org\nSubject: Not delivered",
        "ana@example.com is not a known user of the list tides; your message was not delivered.\n"),
    "a quarantine": mail(
        "From: postmaster@example.com\nTo: bounce@example.org\nSubject: Message held",
        "ana@example.com: your message was not delivered, it is held in quarantine. User not found in the allow list.\n"),
    "the address was reached as well": dsn(block("2.0.0", action="delivered"), block("5.1.1")),
    "the members of an alias": dsn(block("2.0.0", action="expanded"), block("5.1.1", address="bob@dead.example")),
    "a reply that contradicts the failure": dsn(block("5.1.1", "250 2.1.5 ok")),
    "a time until which the server tries": dsn(f"{block('5.1.1')}\nWill-Retry-Until: Thu, 31 Dec 2026 00:00:00 +0000"),
    "a status with a comment": dsn(block("5.1.1 (try again later)")),
    "maintenance": dsn(block("5.1.1", "550 5.1.1 Mailbox server is in maintenance; user not found")),
    "a migration": dsn(block("5.1.1", "550 5.1.1 Account is being moved; recipient not found")),
    "a verification that is down": dsn(block("5.1.1", "550 5.1.1 recipient verification unavailable: user unknown")),
    "an overloaded server": dsn(block("5.1.1", "550 5.1.1 user unknown (server overloaded)")),
    "a resolver that refuses": dsn(block("5.4.4", "unable to look up host example.com: REFUSED")),
    "a domain with a broken signature": dsn(block("5.1.2", "DNSSEC validation failure: host not found")),
    "senders who are not let in": dsn(block("5.1.1", "550 5.1.1 Recipient not found: only internal senders are allowed")),
    "a sender who is unknown": dsn(block("5.1.1", "550 5.1.1 You are an unknown user to this recipient")),
    "a tenant": dsn(block("5.1.10", "550 5.1.10 Recipient not found: message failed tenant attribution")),
}  # fmt: skip


@pytest.mark.parametrize("raw", NOT_MISSING.values(), ids=list(NOT_MISSING))
def test_what_says_that_a_mailbox_is_missing_for_another_reason_suppresses_at_once_in_no_form(raw):
    for each in read_feedback(raw).recipients:
        assert effect_of(FeedbackKind.BOUNCE, each, "", is_proven=True) is not Effect.SUPPRESSED, each


# tokens

BOUNCE, MESSAGE = KEYS.issue(Purpose.BOUNCE, 7), KEYS.issue(Purpose.MESSAGE_ID, 7)
LINK = KEYS.issue(Purpose.UNSUBSCRIBE, 7)
OURS = {
    "the recipient": dsn(block("5.1.1")).replace(b"To: bounce@", f"To: bounce+{BOUNCE}@".encode()),
    "the recipient, in capitals": dsn(block("5.1.1")).replace(b"To: bounce@", f"To: BOUNCE+{BOUNCE.upper()}@".encode()),
    "Delivered-To": dsn(block("5.1.1")).replace(b"To: b", f"Delivered-To: bounce+{BOUNCE}@example.org\nTo: b".encode(), 1),
    "X-Original-To": dsn(block("5.1.1")).replace(b"To: b", f"X-Original-To: bounce+{BOUNCE}@example.org\nTo: b".encode(), 1),
    "the envelope id": dsn(block("5.1.1"), envelope=f"Original-Envelope-Id: {MESSAGE}"),
    "the returned Message-ID": dsn(block("5.1.1"), returned=RETURNED.replace("<1@", f"<{MESSAGE}@")),
    "the returned return path": dsn(block("5.1.1"), returned=RETURNED.replace("<bounce@", f"<bounce+{BOUNCE}@")),
    "a link in the returned message": dsn(block("5.1.1"), returned=f"{RETURNED}https://news.example.org/u/{LINK}\n"),
    "the message quoted in prose": QMAIL.replace(b"Good morning.", f"https://news.example.org/u/{LINK}".encode()),
    "the return path of a report": report("abuse", f"Original-Mail-From: <bounce+{BOUNCE}@example.org>"),
}  # fmt: skip


@pytest.mark.parametrize("place", OURS)
def test_a_token_of_ours_is_proven_in_each_place(place):
    feedback = read_feedback(OURS[place], KEYS)
    assert feedback.token is TokenState.PROVEN
    assert feedback.proof
    assert feedback.proof.number == 7


@pytest.mark.parametrize("place", OURS)
def test_a_token_of_somebody_else_is_forged(place):
    for keys in (FOREIGN, None):
        feedback = read_feedback(OURS[place], keys)
        assert (feedback.token, feedback.proof) == (TokenState.FORGED, None)


@pytest.mark.parametrize("place", OURS)
def test_a_placeholder_or_a_changed_token_is_not_proven(place):
    for old, state in ((PLACEHOLDER, TokenState.ABSENT), ("b" * 26, TokenState.FORGED)):
        raw = re.sub(f"{BOUNCE}|{MESSAGE}|{LINK}".encode(), old.encode(), OURS[place], flags=re.IGNORECASE)
        assert read_feedback(raw, KEYS).token is state


def test_a_message_without_a_token_has_none():
    for raw in (dsn(block("5.1.1")), QMAIL, report("abuse"), VACATION, b""):
        assert read_feedback(raw, KEYS).token is TokenState.ABSENT


# Amazon SES

SES = {
    "an identity's bounce": (
        '{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"ana@example.com","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]}}',
        FeedbackKind.BOUNCE, ("ana@example.com", "5.1.1", Reason.USER_UNKNOWN, True),
    ),
    "a policy that it calls permanent": (
        '{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"ana@example.com","status":"5.7.1","diagnosticCode":"smtp; 550 5.7.1 no"}]}}',
        FeedbackKind.BOUNCE, ("ana@example.com", "5.7.1", Reason.POLICY_VIOLATION, False),
    ),
    "a transient one": (
        '{"eventType":"Bounce","bounce":{"bounceType":"Transient","bouncedRecipients":[{"emailAddress":"ana@example.com","status":"5.1.1"}]}}',
        FeedbackKind.BOUNCE, ("ana@example.com", "5.1.1", Reason.USER_UNKNOWN, False),
    ),
    "a complaint": (
        '{"notificationType":"Complaint","complaint":{"complaintFeedbackType":"abuse","complainedRecipients":[{"emailAddress":"ana@example.com"}]}}',
        FeedbackKind.COMPLAINT, ("ana@example.com", "", Reason.FEEDBACK, False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SES)
def test_a_notification_of_ses_by_mail_is_read(name):
    text, kind, recipient = SES[name]
    raw = mail(
        "From: no-reply@sns.example.net\nTo: bounce@example.org\nSubject: AWS Notification Message",
        f"{text}\n\n--\nIf you wish to stop …\n",
    )
    feedback = read_feedback(raw)
    assert (feedback.kind, summary(feedback)) == (kind, [recipient])


@pytest.mark.parametrize(
    "text",
    [
        '{"notificationType":"Delivery"}',
        '{"notificationType":"Bounce","bounce":[]}',
        '{"eventType":"Bounce"',
        '{"eventType":[1]}',
    ],
)
def test_other_notifications_of_ses_are_about_nobody(text):
    assert read_feedback(mail("From: no-reply@sns.example.net\nTo: b@example.org", text)).recipients == ()
