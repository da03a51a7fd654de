"""What malicious messages cannot do: nothing raises, and every message is read within limits."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.feedback.delivery_status import RECIPIENTS
from mailer.feedback.model import WORDS, Feedback, FeedbackKind
from mailer.feedback.reader import read_feedback
from mailer.feedback.received_message import HEADER, LARGEST, PARTS, TEXT, parse_received
from mailer.feedback.token_extraction import CANDIDATES
from mailer.line_sanitizer import is_clean
from tests.support.feedback_messages import EXIM, QMAIL, VACATION, block, dsn, mail, report

DAEMON = "From: MAILER-DAEMON@example.net\nSubject: failure notice\nTo: bounce@example.org"
TOKENS = "\n".join(f"<{n:0>26}@x> +{n:0>26}@x".translate(str.maketrans("0189", "abcd")) for n in range(4000))


def status(text: str) -> bytes:
    return mail(f"{DAEMON}\nContent-Type: message/delivery-status", text)


def prose(text: str) -> bytes:
    return mail(DAEMON, text)


NESTED = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(20_000))
HOSTILE = {
    "nested parts": NESTED,
    "repeated parameters, and no boundary": mail('Content-Type: multipart/x; r=""é; ' + "a=b; c=d; " * 12),
    "nested digests": NESTED.replace(b"mixed", b"digest"),
    "nested messages": b"Content-Type: message/rfc822\n\n" * 9_000,
    "brackets": mail("To: " + "(" * 100_000),
    "comments": mail("Auto-Submitted: " + "()" * 50_000),
    "nested comments": mail("Auto-Submitted: " + "(" * 2000 + ")" * 2000 + " auto-replied"),
    "addresses": mail("To: " + "a@b.example, " * 20_000),
    "addresses without a domain": prose("a" * 100_000 + "\n" + "a@" * 50_000),
    "encoded words": mail("Subject: " + "=?utf-8?q?x?= " * 10_000),
    "encoded words in punycode": mail("Subject: =?punycode?q?" + "a" * 200_000 + "?="),
    "a broken charset": mail("Subject: =?no-such-charset?b?AAAA?=\nContent-Type: text/plain; charset=nonsense", "x"),
    "a quadratic charset": mail("Content-Type: text/plain; charset=punycode", "a" * 200_000),
    "a broken encoding": mail("Content-Type: text/plain\nContent-Transfer-Encoding: base64", "=" * 5000),
    "parameters": mail("Content-Type: text/plain; " + "a*0*=utf-8''x; " * 15_000),
    "quoted parameters": mail("Content-Type: text/plain; " + 'a="' * 60_000),
    "a boundary everywhere": mail('Content-Type: multipart/mixed; boundary="b"', "--b\n\n" * 40_000),
    "tokens": mail("To: x@example.org", TOKENS),
    "a long line": b"To: " + b"a" * LARGEST,
    "a long line without a header": b"a" * LARGEST,
    "headers": b"To: a@example.org\n" * 14_000,
    "continued headers": b"To: a\n" + b" a@example.org\n" * 16_000,
    "an open tag": mail("Content-Type: text/html", "<" + "a" * 200_000),
    "open tags": mail("Content-Type: text/html", "<style" * 40_000),
    "recipients": status("\n\n".join(block("5.1.1", address=f"a{n}@example.com") for n in range(2_000))),
    "fields": status("Final-Recipient: rfc822; a@example.com\n" * 6_000),
    "a long field": status("Final-Recipient: rfc822; a@example.com\nDiagnostic-Code: smtp; " + "550 user " * 20_000),
    "codes": status("Final-Recipient: rfc822; a@example.com\nDiagnostic-Code: smtp; " + "5.1.1 " * 40_000),
    "words about a sender": prose("ana@example.com: sender " + "x " * 3_000 + "sender " * 3_000),
    "words about a recipient": prose("ana@example.com: " + "user user user is is has been " * 2_000),
    "recipients in prose": prose("\n".join(f"<a{n}@example.com>: 550 sender user {'recipient ' * 9}" for n in range(2_000))),
    "lines": prose("--\n:\n" * 40_000),
    "rulers": prose("-" * 200_000),
    "a report of nothing": report("x" * 100_000),
    "json": mail(DAEMON, '{"notificationType":' + "[" * 100_000),
    "json with many recipients": mail(DAEMON, '{"eventType":"Bounce","bounce":{"bouncedRecipients":[' + "{}," * 80_000 + "{}]}}"),
    "an empty message": b"",
    "line ends": b"\r\n\r\r\n\n" * 1000,
    "octets": bytes(range(256)) * 1000,
}  # fmt: skip
BOUND = 5.0  # seconds, on a slow machine; none takes a tenth of one


def is_within_limits(feedback: Feedback) -> bool:
    return (
        len(feedback.recipients) <= RECIPIENTS
        and len(feedback.tokens) <= CANDIDATES
        and len(feedback.requests) <= CANDIDATES
        and all(len(each.address) <= WORDS and len(each.words) <= WORDS for each in feedback.recipients)
        and all(is_clean(each.address) and is_clean(each.words) for each in feedback.recipients)
        and len(feedback.report_type) <= HEADER
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_malicious_message_is_read_within_limits(name):
    began = time.process_time()
    assert is_within_limits(read_feedback(HOSTILE[name]))
    assert time.process_time() - began < BOUND


def test_a_message_is_read_up_to_a_limit():
    beyond = mail(f"{DAEMON}\nX-Filler: {'x' * LARGEST}\nX-Failed-Recipients: ana@example.com")
    assert "x-failed-recipients" not in parse_received(beyond).headers
    long = parse_received(mail(f"Subject: {'x' * 2 * HEADER}", "x" * 2 * TEXT))
    assert (len(long.header("subject")), len(long.text)) == (HEADER, TEXT)


def test_parts_are_read_up_to_a_limit():
    part = "--b\nContent-Type: text/plain\n\nword\n"
    raw = mail('Content-Type: multipart/mixed; boundary="b"', part * 100)
    assert parse_received(raw).text.count("word") < PARTS


def test_hidden_text_and_tags_of_html_are_left_out():
    html = "<html><head><style>p {color: red}</style></head><body><p>a &lt;b&gt;</p><script>x()</script>c&amp;d</body>"
    assert parse_received(mail("Content-Type: text/html", html)).text == "a <b>\nc&d"


@pytest.mark.parametrize("encoding", ["base64", "BASE64", "quoted-printable"])
def test_an_encoded_status_part_is_decoded(encoding):
    text = block("5.1.1")
    body = base64.encodebytes(text.encode()).decode() if encoding.lower() == "base64" else text.replace("A", "=41")
    raw = mail(f"{DAEMON}\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: {encoding}", body)
    assert [each.status for each in read_feedback(raw).recipients] == ["5.1.1"]


SAMPLES = (dsn(block("5.1.1", "550 5.1.1 no")), report("abuse"), QMAIL, EXIM, VACATION)
PIECES = st.sampled_from(
    [b"To: ", b"Subject: ", b"Content-Type: multipart/report; report-type=delivery-status; boundary=b", b"\n", b"\r", b"\n\n", b"--b\n",
     b"--b--\n", b"Content-Type: message/rfc822", b"Content-Type: message/global-delivery-status", b"Content-Type: message/feedback-report",
     b"Content-Transfer-Encoding: base64", b"=?utf-8?b?", b"?=", b"\x00", b"\x1b[31m", b"\xff", b"Auto-Submitted: ", b"Content-Type: text/plain; charset=",
     b"; name*1*=", b"uu", b"begin 644 x\n", b"Final-Recipient: rfc822; ", b"Final-Recipient: utf-8; \\x{D800}@x.example", b"a@example.com", b"Action: failed\n",
     b"Status: 5.1.1\n", b"Diagnostic-Code: smtp; 550 user unknown", b"Feedback-Type: abuse", b"From: MAILER-DAEMON\n", b'{"eventType":"Bounce"',
     b"Return-Path: <>\n", b"x-failed-recipients: a@example.com\n", b"<style", b">"]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=20), max_size=60))
def test_anything_is_read_within_limits(parts):
    assert is_within_limits(read_feedback(b"".join(parts)))


@given(st.sampled_from(SAMPLES), st.integers(0, 2000), st.integers(0, 60), st.binary(max_size=30))
def test_a_damaged_message_is_read_within_limits(raw, at, length, instead):
    feedback = read_feedback(raw[:at] + instead + raw[at + length :])
    assert is_within_limits(feedback)
    assert feedback.kind in FeedbackKind
