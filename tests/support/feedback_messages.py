"""Messages that come back, as servers and people write them; all written for the tests, on reserved domains."""

BOUNDARY = "=_b"


def mail(headers: str, body: str = "") -> bytes:
    return f"{headers.strip()}\n\n{body}".encode()


def multipart(kind: str, *parts: str, headers: str = "") -> bytes:
    """A multipart/`kind`; each part is its Content-Type, an empty line and its text."""
    joined = "".join(f"--{BOUNDARY}\nContent-Type: {part}\n" for part in parts)
    top = f'{headers.strip()}\nMIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="{BOUNDARY}"'
    return f"{top}\n\n{joined}--{BOUNDARY}--\n".encode()


DAEMON = "Return-Path: <>\nFrom: Mail Delivery System <mailer-daemon@mx.example.net>\nTo: bounce@example.org\nSubject: Undelivered mail"
RETURNED = (
    "message/rfc822\n\nReturn-Path: <bounce@example.org>\nFrom: News <news@example.org>\nTo: ana@example.com\nSubject: Tide\n"
    "Message-ID: <1@example.org>\n\nGood morning.\n"
)


def dsn(*blocks: str, text: str = "It was not delivered.", envelope: str = "", returned: str = RETURNED) -> bytes:
    """A delivery status notification; each of `blocks` is about one recipient."""
    fields = "\n\n".join(
        (f"Reporting-MTA: dns; mx.example.net\n{envelope}".strip(), *(block.strip() for block in blocks))
    )
    return multipart(
        "report; report-type=delivery-status", f"text/plain\n\n{text}\n", f"message/delivery-status\n\n{fields}\n", returned, headers=DAEMON
    )  # fmt: skip


def block(status: str, diagnostic: str = "", *, action: str = "failed", address: str = "ana@example.com") -> str:
    lines = [f"Final-Recipient: rfc822; {address}", f"Action: {action}", f"Status: {status}"]
    return "\n".join([*lines, f"Diagnostic-Code: smtp; {diagnostic}"] if diagnostic else lines)


def report(kind: str, *fields: str, returned: str = RETURNED) -> bytes:
    """A feedback report."""
    lines = "\n".join((f"Feedback-Type: {kind}", "User-Agent: Loop/1.0", "Version: 1", *fields))
    headers = "From: fbl@example.net\nTo: complaints@example.org\nSubject: FW: Tide"
    return multipart(
        "report; report-type=feedback-report", "text/plain\n\nA complaint.\n", f"message/feedback-report\n\n{lines}\n", returned, headers=headers
    )  # fmt: skip


QMAIL = mail(
    "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: bounce@example.org\nSubject: failure notice",
    """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ana@example.com>:
192.0.2.25 does not like recipient.
Remote host said: 550 No such user
Giving up on 192.0.2.25.

<ben@example.net>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <bounce@example.org>
Received: from out.example.org by mx.example.net
From: News <news@example.org>
To: ana@example.com

Good morning. The mailbox of cleo@example.com does not exist.
""",
)
EXIM = mail(
    """Return-path: <>
From: Mail Delivery System <Mailer-Daemon@mx.example.net>
To: bounce@example.org
Auto-Submitted: auto-replied
X-Failed-Recipients: ana@example.com
Subject: Mail delivery failed: returning message to sender""",
    """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ana@example.com
    host mx.example.com [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<ana@example.com>:
    550 Unknown user

------ This is a copy of the message, including all the headers. ------

Return-path: <bounce@example.org>
Received: from out.example.org
To: ana@example.com

Good morning.
""",
)
EXIM_DELAY = mail(
    """Return-path: <>
From: Mail Delivery System <Mailer-Daemon@mx.example.net>
To: bounce@example.org
Subject: Warning: message 1abcde-000001-AB delayed 24 hours""",
    """A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.net.

The address to which the message has not yet been delivered is:

  ana@example.com
    host mx.example.com [192.0.2.1]: 450 User unknown

No action is required on your part. Delivery attempts will continue.
""",
)
DOMINO = mail(
    "From: Postmaster@mx.example.net\nTo: bounce@example.org\nSubject: DELIVERY FAILURE: User ana not listed in Directory",
    "Your message\n\n  Subject: Tide\n\nwas not delivered to:\n\n  ana@example.com\n\nbecause:\n\n  User ana (ana@example.com) not listed in Domino Directory\n",
)
EXCHANGE = mail(
    "Return-Path: <>\nFrom: System Administrator <postmaster@mx.example.net>\nTo: bounce@example.org\nSubject: Undeliverable: Tide",
    """Your message

  To:      ana@example.com
  Subject: Tide
  Sent:    Mon, 30 Nov 2026 09:00:00 -0000

did not reach the following recipient(s):

ana@example.com on Mon, 30 Nov 2026 09:00:00 -0000
    The recipient name is not recognized
""",
)
SENDMAIL_AFTER_DATA = mail(
    "Return-Path: <>\nFrom: Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>\nTo: bounce@example.org\nSubject: Returned mail: see transcript",
    """   ----- The following addresses had permanent fatal errors -----
<ana@example.com>
    (reason: 550 Unknown user ana@example.com)

   ----- Transcript of session follows -----
... while talking to mx.example.com.:
>>> DATA
<<< 550 Unknown user ana@example.com
554 5.0.0 Service unavailable
""",
)
FULL_IN_JAPANESE = multipart(
    "mixed",
    "text/plain; charset=utf-8\n\n送信先のメールボックスが一杯のため、送信できませんでした。\nCould not be delivered to: <ana@example.com>\nAs their mailbox is full.\n",
    RETURNED,
    headers="From: no-reply@example.net\nTo: bounce@example.org\nSubject: =?utf-8?b?44Oh44O844Or44Ko44Op44O86YCa55+l?=",
)
VACATION = mail(
    "Return-Path: <>\nFrom: Ana <ana@example.com>\nTo: bounce@example.org\nSubject: Away until May\nAuto-Submitted: auto-replied (vacation)",
    "I no longer work here, and this mailbox does not exist any more: 550 5.1.1 user unknown.\n",
)
