"""The records of provider webhooks: a request, its proof, and the events in it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mailer.feedback.bounce_reason import PERMANENT, judge_bounce
from mailer.feedback.complaint import complaint_of
from mailer.feedback.model import FeedbackKind, FeedbackRecipient, Reading, recipient_about
from mailer.smtp.refusal_reason import Reason

_SHORT_ID = re.compile(r"[!-~]{1,100}")
_MESSAGE_ID = re.compile(r"[!-~]{1,255}")
_NAME = re.compile(r"[^A-Za-z0-9._ -]")


class ProofError(Exception):
    """The request is not proven to come from the provider. The message says why, for the log."""


class PayloadError(Exception):
    """The body is not what the provider sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """A request as it came. `headers` has lower-case names; `path_secret` is what follows the provider in the path."""

    headers: Mapping[str, str]
    body: bytes
    path_secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofBasis:
    """What a request is verified with: the `secrets` from the settings, the time, and for SNS the certificate (PEM)."""

    secrets: tuple[str, ...]
    now: float
    certificate: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One event, about at most one recipient.

    `id`: the same whenever the provider repeats it. `name`: the provider's word for it. `at`: when it happened, in seconds.
    `message_id`: that of our message, without brackets. `provider_id`: what the provider calls the message. Events of kind OTHER
    without a `report_type` are counted, and not recorded.
    """

    id: str
    name: str
    kind: FeedbackKind = FeedbackKind.OTHER
    recipient: FeedbackRecipient | None = None
    report_type: str = ""
    at: float | None = None
    message_id: str = ""
    provider_id: str = ""

    @property
    def is_recorded(self) -> bool:
        return self.kind is not FeedbackKind.OTHER or bool(self.report_type)


def make_event(
    reading: Reading, *, event_id: str, name: str, at: float | None, message_id: str = "", provider_id: str = ""
) -> ProviderEvent:
    """Returns the event of `reading`, which has at most one recipient."""
    return ProviderEvent(
        id=event_id,
        name=_NAME.sub("", name)[:40] or "unnamed",
        kind=reading.kind,
        recipient=next(iter(reading.recipients), None),
        report_type=reading.report_type,
        at=at,
        message_id=message_id.strip("<> ") if _MESSAGE_ID.fullmatch(message_id) else "",
        provider_id=provider_id if _SHORT_ID.fullmatch(provider_id) else "",
    )


def stable_id(*parts: object) -> str:
    """Returns an id of printable ASCII: the only part as it is if it is short, or a digest of all."""
    texts = [str(part) for part in parts]
    if len(texts) == 1 and _SHORT_ID.fullmatch(texts[0]):
        return texts[0]
    return hashlib.sha256("\n".join(texts).encode(errors="surrogatepass")).hexdigest()


def own_or_stable_id(own_id: str, *parts: object) -> str:
    """Returns the provider's own id of an event, or, without one, an id made of the `parts` that tell events apart."""
    return stable_id(own_id) if own_id else stable_id(*parts)


IGNORED = Reading(FeedbackKind.OTHER)


def bounce_of(
    address: str,
    *,
    words: str = "",
    status: str = "",
    otherwise: Reason = Reason.ON_HOLD,
    final: bool = True,
    enforced: bool = False,
) -> Reading:
    """Returns a bounce. `words`: the server's. `otherwise`: what the provider calls it, which counts if the words tell nothing.

    `final`: the provider calls it permanent. `enforced`: the provider's reason counts, whatever the words.
    """
    judged = judge_bounce(address, status=status, diagnostic=words)
    if enforced or (judged.reason is Reason.ON_HOLD and otherwise is not Reason.ON_HOLD):
        judged = replace(judged, reason=otherwise, permanent=otherwise in PERMANENT)
    return Reading(FeedbackKind.BOUNCE, (replace(judged, permanent=judged.permanent and final),))


def on_provider_list(address: str, words: str = "") -> Reading:
    """Returns the bounce of an address to which the provider sends nothing because of its own list: no news of the mailbox."""
    return bounce_of(address, words=words, otherwise=Reason.FILTERED, enforced=True)


def complaint_by(address: str, report_type: str = "") -> Reading:
    return complaint_of(report_type, [address])


def unsubscribe_by(address: str) -> Reading:
    return Reading(FeedbackKind.UNSUBSCRIBE, (recipient_about(address, Reason.FILTERED),))
