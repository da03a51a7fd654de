"""What comes back in the demo, as others would send it: a bounce, a complaint, and a notification of Amazon SES.

Amazon's part is played by a key and a certificate that are made here; so the notification is verified as a real one is.
"""

import base64
import datetime as dt
import json
from email.message import Message
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mailer.feedback.providers import sns
from mailer.http_client import HttpResponse

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
_CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-demo.pem"
_RETURNED = ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe")


def make_bounce(message: Message, return_path: str) -> bytes:
    """Returns a delivery status notification (RFC 3464): the mailbox of the recipient does not exist."""
    fields = (
        f"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; {message['To']}\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such mailbox here\n"
    )
    return _report(
        "delivery-status",
        f"Return-Path: <>\nFrom: Mail Delivery System <mailer-daemon@mx.example.net>\nTo: {return_path}\n"
        "Subject: Undelivered mail returned to sender",
        "Your message was not delivered: there is no such mailbox.",
        fields,
        message,
    )


def make_complaint(message: Message) -> bytes:
    """Returns a feedback report (RFC 5965): the recipient called the message spam."""
    fields = f"Feedback-Type: abuse\nUser-Agent: Demo/1.0\nVersion: 1\nOriginal-Rcpt-To: {message['To']}\n"
    return _report(
        "feedback-report",
        "From: feedback@mail.example.org\nTo: complaints@example.org\nSubject: A complaint about your message",
        "A reader called this message spam.",
        fields,
        message,
    )


def _report(kind: str, headers: str, text: str, fields: str, message: Message) -> bytes:
    returned = "".join(f"{name}: {' '.join(str(message[name]).split())}\n" for name in _RETURNED)
    parts = (("text/plain", f"{text}\n"), (f"message/{kind}", fields), ("text/rfc822-headers", returned))
    body = "".join(f"--demo\nContent-Type: {each}\n\n{content}\n" for each, content in parts)
    top = f'{headers}\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary="demo"\n\n'
    return f"{top}{body}--demo--\n".replace("\n", "\r\n").encode()


class DemoSns:
    """Amazon SNS, as far as the demo needs it. `now` is in seconds since the epoch."""

    def __init__(self, now: float) -> None:
        self._now = dt.datetime.fromtimestamp(now, dt.UTC)
        self._key = generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=self._key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self._now - dt.timedelta(days=1),
            not_valid_after=self._now + dt.timedelta(days=1),
        )
        self._certificate = builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)

    async def get(self, _url: str) -> HttpResponse:
        """Returns the certificate, as the host of SNS would."""
        return HttpResponse(status=200, location="", body=self._certificate)

    def full_mailbox(self, message: Message) -> bytes:
        """Returns the body of a signed request: SES reports that the recipient's mailbox is full."""
        person = {
            "emailAddress": message["To"],
            "action": "failed",
            "status": "4.2.2",
            "diagnosticCode": "smtp; 452 4.2.2 The mailbox is full",
        }
        at = self._now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        notification = {
            "notificationType": "Bounce",
            "bounce": {
                "bounceType": "Transient",
                "bounceSubType": "MailboxFull",
                "bouncedRecipients": [person],
                "timestamp": at,
                "feedbackId": str(uuid4()),
            },
            "mail": {
                "timestamp": at,
                "messageId": str(uuid4()),
                "destination": [message["To"]],
                "headers": [{"name": "Message-ID", "value": str(message["Message-ID"]).strip()}],
            },
        }
        envelope = {
            "Type": sns.NOTIFICATION,
            "MessageId": str(uuid4()),
            "TopicArn": TOPIC,
            "Message": json.dumps(notification),
            "Timestamp": at,
            "SignatureVersion": "2",
            "SigningCertURL": _CERTIFICATE_URL,
        }
        signature = self._key.sign(sns.signed_text(envelope), PKCS1v15(), SHA256())
        return json.dumps({**envelope, "Signature": base64.b64encode(signature).decode()}).encode()
