"""One person's story: all that happened, in words, the newest first."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailer.ledger.types.subscribers import MemberChange
from mailer.sanitize import clean
from mailer.service.subscribers.profile import SubscriberProfile

_LONGEST = 200  # characters of a person's words


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """`send` is the number of the send that it belongs to, if any."""

    at: float
    words: str
    send: int | None = None


def timeline(person: SubscriberProfile) -> tuple[TimelineEntry, ...]:
    """What happened to `person`."""
    return tuple(sorted(_happened(person), key=lambda each: each.at, reverse=True))


def _happened(person: SubscriberProfile) -> Iterator[TimelineEntry]:
    for each in person.history:
        yield TimelineEntry(each.at, f"{each.change} ({each.reason}), by {each.source}", each.send_id)
    for change in person.changes:
        yield TimelineEntry(change.at, f"{change.list}: {_changed(change)}, by {change.by}")
    for consent in person.consents:
        place = f" from {consent.ip}" if consent.ip else ""
        yield TimelineEntry(consent.at, f"asked for {consent.list} by {consent.form}{place}: “{_line(consent.words)}”")
        if consent.confirmed_at is not None:
            yield TimelineEntry(consent.confirmed_at, f"confirmed {consent.list}")
    for why in person.reasons:
        yield TimelineEntry(why.at, f"left because: {why.reason}{f', “{_line(why.words)}”' if why.words else ''}")
    for letter in person.letters:
        yield TimelineEntry(letter.created_at, f"letter ({letter.kind}): {letter.state}")
    for told in person.told:
        yield TimelineEntry(told.at, f"{told.host} is told: {told.event} ({told.state})")
    for sent in person.deliveries:
        reason = f" ({sent.reason})" if sent.reason else ""
        yield TimelineEntry(sent.at, f"send {sent.send_id}, {sent.slug}: {sent.state}{reason}", sent.send_id)


def _changed(change: MemberChange) -> str:
    words = f"{_line(change.before)} → {_line(change.after)}" if change.before else _line(change.after)
    return f"{change.what}{f' {words}' if words else ''}"


def _line(text: str) -> str:
    """A person's words in one line."""
    line = " ".join(clean(text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
