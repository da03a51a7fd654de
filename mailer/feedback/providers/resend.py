"""Resend, by the scheme of Standard Webhooks with the header names of Svix: HMAC-SHA-256 over id, time and body.

An event names all recipients of a message and no result of each; a message of ours has one.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import header_of, mapping_of, mappings_of, parse_object, seconds_of, text_of
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
    stable_id,
)
from mailer.smtp.refusal_reason import Reason

_TOLERANCE = 300  # seconds
_PREFIX = "whsec_"
_LISTED = frozenset({"Suppressed", "OnAccountSuppressionList"})
_SUB_TYPES = {
    "NoEmail": Reason.USER_UNKNOWN,
    "MailboxFull": Reason.MAILBOX_FULL,
    "MessageTooLarge": Reason.EXCEEDS_LIMIT,
    "ContentRejected": Reason.CONTENT_ERROR,
    "AttachmentRejected": Reason.CONTENT_ERROR,
}


def verify(request: ProviderRequest, basis: ProofBasis) -> None:
    """Raises ProofError unless one of the secrets signed the request, within the last five minutes."""
    message_id, timestamp = request.headers.get("svix-id", ""), request.headers.get("svix-timestamp", "")
    signed = b".".join((*(each.encode(errors="surrogateescape") for each in (message_id, timestamp)), request.body))
    given = [each for each in request.headers.get("svix-signature", "").split(" ")[:10] if each.startswith("v1,")]
    expected = [f"v1,{_signature(secret, signed)}".encode() for secret in basis.secrets]
    if not any(hmac.compare_digest(each.encode(errors="surrogateescape"), one) for each in given for one in expected):
        raise ProofError("its signature is wrong")
    if not (timestamp.isdecimal() and len(timestamp) < 12 and abs(basis.now - int(timestamp)) <= _TOLERANCE):
        raise ProofError("it was signed more than five minutes ago")


def _signature(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX))
    except (binascii.Error, ValueError):
        return ""
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the event. Raises PayloadError."""
    event = parse_object(request.body)
    name, data = text_of(event, "type"), mapping_of(event, "data")
    return (
        make_event(
            _read(name, data),
            event_id=stable_id(request.headers.get("svix-id", "")),
            name=name,
            at=seconds_of(event, "created_at"),
            message_id=header_of(mappings_of(data, "headers"), "message-id") or text_of(data, "message_id"),
        ),
    )


def _read(name: str, data: Mapping[str, Any]) -> Reading:
    people = data.get("to")
    address = people[0][:320] if isinstance(people, list) and len(people) == 1 and isinstance(people[0], str) else ""
    address = address.rpartition("<")[2].rstrip("> ")
    if name == "email.complained":
        return complaint_by(address)
    if name == "email.suppressed":
        return on_provider_list(address)
    if name != "email.bounced":  # a delayed message is tried again
        return IGNORED
    bounce = mapping_of(data, "bounce")
    diagnostics = bounce.get("diagnosticCode")
    first = diagnostics[0] if isinstance(diagnostics, list) and diagnostics else diagnostics
    if text_of(bounce, "subType") in _LISTED:
        return on_provider_list(address, text_of(bounce, "message"))
    return bounce_of(
        address,
        words=first[:2000].removeprefix("smtp; ") if isinstance(first, str) else "",
        otherwise=_SUB_TYPES.get(text_of(bounce, "subType"), Reason.ON_HOLD),
        final=text_of(bounce, "type") in {"Permanent", ""},
    )
