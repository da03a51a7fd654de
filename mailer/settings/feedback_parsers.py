"""Parsers of the settings MAILER_FEEDBACK_…: what proves that a request comes from a mail provider.

Each takes one value, or several separated by commas, so that a key can be replaced. Raises ValueError, which quotes no value.
"""

import base64
import binascii
import re
from collections.abc import Callable

from mailer.settings.parsers import split_list

_TOPIC = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:[a-z0-9-]{3,40}:\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{20,200}")
_SIGNING_KEY = re.compile(r"[!-~]{16,200}")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{20,200}={0,2}")
_P256_PREFIX = bytes.fromhex(
    "3059301306072a8648ce3d020106082a8648ce3d030107034200"
)  # of a SubjectPublicKeyInfo: RFC 5480
_RSA_OID = bytes.fromhex("06092a864886f70d0101010500")  # RFC 3279 2.3.1


def _parse_each(accepts: Callable[[str], bool], expected: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        values = split_list(text, expected)
        if not values or not all(map(accepts, values)):
            raise ValueError(expected)
        return tuple(values)

    return parse


def _is_p256(text: str) -> bool:
    key = _decode(text)
    return len(key) == len(_P256_PREFIX) + 65 and key.startswith(_P256_PREFIX)


def _is_rsa(text: str) -> bool:
    return _RSA_OID in _decode(text)[:40]


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


parse_topics = _parse_each(
    lambda text: _TOPIC.fullmatch(text) is not None,
    "should be the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:bounces",
)
parse_passwords = _parse_each(
    lambda text: _PASSWORD.fullmatch(text) is not None,
    "should be a random password of 20 to 200 letters, digits, “-” and “_”. To make one: "
    'python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
)
parse_signing_keys = _parse_each(
    lambda text: _SIGNING_KEY.fullmatch(text) is not None, "should be the HTTP webhook signing key of Mailgun"
)
parse_webhook_secrets = _parse_each(
    lambda text: _WEBHOOK_SECRET.fullmatch(text) is not None, "should be the signing secret, which begins with whsec_"
)
parse_p256_keys = _parse_each(
    _is_p256, "should be the verification key of SendGrid, one line of base64 that begins with MFkw"
)
parse_rsa_keys = _parse_each(_is_rsa, "should be an RSA public key, one line of base64 that begins with MI")
