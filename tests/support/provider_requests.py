"""Requests of mail providers to our webhooks, signed with keys of the tests as the provider signs them; all written for the tests."""

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from mailer.feedback.providers import sns
from mailer.feedback.providers.model import ProviderRequest

NOW = 1_800_000_000.0
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
PASSWORD = "a-password-of-the-tests-0123"
MESSAGE_ID = "<abcdefghijklmnopqrstuvwxyz@example.org>"
ANA = "ana@example.com"
_MAILGUN_KEY = "key-0123456789abcdef"
_RESEND_KEY = "whsec_" + base64.b64encode(b"k" * 24).decode()


def iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@cache
def certificate(name: str = "sns.amazonaws.com", begins: float = NOW - 86_400, ends: float = NOW + 86_400) -> bytes:
    """A certificate as SNS has one, for the key of the tests."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A CA of the tests")]),
        public_key=rsa_key().public_key(),
        serial_number=7,
        not_valid_before=dt.datetime.fromtimestamp(begins, dt.UTC),
        not_valid_after=dt.datetime.fromtimestamp(ends, dt.UTC),
    )
    return made.sign(rsa_key(), SHA256()).public_bytes(Encoding.PEM)


def envelope(message: Any, *, version: str = "2", **changes: Any) -> dict[str, Any]:
    """A signed message of SNS; `changes` are made before it is signed, None removes a field."""
    fields = {
        "Type": sns.NOTIFICATION,
        "MessageId": "19ba9823-d7f2-53c1-860e-cb10e0d13dfc",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": iso(NOW),
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    signature = rsa_key().sign(sns.signed_text(fields), PKCS1v15(), SHA1() if version == "1" else SHA256())
    return {**fields, "Signature": base64.b64encode(signature).decode()}


def confirmation(**changes: Any) -> dict[str, Any]:
    host = "https://sns.eu-west-1.amazonaws.com"
    url = f"{host}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=a-token"
    fields = {"Type": sns.CONFIRMATION, "Token": "a-token", "SubscribeURL": url, **changes}
    return envelope("You have chosen to subscribe.", **fields)


@dataclass(frozen=True)
class SignedRequest:
    """A request: what it sends, and the secrets that prove it."""

    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]

    def received(self, **changes: Any) -> ProviderRequest:
        fields = {"headers": {name.lower(): value for name, value in self.headers.items()}, "body": self.body}
        return ProviderRequest(**{**fields, **changes})


SECRETS = {
    "ses": TOPIC,
    "mailgun": _MAILGUN_KEY,
    "sendgrid": "",
    "resend": _RESEND_KEY,
    "postal": "",
    **dict.fromkeys(("postmark", "brevo", "mailjet", "sparkpost"), PASSWORD),
}


def secret_of(provider: str) -> str:
    """What the settings have for a provider."""
    made = {"sendgrid": ec_key, "postal": rsa_key}
    return _public(made[provider]()) if provider in made else SECRETS[provider]


def signed(provider: str, payload: Any, *, now: float = NOW, number: int = 1) -> SignedRequest:
    """Returns a request of `provider`. `number` makes what has to be unique unique."""
    headers, body = {"Content-Type": "application/json"}, json.dumps(payload).encode()
    if provider == "ses":
        headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
        given = payload if isinstance(payload, dict) and "Signature" in payload else None
        body = json.dumps(given or envelope(payload, MessageId=f"sns-{number}", Timestamp=iso(now))).encode()
    elif provider == "mailgun":
        timestamp, token = str(int(now)), hashlib.sha256(f"token {number}".encode()).hexdigest()[:50]
        signature = hmac.digest(_MAILGUN_KEY.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
        proof = {"timestamp": timestamp, "token": token, "signature": signature}
        body = json.dumps({"signature": proof, "event-data": payload}).encode()
    elif provider == "sendgrid":
        body += b"\r\n"  # SendGrid's bodies end so, and the signature covers it
        signature = base64.b64encode(ec_key().sign(str(int(now)).encode() + body, ec.ECDSA(SHA256()))).decode()
        headers |= {
            "X-Twilio-Email-Event-Webhook-Signature": signature,
            "X-Twilio-Email-Event-Webhook-Timestamp": str(int(now)),
        }
    elif provider == "resend":
        text = f"msg_{number}.{int(now)}.".encode() + body
        signature = base64.b64encode(hmac.digest(b"k" * 24, text, "sha256")).decode()
        headers |= {
            "svix-id": f"msg_{number}",
            "svix-timestamp": str(int(now)),
            "svix-signature": f"v1,{base64.b64encode(b'another').decode()} v1,{signature}",
        }
    elif provider == "postal":
        headers |= {
            "X-Postal-Signature": base64.b64encode(rsa_key().sign(body, PKCS1v15(), SHA1())).decode(),
            "X-Postal-Signature-256": base64.b64encode(rsa_key().sign(body, PKCS1v15(), SHA256())).decode(),
        }
    else:
        headers |= {"Authorization": "Basic " + base64.b64encode(f"mailer:{PASSWORD}".encode()).decode()}
    return SignedRequest(headers, body, (secret_of(provider),))


def ses_bounce(**changes: Any) -> dict[str, Any]:
    """An SES notification of a bounce; `changes` are of its `bounce`."""
    person = {
        "emailAddress": ANA,
        "action": "failed",
        "status": "5.1.1",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown",
    }
    bounce = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [person],
        "timestamp": iso(NOW),
        "feedbackId": "0102-feedback",
        **changes,
    }
    return {"notificationType": "Bounce", "bounce": bounce, "mail": ses_mail()}


def ses_mail() -> dict[str, Any]:
    return {
        "timestamp": iso(NOW),
        "messageId": "0102018f-mail",
        "destination": [ANA],
        "headers": [{"name": "Message-ID", "value": MESSAGE_ID}, {"name": "Subject", "value": "Tide"}],
    }


def unknown_user(
    provider: str, *, address: str = ANA, message_id: str = MESSAGE_ID, at: float = NOW, number: int = 1
) -> Any:
    """The payload by which `provider` reports that a mailbox does not exist."""
    words = "550 5.1.1 user unknown"
    mail = {**ses_mail(), "headers": [{"name": "Message-ID", "value": message_id}]}
    person = {"emailAddress": address, "status": "5.1.1", "diagnosticCode": f"smtp; {words}"}
    return {
        "ses": {**ses_bounce(bouncedRecipients=[person], feedbackId=f"f-{number}", timestamp=iso(at)), "mail": mail},
        "mailgun": {
            "event": "failed",
            "severity": "permanent",
            "reason": "bounce",
            "id": f"e-{number}",
            "timestamp": at,
            "recipient": address,
            "message": {"headers": {"message-id": message_id.strip("<>")}},
            "delivery-status": {"code": 550, "message": "5.1.1 user unknown"},
        },
        "sendgrid": [
            {
                "event": "bounce",
                "type": "bounce",
                "email": address,
                "timestamp": int(at),
                "status": "5.1.1",
                "reason": words,
                "smtp-id": message_id,
                "sg_event_id": f"e-{number}",
            }
        ],
        "postmark": {
            "RecordType": "Bounce",
            "Type": "HardBounce",
            "ID": number,
            "Email": address,
            "Details": f"smtp;{words}",
            "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
            "Metadata": {"mailer-id": message_id},
            "BouncedAt": "2027-01-15T09:00:00.1234567+01:00",
        },
        "brevo": {
            "event": "hard_bounce",
            "email": address,
            "reason": f" RecipientError: {words}",
            "message-id": f"<{number}@smtp-relay.example.net>",
            "X-Mailin-custom": message_id,
            "ts_epoch": int(at * 1000),
        },
        "mailjet": [
            {
                "event": "bounce",
                "email": address,
                "time": int(at),
                "MessageID": 10**16 + number,
                "CustomID": message_id,
                "hard_bounce": True,
                "error_related_to": "recipient",
                "error": "user unknown",
                "comment": words,
            }
        ],
        "sparkpost": [
            {
                "msys": {
                    "message_event": {
                        "type": "bounce",
                        "event_id": f"e-{number}",
                        "bounce_class": "10",
                        "raw_rcpt_to": address,
                        "raw_reason": words,
                        "timestamp": str(int(at)),
                        "rcpt_meta": {"mailer-id": message_id},
                    }
                }
            }
        ],
        "resend": {
            "type": "email.bounced",
            "created_at": iso(at),
            "data": {
                "to": [f"Ana <{address}>"],
                "headers": [{"name": "Message-ID", "value": message_id}],
                "bounce": {"type": "Permanent", "subType": "General", "diagnosticCode": [f"smtp; {words}"]},
            },
        },
        "postal": {
            "event": "MessageDeliveryFailed",
            "timestamp": at,
            "uuid": f"e-{number}",
            "payload": {
                "status": "HardFail",
                "output": words,
                "message": {"direction": "outgoing", "to": address, "message_id": message_id.strip("<>")},
            },
        },
    }[provider]
