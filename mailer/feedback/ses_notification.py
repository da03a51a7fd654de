"""Reads the notifications of Amazon SES: about an identity (`notificationType`) or from a configuration set (`eventType`).

SNS sends them by mail or by HTTP; the shape of the JSON is the same.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mailer.feedback.bounce_reason import PERMANENT, judge_bounce
from mailer.feedback.complaint import complaint_of
from mailer.feedback.model import FeedbackKind, FeedbackRecipient, Reading, recipient_about
from mailer.smtp.refusal_reason import Reason

RECIPIENTS = 100

_ON_A_LIST = frozenset(
    {"Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "EmailValidationSuppressed"}
)
"""Sub-types of bounces of messages that SES did not send, because the address is on a list of its own: no news of the mailbox."""
_UNSUBSCRIBED = "UnsubscribedRecipient"
_REASONS = {
    "NoEmail": Reason.USER_UNKNOWN,
    "MailboxFull": Reason.MAILBOX_FULL,
    "MessageTooLarge": Reason.EXCEEDS_LIMIT,
    "ContentRejected": Reason.CONTENT_ERROR,
    "AttachmentRejected": Reason.CONTENT_ERROR,
    "CustomTimeoutExceeded": Reason.EXPIRED,
}
"""What SES calls a bounce, which counts if the server's words tell nothing."""


def parse_ses_text(text: str) -> Mapping[str, Any] | None:
    """Returns the notification in the text of a mail; None if it contains no notification. Total."""
    start = text.lstrip()
    if not start.startswith("{") or not ('"notificationType"' in start or '"eventType"' in start):
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        try:
            value, _ = json.JSONDecoder().raw_decode(start.replace("\n", ""))  # a mail system wraps long lines
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def read_ses(notification: Mapping[str, Any]) -> Reading:
    """Reads a notification. Total: an unknown one is `OTHER`."""
    event = _text(notification, "notificationType") or _text(notification, "eventType")
    if event == "Complaint":
        complaint = _mapping(notification.get("complaint"))
        if _text(complaint, "complaintSubType") in _ON_A_LIST:  # an old complaint: SES sent nothing
            return Reading(FeedbackKind.OTHER)
        people = _people(complaint.get("complainedRecipients"))
        return complaint_of(_text(complaint, "complaintFeedbackType"), [_text(each, "emailAddress") for each in people])
    if event == "Subscription":
        return _read_subscription(notification)
    if event not in {"Bounce", "DeliveryDelay"}:
        return Reading(FeedbackKind.OTHER)
    bounce = _mapping(notification.get("bounce") or notification.get("deliveryDelay"))
    people = _people(bounce.get("bouncedRecipients") or bounce.get("delayedRecipients"))
    if _text(bounce, "bounceSubType") == _UNSUBSCRIBED:
        return Reading(FeedbackKind.UNSUBSCRIBE, tuple(_by_wish(_text(each, "emailAddress")) for each in people))
    delayed, temporary = event == "DeliveryDelay", bounce.get("bounceType") == "Transient"
    sub_type = _text(bounce, "bounceSubType")
    return Reading(
        FeedbackKind.BOUNCE, tuple(_bounced(each, sub_type, delayed=delayed, temporary=temporary) for each in people)
    )


def _bounced(person: Mapping[str, Any], sub_type: str, *, delayed: bool, temporary: bool) -> FeedbackRecipient:
    judged = judge_bounce(
        _text(person, "emailAddress"),
        status=_text(person, "status"),
        diagnostic=_text(person, "diagnosticCode").removeprefix("smtp; "),
        delayed=delayed,
        temporary=temporary,
    )
    if sub_type in _ON_A_LIST:
        return replace(judged, reason=Reason.FILTERED, permanent=False)
    if sub_type in _REASONS and not judged.words and judged.reason is Reason.ON_HOLD:
        reason = _REASONS[sub_type]
        return replace(judged, reason=reason, permanent=reason in PERMANENT and not (delayed or temporary))
    return judged


def _read_subscription(notification: Mapping[str, Any]) -> Reading:
    """Reads the event of SES's own unsubscribe links (list management)."""
    preferences = _mapping(_mapping(notification.get("subscription")).get("newTopicPreferences"))
    if preferences.get("unsubscribeAll") is not True:
        return Reading(FeedbackKind.OTHER)
    addresses = _mapping(notification.get("mail")).get("destination")
    people = addresses[:RECIPIENTS] if isinstance(addresses, list) else []
    return Reading(FeedbackKind.UNSUBSCRIBE, tuple(_by_wish(each[:2000]) for each in people if isinstance(each, str)))


def _by_wish(address: str) -> FeedbackRecipient:
    return recipient_about(address, Reason.FILTERED)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _people(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value[:RECIPIENTS] if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found[:2000] if isinstance(found, str) else ""
