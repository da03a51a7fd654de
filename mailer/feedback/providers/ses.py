"""Amazon SES, through Amazon SNS: events about an identity (`notificationType`) or from a configuration set (`eventType`).

SES replaces the Message-ID. Its own id of a message is in the reply to it, `250 Ok <id>`; ours is in `mail.headers` if the topic
includes the original headers.
"""

from collections.abc import Mapping
from typing import Any

from mailer.feedback.providers import sns
from mailer.feedback.providers.json_payload import header_of, mapping_of, mappings_of, parse_object, seconds_of, text_of
from mailer.feedback.providers.model import (
    IGNORED,
    PayloadError,
    ProofBasis,
    ProviderEvent,
    ProviderRequest,
    make_event,
    stable_id,
)
from mailer.feedback.ses_notification import read_ses

_DETAILS = {"Bounce": "bounce", "Complaint": "complaint", "Subscription": "subscription"}


def verify(request: ProviderRequest, basis: ProofBasis) -> None:
    """Raises ProofError unless SNS signed the message, and its topic is in the settings. Raises PayloadError."""
    sns.verify_envelope(sns.parse_envelope(request), basis)


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the events of a message of SNS, one a recipient. Raises PayloadError."""
    envelope = sns.parse_envelope(request)
    sent_at, envelope_id = seconds_of(envelope, "Timestamp"), text_of(envelope, "MessageId")
    kind = text_of(envelope, "Type")
    if kind != sns.NOTIFICATION:
        return (make_event(IGNORED, event_id=stable_id(envelope_id), name=kind, at=sent_at),)
    message = envelope.get("Message")
    try:
        notification = parse_object(message if isinstance(message, str) else "")
    except PayloadError:  # “Successfully validated SNS topic for Amazon SES event publishing.”
        return (make_event(IGNORED, event_id=stable_id(envelope_id), name="text", at=sent_at),)
    return _events(notification, envelope_id, sent_at)


def _events(notification: Mapping[str, Any], envelope_id: str, sent_at: float | None) -> tuple[ProviderEvent, ...]:
    name = text_of(notification, "notificationType") or text_of(notification, "eventType")
    details = mapping_of(notification, _DETAILS.get(name, ""))
    mail = mapping_of(notification, "mail")
    event_id = text_of(details, "feedbackId") or envelope_id
    headers = mappings_of(mail, "headers")
    reading = read_ses(notification)
    each = [reading._replace(recipients=(one,)) for one in reading.recipients] or [reading]
    return tuple(
        make_event(
            one,
            event_id=stable_id(event_id) if number == 0 else stable_id(f"{event_id}/{number}"),
            name=name,
            at=seconds_of(details, "timestamp") or sent_at,
            message_id=header_of(headers, "message-id"),
            provider_id=text_of(mail, "messageId"),
        )
        for number, one in enumerate(each)
    )
