"""The timeline of one subscriber: all events as sentences, the newest first."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from mailer.csv.rows import Status
from mailer.delivery.states import DeliveryState
from mailer.feedback.model import FeedbackKind
from mailer.ledger.store.expressions import IMPORTED
from mailer.ledger.types.feedback import FeedbackEntry
from mailer.ledger.types.subscribers import MemberChange, MemberChangeKind
from mailer.ledger.types.suppressions import SuppressionAction, SuppressionChange, SuppressionReason
from mailer.line_sanitizer import clean_line
from mailer.service.subscribers.personal_data import Sent, SubscriberProfile
from mailer.web.desk.plain_language import delivery_state, plain_reason
from mailer.web.desk.status_labels import (
    bounce_reason_label,
    effect_label,
    leaving_reason_label,
    source_label,
    status_label,
)

_MAX_TEXT = 200  # characters
_LIFTED = {
    SuppressionReason.BOUNCED: "Bounce removed",
    SuppressionReason.BY_HAND: "Unblocked",
    SuppressionReason.UNSUBSCRIBED: "Unsubscribing undone",
    SuppressionReason.COMPLAINED: "Complaint undone",
    SuppressionReason.ERASED: "Signed up again after erasure",
}
_FORMS = {"page": "on the sign-up page", "api": "by API", "new link": "with a new confirmation link"}
_TRANSACTIONAL = {
    "confirm": "Confirmation e-mail",
    "link": "E-mail with a preferences link",
    "address": "E-mail about the new address",
    "welcome": "Welcome",
}


_RETURNED = {
    FeedbackKind.BOUNCE: "came back",
    FeedbackKind.COMPLAINT: "reported as spam",
    FeedbackKind.UNSUBSCRIBE: "unsubscribed at the provider",
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An event; `send` is the id of the send that it belongs to, if any."""

    at: float
    words: str
    send: int | None = None


def timeline(profile: SubscriberProfile) -> tuple[TimelineEntry, ...]:
    """Returns all events of the subscriber, the newest first."""
    return tuple(sorted(_entries(profile), key=lambda each: each.at, reverse=True))


def _entries(profile: SubscriberProfile) -> Iterator[TimelineEntry]:
    for each in profile.history:
        yield TimelineEntry(each.at, _suppression(each), each.send_id)
    for change in profile.changes:
        yield TimelineEntry(change.at, f"{change.list}: {_change(change)}, {source_label(change.by)}")
    for consent in profile.consents:
        place = f" (IP address {consent.ip})" if consent.ip else ""
        form = _form(consent.form)
        yield TimelineEntry(consent.at, f"{consent.list}: asked for it {form}{place}: “{_line(consent.words)}”")
        if consent.confirmed_at is not None:
            yield TimelineEntry(consent.confirmed_at, f"{consent.list}: confirmed")
    for why in profile.reasons:
        comment = f": “{_line(why.words)}”" if why.words else ""
        yield TimelineEntry(why.at, f"Reason for unsubscribing: {leaving_reason_label(why.reason)}{comment}")
    for mail in profile.mail:
        yield TimelineEntry(mail.created_at, f"{_TRANSACTIONAL.get(mail.kind, mail.kind)}: {mail.state}")
    for notice in profile.notices:
        yield TimelineEntry(notice.at, f"Webhook {notice.host}: {notice.event} ({notice.state})")
    for entry in profile.feedback:
        yield TimelineEntry(entry.at, _feedback(entry), entry.send_id)
    for sent in profile.deliveries:
        yield TimelineEntry(sent.at, _delivery(sent), sent.send_id)


def _feedback(entry: FeedbackEntry) -> str:
    about = f"Send {entry.send_id}, {entry.slug}: " if entry.send_id else ""
    words = f": “{_line(entry.words)}”" if entry.words else ""
    return f"{about}{_RETURNED[entry.kind]} ({bounce_reason_label(entry.reason)}; {effect_label(entry.effect)}){words}"


def _suppression(each: SuppressionChange) -> str:
    is_lifted = each.change is SuppressionAction.LIFTED
    label = _LIFTED[each.reason] if is_lifted else status_label(each.reason)
    return f"{label}, {source_label(each.source)}"


def _change(change: MemberChange) -> str:
    match change.kind:
        case MemberChangeKind.FIELDS | MemberChangeKind.OWN:
            return _changed_fields(change.before, change.after)
        case MemberChangeKind.STATUS:
            return f"status {_line(change.before)} → {_line(change.after)}"
        case MemberChangeKind.JOINED if change.after != Status.SUBSCRIBED:
            return f"joined ({_line(change.after)})"
        case MemberChangeKind.ADDRESS:
            return f"address {_line(change.before)} → {_line(change.after)}"
        case _:
            return change.kind.value


def _changed_fields(before: str, after: str) -> str:
    """Describes a change between two JSON objects of fields; an absent field is empty."""
    old, new = (json.loads(text) if text else {} for text in (before, after))
    changed = [name for name in {**old, **new} if old.get(name, "") != new.get(name, "")]
    if not changed:
        return "spelling of the address changed"
    return ", ".join(f"{name} “{_line(old.get(name, ''))}” → “{_line(new.get(name, ''))}”" for name in changed)


def _form(form: str) -> str:
    return f"(from {form.removeprefix(IMPORTED)})" if form.startswith(IMPORTED) else _FORMS.get(form, f"by {form}")


def _delivery(sent: Sent) -> str:
    reason = f" ({plain_reason(sent.reason)})" if sent.reason else ""
    return f"Send {sent.send_id}, {sent.slug}: {delivery_state(DeliveryState(sent.state))}{reason}"


def _line(text: str) -> str:
    """Returns text that a person wrote, on one line."""
    line = " ".join(clean_line(str(text)).split())
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"
