"""SparkPost, which signs nothing: an array of `{"msys": {class: event}}`; an empty `msys` is a test of the address."""

from collections.abc import Mapping
from typing import Any

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import mapping_of, parse_objects, seconds_of, text_of
from mailer.feedback.providers.model import (
    IGNORED,
    ProviderEvent,
    ProviderRequest,
    bounce_of,
    complaint_by,
    make_event,
    on_provider_list,
    own_or_stable_id,
    unsubscribe_by,
)
from mailer.feedback.providers.password import verify
from mailer.mime.provider_headers import METADATA
from mailer.smtp.refusal_reason import Reason

_PERMANENT = {"10": Reason.USER_UNKNOWN, "30": Reason.ON_HOLD}
_OTHERS = {
    "1": Reason.ON_HOLD,
    "20": Reason.ON_HOLD,
    "21": Reason.NETWORK_ERROR,
    "22": Reason.MAILBOX_FULL,
    "23": Reason.EXCEEDS_LIMIT,
    "24": Reason.EXPIRED,
    "40": Reason.ON_HOLD,
    "50": Reason.BLOCKED,
    "51": Reason.SPAM_DETECTED,
    "52": Reason.SPAM_DETECTED,
    "53": Reason.CONTENT_ERROR,
    "54": Reason.NO_RELAYING,
    "70": Reason.ON_HOLD,
}
_REASONS = {**_PERMANENT, **_OTHERS}
_LISTED = "25"
_UNSUBSCRIBED = "90"
_REFUSED = frozenset({"policy_rejection", "generation_rejection"})  # nothing was sent

__all__ = ["parse", "verify"]


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the events. Raises PayloadError."""
    found = [mapping_of(each, "msys") for each in parse_objects(request.body)]
    return tuple(_event(mapping_of(each, name)) for each in found for name in list(each)[:1])


def _event(event: Mapping[str, Any]) -> ProviderEvent:
    name, address = text_of(event, "type"), text_of(event, "raw_rcpt_to") or text_of(event, "rcpt_to")
    at, own_id = seconds_of(event, "timestamp"), text_of(event, "event_id")
    return make_event(
        _read(event, name, address),
        event_id=own_or_stable_id(own_id, text_of(event, "message_id"), name, at, address),
        name=name,
        at=at,
        message_id=text_of(mapping_of(event, "rcpt_meta"), METADATA),
    )


def _read(event: Mapping[str, Any], name: str, address: str) -> Reading:
    if name == "spam_complaint":
        return complaint_by(address, text_of(event, "fbtype"))
    if name in {"list_unsubscribe", "link_unsubscribe"}:
        return unsubscribe_by(address)
    words, kind = text_of(event, "raw_reason") or text_of(event, "reason"), text_of(event, "bounce_class")
    if name in _REFUSED:
        return on_provider_list(address, words) if kind == _LISTED or "suppress" in words.lower() else IGNORED
    if name not in {"bounce", "out_of_band"}:  # a delayed message is tried again
        return IGNORED
    if kind == _UNSUBSCRIBED:
        return unsubscribe_by(address)
    if kind == _LISTED:
        return on_provider_list(address, words)
    if kind not in _REASONS:  # 60 and 100 are automatic replies, 80 subscribes
        return IGNORED
    return bounce_of(address, words=words, otherwise=_REASONS[kind], final=kind in _PERMANENT)
