"""Brevo, which signs nothing and gives its events no id. `ts_epoch` is in milliseconds, in UTC; its other times are local."""

from collections.abc import Mapping
from typing import Any

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import parse_object, seconds_of, text_of
from mailer.feedback.providers.model import (
    IGNORED,
    ProviderEvent,
    ProviderRequest,
    bounce_of,
    complaint_by,
    make_event,
    on_provider_list,
    stable_id,
    unsubscribe_by,
)
from mailer.feedback.providers.password import verify
from mailer.smtp.refusal_reason import Reason

_ERROR = "RecipientError:"  # before the server's words

__all__ = ["parse", "verify"]


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the event. Raises PayloadError."""
    event = parse_object(request.body)
    name, message_id, address = text_of(event, "event"), text_of(event, "message-id"), text_of(event, "email")
    return (
        make_event(
            _read(event, name, address),
            event_id=stable_id(message_id, name, text_of(event, "ts_epoch"), address),
            name=name,
            at=_seconds(event),
            message_id=text_of(event, "X-Mailin-custom") or message_id,
        ),
    )


def _seconds(event: Mapping[str, Any]) -> float | None:
    milliseconds = event.get("ts_epoch")
    if isinstance(milliseconds, int | float) and abs(milliseconds) < 2**53:
        return seconds_of({"at": milliseconds / 1000}, "at")
    return None


def _read(event: Mapping[str, Any], name: str, address: str) -> Reading:
    words = text_of(event, "reason").strip().removeprefix(_ERROR).strip()
    if name in {"spam", "complaint"}:
        return complaint_by(address)
    if name in {"unsubscribe", "unsubscribed"}:
        return unsubscribe_by(address)
    if name == "blocked":
        return on_provider_list(address, words)
    if name == "invalid_email":
        return bounce_of(address, words=words, otherwise=Reason.USER_UNKNOWN)
    if name in {"hard_bounce", "soft_bounce"}:
        return bounce_of(address, words=words, final=name == "hard_bounce")
    return IGNORED  # a deferred message is tried again
