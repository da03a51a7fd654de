"""Reads the notifications of Amazon SES: about an identity (`notificationType`) or from a configuration set (`eventType`).

SNS sends them by mail or by HTTP; the shape of the JSON is the same.
"""

import json
from collections.abc import Mapping
from typing import Any

from mailer.feedback.bounce_reason import judge_bounce
from mailer.feedback.complaint import complaint_of
from mailer.feedback.model import FeedbackKind, Reading

RECIPIENTS = 100


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
        people = _people(complaint.get("complainedRecipients"))
        return complaint_of(_text(complaint, "complaintFeedbackType"), [_text(each, "emailAddress") for each in people])
    if event not in {"Bounce", "DeliveryDelay"}:
        return Reading(FeedbackKind.OTHER)
    bounce = _mapping(notification.get("bounce") or notification.get("deliveryDelay"))
    recipients = (
        judge_bounce(
            _text(each, "emailAddress"),
            status=_text(each, "status"),
            diagnostic=_text(each, "diagnosticCode").removeprefix("smtp; "),
            delayed=event == "DeliveryDelay",
            temporary=bounce.get("bounceType") == "Transient",
        )
        for each in _people(bounce.get("bouncedRecipients") or bounce.get("delayedRecipients"))
    )
    return Reading(FeedbackKind.BOUNCE, tuple(recipients))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _people(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value[:RECIPIENTS] if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found[:2000] if isinstance(found, str) else ""
