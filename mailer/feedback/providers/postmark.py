"""Postmark, which signs nothing. It gives a message an id of its own, and returns ours as metadata (`X-PM-Metadata-…`)."""

from collections.abc import Mapping
from typing import Any

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import mapping_of, parse_object, seconds_of, text_of
from mailer.feedback.providers.model import (
    IGNORED,
    ProviderEvent,
    ProviderRequest,
    bounce_of,
    complaint_by,
    make_event,
    on_provider_list,
    own_or_stable_id,
    stable_id,
    unsubscribe_by,
)
from mailer.feedback.providers.password import verify
from mailer.mime.provider_headers import METADATA
from mailer.smtp.refusal_reason import Reason

_PERMANENT = {"HardBounce": Reason.ON_HOLD, "BadEmailAddress": Reason.USER_UNKNOWN}
_TEMPORARY = {
    "SoftBounce": Reason.ON_HOLD,
    "DnsError": Reason.NETWORK_ERROR,
    "Blocked": Reason.BLOCKED,
    "DMARCPolicy": Reason.AUTH_FAILURE,
    "SpamNotification": Reason.SPAM_DETECTED,
    "VirusNotification": Reason.VIRUS_DETECTED,
    "Unknown": Reason.ON_HOLD,
}

_REASONS = {**_PERMANENT, **_TEMPORARY}

__all__ = ["parse", "verify"]


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the event. Raises PayloadError."""
    event = parse_object(request.body)
    record, kind = text_of(event, "RecordType"), text_of(event, "Type")
    at = next(filter(None, (seconds_of(event, name) for name in ("BouncedAt", "ChangedAt"))), None)
    address = text_of(event, "Email") or text_of(event, "Recipient")
    reading = _read(event, record, kind, address)
    message = text_of(event, "MessageID")
    own_id = text_of(event, "ID")
    return (
        make_event(
            reading,
            # A complaint may come both as one and as a change of the subscription.
            event_id=stable_id("complaint", message, address)
            if _is_complaint(event, record, kind)
            else own_or_stable_id(own_id, record, message, address, at),
            name=kind or record,
            at=at,
            message_id=text_of(mapping_of(event, "Metadata"), METADATA),
        ),
    )


def _is_complaint(event: Mapping[str, Any], record: str, kind: str) -> bool:
    if record == "SubscriptionChange":
        return event.get("SuppressSending") is True and text_of(event, "SuppressionReason") == "SpamComplaint"
    return "SpamComplaint" in {record, kind}


def _read(event: Mapping[str, Any], record: str, kind: str, address: str) -> Reading:
    if _is_complaint(event, record, kind):
        return complaint_by(address)
    if record == "SubscriptionChange":
        by_reader = (
            text_of(event, "Origin") == "Recipient" and text_of(event, "SuppressionReason") == "ManualSuppression"
        )
        return unsubscribe_by(address) if by_reader and event.get("SuppressSending") is True else IGNORED
    if record != "Bounce":
        return IGNORED
    if kind == "Unsubscribe":
        return unsubscribe_by(address)
    if kind == "ManuallyDeactivated":
        return on_provider_list(address, text_of(event, "Details"))
    if kind not in _REASONS:  # an automatic reply, a change of address, a delay, a test
        return IGNORED
    return bounce_of(
        address,
        words=text_of(event, "Details").removeprefix("smtp;"),
        otherwise=_REASONS[kind],
        final=kind in _PERMANENT,
    )
