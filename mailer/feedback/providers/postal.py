"""Postal: RSA over the bytes of the body, with SHA-256, and with SHA-1 as well, which is all that older versions have."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import mapping_of, parse_object, seconds_of, text_of
from mailer.feedback.providers.model import (
    IGNORED,
    ProofBasis,
    ProofError,
    ProviderEvent,
    ProviderRequest,
    bounce_of,
    make_event,
    on_provider_list,
    own_or_stable_id,
)

_BY_SHA256, _BY_SHA1 = "x-postal-signature-256", "x-postal-signature"


def verify(request: ProviderRequest, basis: ProofBasis) -> None:
    """Raises ProofError unless one of the public keys verifies the signature; that with SHA-256, if there is one."""
    algorithm: HashAlgorithm = SHA256() if _BY_SHA256 in request.headers else SHA1()  # noqa: S303 - see the module
    value = request.headers.get(_BY_SHA256) or request.headers.get(_BY_SHA1, "")
    try:
        signature = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ProofError("its signature is no base64") from None
    if not any(_is_signed(signature, request.body, secret, algorithm) for secret in basis.secrets):
        raise ProofError("its signature is wrong")


def _is_signed(signature: bytes, body: bytes, secret: str, algorithm: HashAlgorithm) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(secret))
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(signature, body, PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the event. Raises PayloadError."""
    event = parse_object(request.body)
    name, payload = text_of(event, "event"), mapping_of(event, "payload")
    message = mapping_of(payload, "original_message" if "original_message" in payload else "message")
    own_id, message_id = text_of(event, "uuid"), text_of(message, "message_id")
    return (
        make_event(
            _read(payload, message),
            event_id=own_or_stable_id(own_id, message_id, name, text_of(event, "timestamp")),
            name=name,
            at=seconds_of(event, "timestamp"),
            message_id=message_id,
        ),
    )


def _read(payload: Mapping[str, Any], message: Mapping[str, Any]) -> Reading:
    """Reads by what the payload has: Postal's name of the event is not always right."""
    if text_of(message, "direction") == "incoming":
        return IGNORED
    address, status = text_of(message, "to"), text_of(payload, "status")
    words = text_of(payload, "output") or text_of(payload, "details")
    if status == "Held":  # nothing was sent
        is_listed = "suppression list" in text_of(payload, "details")
        return on_provider_list(address, text_of(payload, "details")) if is_listed else IGNORED
    if status == "HardFail":
        return bounce_of(address, words=words)
    if not status and "bounce" in payload:  # a message that came back later; the event does not say why
        return bounce_of(address, final=False)
    return IGNORED  # sent, or tried again
