"""Verifies messages of Amazon SNS, and reads what is in their envelope.

The signature proves only that some AWS account sent the message, so the topic has to be one of ours: the settings name it. The
region of the topic names the only host from which a certificate is taken, and the only one at which a subscription is confirmed.
The certificate is authenticated by the TLS connection to that host; its dates and its name are checked as well. Both signature
versions are accepted: 1 is RSA with SHA-1, 2 is RSA with SHA-256.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509.oid import NameOID

from mailer.feedback.providers.json_payload import parse_object, text_of
from mailer.feedback.providers.model import ProofBasis, ProofError, ProviderRequest

NOTIFICATION, CONFIRMATION, END = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    END: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_TOPIC = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):sns:(?P<region>[a-z0-9-]{3,40}):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?"
)
_CERTIFICATE = re.compile(r"https://(?P<host>[a-z0-9.-]+)/SimpleNotificationService-[A-Za-z0-9]{1,100}\.pem")
_CERTIFICATE_NAME = re.compile(r"sns(-signing)?(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")
_HASHES: Mapping[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - SNS's version 1; see docs/feedback.md
_SHORTEST_KEY = 2048  # bits


def parse_envelope(request: ProviderRequest) -> Mapping[str, Any]:
    """Returns the envelope. Raises PayloadError."""
    return parse_object(request.body)


def certificate_url(envelope: Mapping[str, Any], topics: tuple[str, ...]) -> str:
    """Returns the URL of the certificate that signed the message. Raises ProofError for another topic or host."""
    host = _host(envelope, topics)
    url = text_of(envelope, "SigningCertURL")
    found = _CERTIFICATE.fullmatch(url)
    if found is None or found["host"] != host:
        raise ProofError("its certificate is not at the host of the topic’s region")
    return url


def confirmation_url(envelope: Mapping[str, Any], topics: tuple[str, ...]) -> str:
    """Returns the URL that confirms the subscription of a verified message; "" for any other message.

    It is made of the topic and the token, so nothing else can be requested. Raises ProofError.
    """
    if text_of(envelope, "Type") != CONFIRMATION:
        return ""
    host = _host(envelope, topics)
    if not text_of(envelope, "SubscribeURL").startswith(f"https://{host}/?"):
        raise ProofError("its SubscribeURL is not at the host of the topic’s region")
    topic, token = text_of(envelope, "TopicArn"), text_of(envelope, "Token")
    return f"https://{host}/?Action=ConfirmSubscription&TopicArn={quote(topic, safe='')}&Token={quote(token, safe='')}"


def verify_envelope(envelope: Mapping[str, Any], basis: ProofBasis) -> None:
    """Raises ProofError unless the certificate of `basis` signed the envelope, and the topic is ours."""
    _host(envelope, basis.secrets)
    algorithm = _HASHES.get(text_of(envelope, "SignatureVersion"))
    if algorithm is None:
        raise ProofError("its signature has an unknown version")
    try:
        signature = base64.b64decode(text_of(envelope, "Signature"), validate=True)
        _public_key(basis).verify(signature, signed_text(envelope), PKCS1v15(), algorithm)
    except (binascii.Error, ValueError, InvalidSignature, UnsupportedAlgorithm):
        raise ProofError("its signature is wrong") from None


def signed_text(envelope: Mapping[str, Any]) -> bytes:
    """Returns what is signed: the name and the value of each field, a line each. Raises ProofError."""
    names = _SIGNED.get(text_of(envelope, "Type"))
    if names is None:
        raise ProofError("it is no message of SNS")
    lines = []
    for name in names:
        value = envelope.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            raise ProofError(f"it has no {name}")
        lines += [name, value]
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")


def _host(envelope: Mapping[str, Any], topics: tuple[str, ...]) -> str:
    """Returns the host of SNS in the region of the envelope's topic. Raises ProofError if the topic is not one of `topics`."""
    topic = text_of(envelope, "TopicArn")
    found = _TOPIC.fullmatch(topic)
    if found is None or topic not in topics:
        raise ProofError("its topic is not in MAILER_FEEDBACK_SES")
    return f"sns.{found['region']}.amazonaws.com" + ".cn" * (found["partition"] == "aws-cn")


def _public_key(basis: ProofBasis) -> RSAPublicKey:
    try:
        certificate = x509.load_pem_x509_certificate(basis.certificate)
        key = certificate.public_key()
        names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except (ValueError, UnsupportedAlgorithm):
        raise ProofError("its certificate cannot be read") from None
    if not any(_CERTIFICATE_NAME.fullmatch(name) for name in names):
        raise ProofError("its certificate is not that of SNS")
    now = dt.datetime.fromtimestamp(basis.now, dt.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ProofError("its certificate is not valid now")
    if not isinstance(key, RSAPublicKey) or key.key_size < _SHORTEST_KEY:
        raise ProofError("its certificate has no RSA key of 2,048 bits")
    return key
