"""SendGrid: an array of events, signed by ECDSA on P-256 over a time and the bytes of the body."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import parse_objects, seconds_of, text_of
from mailer.feedback.providers.model import (
    IGNORED,
    ProofBasis,
    ProofError,
    ProviderEvent,
    ProviderRequest,
    bounce_of,
    complaint_by,
    make_event,
    on_provider_list,
    own_or_stable_id,
    unsubscribe_by,
)
from mailer.smtp.refusal_reason import Reason

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_CLASSES = {
    "invalid address": Reason.USER_UNKNOWN,
    "mailbox unavailable": Reason.SUSPENDED,
    "reputation": Reason.BAD_REPUTATION,
    "content": Reason.SPAM_DETECTED,
    "technical": Reason.NETWORK_ERROR,
    "frequency or volume too high": Reason.RATE_LIMITED,
}
_LISTS = {"bounced address", "spam reporting address", "invalid"}
_UNSUBSCRIBED = "unsubscribed address"


def verify(request: ProviderRequest, basis: ProofBasis) -> None:
    """Raises ProofError unless one of the public keys verifies the signature."""
    try:
        signature = base64.b64decode(request.headers.get(_SIGNATURE, ""), validate=True)
    except (binascii.Error, ValueError):
        raise ProofError("its signature is no base64") from None
    signed = request.headers.get(_TIMESTAMP, "").encode(errors="surrogateescape") + request.body
    if not any(_is_signed(signature, signed, secret) for secret in basis.secrets):
        raise ProofError("its signature is wrong")


def _is_signed(signature: bytes, signed: bytes, secret: str) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(secret))
        if not isinstance(key, EllipticCurvePublicKey):
            return False
        key.verify(signature, signed, ECDSA(SHA256()))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the events. Raises PayloadError."""
    return tuple(_event(each) for each in parse_objects(request.body))


def _event(event: Mapping[str, Any]) -> ProviderEvent:
    name, at = text_of(event, "event"), seconds_of(event, "timestamp")
    own_id = text_of(event, "sg_event_id")
    return make_event(
        _read(event, name),
        event_id=own_or_stable_id(own_id, text_of(event, "sg_message_id"), name, at, text_of(event, "email")),
        name=name,
        at=at,
        message_id=text_of(event, "smtp-id"),
    )


def _read(event: Mapping[str, Any], name: str) -> Reading:
    address, words = text_of(event, "email"), text_of(event, "reason")
    if name == "spamreport":
        return complaint_by(address)
    if name in {"unsubscribe", "group_unsubscribe"}:
        return unsubscribe_by(address)
    if name == "dropped":
        if words.lower() == _UNSUBSCRIBED:
            return unsubscribe_by(address)
        return on_provider_list(address, words) if words.lower() in _LISTS else IGNORED
    if name != "bounce":  # a deferred message is tried again
        return IGNORED
    return bounce_of(
        address,
        words=words,
        status=text_of(event, "status"),
        otherwise=_CLASSES.get(text_of(event, "bounce_classification").lower(), Reason.ON_HOLD),
        final=text_of(event, "type") == "bounce",  # else “blocked” or “expired”
    )
