"""How many messages that came back are read in a second of one core.

The messages are those that a send gets back: delivery status notifications with the headers of our message and with all of it,
bounces in prose, feedback reports, vacation notices; a dispatch of 12 KB is returned with them. Only CPU time counts, the best of
some runs. No disk access is timed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.targets import Target
from mailer.feedback.model import FeedbackKind, TokenState
from mailer.feedback.reader import read_feedback
from mailer.link_tokens import Purpose, TokenKeys

MESSAGES = 1_000
RUNS = 5
_BODY = 12_000  # octets
_KEYS = TokenKeys(["a key for the benchmark that opens nothing"])
_DAEMON = "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.net>\n"
_DATE = "Mon, 30 Nov 2026 09:00:00 +0000"
_SIGNATURE = "\n ".join([f"b={'aGFyYm91cg' * 6}"] * 5)
_LINE = "The tide turns at six, and the boats come in with the light of the morning.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackResult:
    """`octets`: of all messages; `seconds` of CPU time for all of them; `permanent`: recipients that do not exist."""

    messages: int
    octets: int
    seconds: float
    permanent: int

    @property
    def targets(self) -> list[Target]:
        rate = self.messages / self.seconds
        return [
            Target(what="messages read that came back, one core", bound=1_000, value=rate, unit="/s", at_most=False)
        ]


def measure_feedback(messages: int, log: Callable[[str], None]) -> FeedbackResult:
    """Makes `messages`, and measures the reading of them."""
    log(f"feedback: {messages:,} messages")
    raws = [_make(number) for number in range(messages)]
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        read = [read_feedback(raw, _KEYS) for raw in raws]
        seconds.append(time.process_time() - start)
    assert all(each.token is TokenState.PROVEN and each.kind is not FeedbackKind.OTHER for each in read)
    return FeedbackResult(
        messages=messages,
        octets=sum(map(len, raws)),
        seconds=min(seconds),
        permanent=sum(recipient.permanent for each in read for recipient in each.recipients),
    )


def _make(number: int) -> bytes:
    """Returns the message that comes back for a delivery; each kind in its turn."""
    kinds = (_headers_returned, _message_returned, _prose, _complaint, _vacation)
    address, bounce = f"reader.{number}@mail{number % 97}.example", _KEYS.issue(Purpose.BOUNCE, number)
    text = kinds[number % len(kinds)](address, f"bounce+{bounce}@example.org")
    return text.replace("\n", "\r\n").encode()


def _message(address: str, sender: str, octets: int) -> str:
    """Returns the message that was sent, with the headers that servers add to it and a text of `octets`."""
    hops = "".join(f"Received: from relay{hop}.example.net by mx.example.net;\n\t{_DATE}\n" for hop in range(3))
    return f"""\
Return-Path: <{sender}>
{hops}DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=news;
 {_SIGNATURE}
From: News <news@example.org>
To: {address}
Subject: Tide
Date: {_DATE}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

{_LINE * (octets // len(_LINE))}"""


def _report(kind: str, sender: str, *parts: str) -> str:
    joined = "".join(f"--=_b\nContent-Type: {part}\n" for part in parts)
    return f"""\
To: {sender}
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="=_b"

{joined}--=_b--
"""


def _notification(address: str, sender: str, returned: str) -> str:
    words = f"550 5.1.1 <{address}>: Recipient address rejected: User unknown in virtual mailbox table"
    text = f"""\
text/plain

I'm sorry to have to inform you that your message could not be delivered.

<{address}>: host mx.example.com said: {words}
"""
    status = f"""\
message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; {words}
"""
    report = _report("delivery-status", sender, text, status, returned)
    return f"{_DAEMON}Subject: Undelivered Mail Returned to Sender\n{report}"


def _headers_returned(address: str, sender: str) -> str:
    return _notification(address, sender, f"text/rfc822-headers\n\n{_message(address, sender, 0)}")


def _message_returned(address: str, sender: str) -> str:
    return _notification(address, sender, f"message/rfc822\n\n{_message(address, sender, _BODY)}")


def _prose(address: str, sender: str) -> str:
    return f"""\
{_DAEMON}To: {sender}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.net.

<{address}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{_message(address, sender, _BODY)}"""


def _complaint(address: str, sender: str) -> str:
    fields = f"""\
message/feedback-report

Feedback-Type: abuse
User-Agent: Loop/1.0
Version: 1
Original-Rcpt-To: <{address}>
"""
    returned = f"message/rfc822\n\n{_message(address, sender, _BODY)}"
    report = _report("feedback-report", sender, "text/plain\n\nA complaint.\n", fields, returned)
    return f"From: fbl@example.net\nSubject: FW: Tide\n{report}"


def _vacation(address: str, sender: str) -> str:
    return f"""\
From: {address}
To: {sender}
Subject: Away until May
Auto-Submitted: auto-replied (vacation)

I am away until May.
"""
