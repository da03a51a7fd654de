"""Mailjet, which signs nothing: one event, or an array of them if events are grouped.

`MessageID` is Mailjet's own; `CustomID` is ours.
"""

from collections.abc import Mapping
from typing import Any

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import parse_objects, seconds_of, text_of
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

_ERRORS = {
    "user unknown": Reason.USER_UNKNOWN,
    "mailbox inactive": Reason.SUSPENDED,
    "quota exceeded": Reason.MAILBOX_FULL,
    "invalid domain": Reason.HOST_UNKNOWN,
    "no mail host": Reason.HOST_UNKNOWN,
    "relay/access denied": Reason.NO_RELAYING,
    "sender blocked": Reason.BLOCKED,
    "content blocked": Reason.SPAM_DETECTED,
    "policy issue": Reason.POLICY_VIOLATION,
    "system issue": Reason.SYSTEM_ERROR,
    "protocol issue": Reason.SYSTEM_ERROR,
    "connection issue": Reason.NETWORK_ERROR,
}
_LISTS = frozenset({"preblocked", "blacklisted", "spam reporter", "typofix"})
_OURS = frozenset({"greylisted", "duplicate in campaign"})

__all__ = ["parse", "verify"]


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the events. Raises PayloadError."""
    return tuple(_event(each) for each in parse_objects(request.body))


def _event(event: Mapping[str, Any]) -> ProviderEvent:
    name, address = text_of(event, "event"), text_of(event, "email")
    return make_event(
        _read(event, name, address),
        event_id=stable_id(text_of(event, "MessageID"), name, text_of(event, "time"), address),
        name=name,
        at=seconds_of(event, "time"),
        message_id=text_of(event, "CustomID"),
    )


def _read(event: Mapping[str, Any], name: str, address: str) -> Reading:
    if name == "spam":
        return complaint_by(address)
    if name == "unsub":
        return unsubscribe_by(address)
    if name not in {"bounce", "blocked"}:
        return IGNORED
    error, words = text_of(event, "error").lower(), text_of(event, "comment") or text_of(event, "smtp_reply")
    is_final = event.get("hard_bounce") is True
    if error in _OURS and not is_final:  # a greylisted message is tried again
        return IGNORED
    if error in _LISTS:
        return on_provider_list(address, words)
    return bounce_of(address, words=words, otherwise=_ERRORS.get(error, Reason.ON_HOLD), final=is_final)
