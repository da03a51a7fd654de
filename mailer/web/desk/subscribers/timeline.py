"""The timeline of one subscriber: all events in words, the newest first."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailer.ledger.types.subscribers import MemberChange
from mailer.sanitize import clean_line
from mailer.service.subscribers.profile import SubscriberProfile

_MAX_TEXT = 200  # characters


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
        yield TimelineEntry(each.at, f"{each.change} ({each.reason}), by {each.source}", each.send_id)
    for change in profile.changes:
        yield TimelineEntry(change.at, f"{change.list}: {_changed(change)}, by {change.by}")
    for consent in profile.consents:
        place = f" from {consent.ip}" if consent.ip else ""
        yield TimelineEntry(consent.at, f"asked for {consent.list} by {consent.form}{place}: “{_line(consent.words)}”")
        if consent.confirmed_at is not None:
            yield TimelineEntry(consent.confirmed_at, f"confirmed {consent.list}")
    for why in profile.reasons:
        yield TimelineEntry(why.at, f"left because: {why.reason}{f', “{_line(why.words)}”' if why.words else ''}")
    for letter in profile.mail:
        yield TimelineEntry(letter.created_at, f"letter ({letter.kind}): {letter.state}")
    for delivery in profile.notices:
        yield TimelineEntry(delivery.at, f"{delivery.host} is told: {delivery.event} ({delivery.state})")
    for sent in profile.deliveries:
        reason = f" ({sent.reason})" if sent.reason else ""
        yield TimelineEntry(sent.at, f"send {sent.send_id}, {sent.slug}: {sent.state}{reason}", sent.send_id)


def _changed(change: MemberChange) -> str:
    words = f"{_line(change.before)} → {_line(change.after)}" if change.before else _line(change.after)
    return f"{change.kind}{f' {words}' if words else ''}"


def _line(text: str) -> str:
    """Returns text that a person wrote, in one line."""
    line = " ".join(clean_line(text).split())
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"
