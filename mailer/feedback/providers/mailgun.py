"""Mailgun. Its signature covers a time and a random token, and not the body.

So whoever has seen one request can send another body with its token: a token that was used with another body has to be refused
by the caller (`used_token`), and one that is older than a day is refused here. Mailgun repeats a request for eight hours.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from mailer.feedback.model import Reading
from mailer.feedback.providers.json_payload import mapping_of, parse_object, seconds_of, text_of
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
    unsubscribe_by,
)
from mailer.smtp.refusal_reason import Reason

OLDEST = 86_400  # seconds
_AHEAD = 300  # seconds by which clocks may differ
_TOKEN = re.compile(r"[0-9a-zA-Z]{16,100}")
_LISTED = frozenset({"605", "607"})  # codes of messages that Mailgun did not send, after an earlier bounce or complaint
_REASONS = {"old": Reason.EXPIRED, "espblock": Reason.BLOCKED}


def verify(request: ProviderRequest, basis: ProofBasis) -> None:
    """Raises ProofError unless a key signed the token, not longer than a day ago. Raises PayloadError."""
    signature = mapping_of(parse_object(request.body), "signature")
    timestamp, token = text_of(signature, "timestamp"), text_of(signature, "token")
    signed = f"{timestamp}{token}".encode(errors="surrogatepass")
    given = text_of(signature, "signature").encode(errors="surrogatepass")
    expected = [hmac.digest(secret.encode(), signed, "sha256").hex().encode() for secret in basis.secrets]
    if not any(hmac.compare_digest(given, each) for each in expected):
        raise ProofError("its signature is wrong")
    at = seconds_of(signature, "timestamp")
    if at is None or not -_AHEAD <= basis.now - at <= OLDEST or not _TOKEN.fullmatch(token):
        raise ProofError("its signature is older than a day")


def used_token(request: ProviderRequest) -> tuple[str, str]:
    """Returns the token of a verified request, and the digest of its body, with which alone the token may be used again."""
    token = text_of(mapping_of(parse_object(request.body), "signature"), "token")
    return token, hashlib.sha256(request.body).hexdigest()


def parse(request: ProviderRequest) -> tuple[ProviderEvent, ...]:
    """Returns the event. Raises PayloadError."""
    event = mapping_of(parse_object(request.body), "event-data")
    name = text_of(event, "event")
    message_id = text_of(mapping_of(event, "message", "headers"), "message-id")
    at = seconds_of(event, "timestamp")
    return (
        make_event(
            _read(event, name),
            event_id=stable_id(text_of(event, "id"), name, at, text_of(event, "recipient")),
            name=name,
            at=at,
            message_id=message_id,
        ),
    )


def _read(event: Mapping[str, Any], name: str) -> Reading:
    address = text_of(event, "recipient")
    if name == "complained":
        return complaint_by(address)
    if name == "unsubscribed":
        return unsubscribe_by(address)
    if name != "failed" or text_of(event, "severity") != "permanent":  # a temporary failure is tried again
        return IGNORED
    status, reason = mapping_of(event, "delivery-status"), text_of(event, "reason")
    code, enhanced = text_of(status, "code"), text_of(status, "enhanced-code")
    message = text_of(status, "message") or text_of(status, "description")
    if reason == "suppress-unsubscribe":
        return unsubscribe_by(address)
    if reason.startswith("suppress-") or code in _LISTED:
        return on_provider_list(address, message)
    words = " ".join(filter(None, (code, enhanced, message)))
    return bounce_of(address, words=words, otherwise=_REASONS.get(reason, Reason.ON_HOLD))
