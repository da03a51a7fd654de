"""All that lists and ledger know of one subscriber, for an admin and for the subscriber.

    find_profile(app, address)       lists, changes, consent, sends, mail; also those of former addresses
    subject_copy(profile)            the same for the subscriber: without the addresses that others moved to from this one
    mail_state(person)               whether they get mail, in words
    profile_object(person)           its JSON

The state of a list is the ledger's; for a row that was not synced yet, the file's. Lists that cannot be read, and a missing
ledger, are left out. Raises LedgerError.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from mailer.addresses import Address
from mailer.app import App
from mailer.csv.list_errors import ListError
from mailer.csv.reader import open_list
from mailer.csv.rows import Member, Status
from mailer.iso_time import format_iso
from mailer.ledger.subscribers.leaving_reasons import LeavingReasonRecord
from mailer.ledger.subscribers.signups import ConsentRecord
from mailer.ledger.subscribers.transactional_mail_queue import QueuedMail
from mailer.ledger.types.feedback import FeedbackEntry
from mailer.ledger.types.subscribers import MemberChange, MemberChangeKind, Membership
from mailer.ledger.types.suppressions import Suppression, SuppressionChange
from mailer.service.lists.export import status_word
from mailer.service.lists.file_digests import find_digest


class _Timestamped(Protocol):
    @property
    def at(self) -> float: ...


_WOULD_BE_MAILED = frozenset(
    {Status.SUBSCRIBED.value, Status.PAUSED.value, Status.UNCONFIRMED.value, Status.UNKNOWN.value}
)
_NOT_ON_LIST = frozenset({"removed", Status.ERASED.value})
_Dated = TypeVar("_Dated", bound=_Timestamped)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """A list that the subscriber is or was on. `line`: in its file; `since`, `by`: of the status; None and "" before a sync.

    `is_suppressed`: the list would mail the address, but it is suppressed; then the status is that of the suppression.
    """

    list: str
    line: int | None
    status: str
    since: float | None = None
    by: str = ""
    joined: float | None = None
    source: str = "file"
    paused_until: float | None = None
    is_suppressed: bool = False
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    send_id: int
    slug: str
    state: str
    reason: str
    attempts: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookNotice:
    """What a webhook was notified of, or is to be. `host`: of its URL, since the whole URL may hold a secret."""

    event: str
    host: str
    state: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberProfile:
    """`history`: of suppressions; `changes`: of list memberships. Both the oldest first, deliveries the newest.

    `formerly`: the addresses before this one; `later`: those after it.
    """

    display: str
    lists: tuple[ListEntry, ...] = ()
    suppression: Suppression | None = None
    history: tuple[SuppressionChange, ...] = ()
    changes: tuple[MemberChange, ...] = ()
    consents: tuple[ConsentRecord, ...] = ()
    reasons: tuple[LeavingReasonRecord, ...] = ()
    mail: tuple[QueuedMail, ...] = ()
    notices: tuple[WebhookNotice, ...] = ()
    deliveries: tuple[Sent, ...] = ()
    feedback: tuple[FeedbackEntry, ...] = ()
    formerly: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether anything is known of the address."""
        return bool(self.lists or self.suppression or self.history or self.changes or self.deliveries or self.mail)


def find_profile(app: App, address: Address, *, read_files: bool = True) -> SubscriberProfile:
    """Returns everything known of `address`. Without `read_files`: lists are as of their last sync, which is quick."""
    rows = _rows(app, address) if read_files else {}
    if not app.has_ledger:
        return SubscriberProfile(
            display=address.display, lists=tuple(_unsynced(row, name) for name, row in rows.items())
        )
    ledger, now = app.ledger, app.clock()
    formerly = ledger.members.former_addresses(address.identity)
    identities = (address.identity, *formerly)
    members = {each.list: each for each in ledger.members.of(address.identity)}
    lines: dict[str, int | None] = {name: each.line for name, each in members.items()}
    if read_files:
        lines = {name: row.line for name, row in rows.items()}
    lists = [_list_entry(each, lines.get(name), now) for name, each in members.items()]
    lists += [_unsynced(row, name) for name, row in rows.items() if name not in members]
    suppression = ledger.suppressions.get(address.identity)
    return SubscriberProfile(
        display=address.display,
        lists=tuple(sorted((_as_mailed(each, suppression) for each in lists), key=lambda each: each.list)),
        suppression=suppression,
        history=_by_time(each for identity in identities for each in ledger.suppressions.history(identity)),
        changes=_by_time(each for identity in identities for each in ledger.members.changes(identity)),
        consents=_by_time(each for identity in identities for each in ledger.signups.consents(identity)),
        reasons=_by_time(each for identity in identities for each in ledger.leaving_reasons.of(identity)),
        mail=tuple(each for identity in identities for each in ledger.transactional.of(identity)),
        notices=_by_time(_webhook_notices(app, identities)),
        deliveries=_by_time(each for identity in identities for each in _sent(app, identity))[::-1],
        feedback=_by_time(each for identity in identities for each in ledger.feedback.of(identity)),
        formerly=formerly,
        later=ledger.members.later_addresses(address.identity),
    )


def mail_state(person: SubscriberProfile) -> str:
    """Returns in words whether the person gets mail: on which lists, or why not."""
    if person.suppression:
        held = person.suppression
        return f"gets no mail: {held.reason} since {format_iso(held.at)}, by {held.source}"
    active = [each for each in person.lists if each.status not in _NOT_ON_LIST]
    if mailed := [each.list for each in active if each.status == Status.SUBSCRIBED]:
        return f"gets mail, on {', '.join(mailed)}"
    return f"gets no mail: {', '.join(f'{each.status} on {each.list}' for each in active) or 'on no list'}"


def subject_copy(person: SubscriberProfile) -> SubscriberProfile:
    """Returns what the subscriber at this address may see: not the address that another subscriber moved to from here."""
    changes = tuple(
        each for each in person.changes if each.kind is not MemberChangeKind.ADDRESS or each.after not in person.later
    )
    return replace(person, changes=changes, later=())


def lists_with(app: App, address: Address) -> tuple[str, ...]:
    """Returns the lists whose files contain the address."""
    return tuple(_rows(app, address))


def lists_of(app: App, address: Address) -> list[str]:
    """Returns the lists that the address is on: in their files, or by a sign-up that is not in a file yet."""
    members = app.ledger.members.of(address.identity)
    return sorted({*lists_with(app, address), *(each.list for each in members if each.removed_at is None)})


def _rows(app: App, address: Address) -> dict[str, Member]:
    """Returns the row of each list that counts for this person; a file is read only if it changed since its last sync."""
    indexed = _rows_by_index(app, address)
    rows: dict[str, Member] = {}
    for name in app.workspace.list_names():
        row = indexed[name] if name in indexed else _row_by_file(app, name, address)
        if row is not None:
            rows[name] = row
    return rows


def _rows_by_index(app: App, address: Address) -> dict[str, Member | None]:
    """Returns what the members of the ledger say of each list whose file is as the last sync left it."""
    if not app.has_ledger:
        return {}
    ledger = app.ledger
    members = {each.list: each for each in ledger.members.of(address.identity) if each.in_file}
    rows: dict[str, Member | None] = {}
    for name in app.workspace.list_names():
        found, state = members.get(name), ledger.syncs.state(name)
        if state is None or not _has_digest(app, name, state.digest):
            continue
        if found is None:
            rows[name] = None
        elif found.line is not None:  # None for a row that the last sync appended, until the next one
            rows[name] = Member(found.line, address, found.fields, found.status)
    return rows


def _has_digest(app: App, name: str, digest: str) -> bool:
    try:
        return find_digest(app, name) == digest
    except ListError:
        return False


def _row_by_file(app: App, name: str, address: Address) -> Member | None:
    """Returns the first row of this person in a list file, which counts; None where the file cannot be read."""
    try:
        source = open_list(app.workspace.list_file(name), name)
    except ListError:
        return None
    rows = (row for row in source.rows(duplicates=False) if isinstance(row, Member))
    return next((row for row in rows if row.address.identity == address.identity), None)


def _list_entry(each: Membership, line: int | None, now: float) -> ListEntry:
    status = each.effective_status(now)
    return ListEntry(
        list=each.list,
        line=line,
        status="removed" if each.removed_at is not None else status.value,
        since=each.since if each.removed_at is None else each.removed_at,
        by=each.status_source.value,
        joined=each.joined_at,
        source=each.source.value,
        paused_until=each.paused_until if status is each.status else None,
        fields=each.values,
    )


def _as_mailed(each: ListEntry, suppression: Suppression | None) -> ListEntry:
    """Returns the entry with the status that counts: a suppression holds on every list."""
    if suppression is None or each.status not in _WOULD_BE_MAILED:
        return each
    return replace(
        each,
        status=status_word(suppression.reason),
        since=suppression.at,
        by=suppression.source,
        paused_until=None,
        is_suppressed=True,
    )


def _unsynced(row: Member, name: str) -> ListEntry:
    return ListEntry(list=name, line=row.line, status=row.status.value, fields=dict(row.fields))


def _sent(app: App, identity: str) -> tuple[Sent, ...]:
    ledger = app.ledger
    return tuple(
        Sent(
            send_id=each.send_id,
            slug=ledger.sends.get(each.send_id).slug,
            state=each.state.value,
            reason=each.reason,
            attempts=each.attempts,
            at=each.updated_at,
        )
        for each in ledger.report.deliveries_of(identity)
    )


def _webhook_notices(app: App, identities: Iterable[str]) -> Iterator[WebhookNotice]:
    hosts = {each.id: urlsplit(each.url).hostname or "" for each in app.ledger.webhooks.all()}
    for message in (each for identity in identities for each in app.ledger.outbox.of(identity)):
        if message.webhook_id in hosts:
            yield WebhookNotice(
                event=message.event.value,
                host=hosts[message.webhook_id],
                state=message.state.value,
                at=message.at,
            )


def _by_time(found: Iterable[_Dated]) -> tuple[_Dated, ...]:
    return tuple(sorted(found, key=lambda each: each.at))


def profile_object(person: SubscriberProfile) -> dict[str, object]:
    """Returns the JSON object of `subscriber show --json` and `subscriber export`."""
    held = person.suppression
    return {
        "email": person.display,
        "formerly": list(person.formerly),
        "later": list(person.later),
        "lists": [
            {
                "list": each.list,
                "line": each.line,
                "status": each.status,
                "since": format_iso(each.since),
                "by": each.by,
                "joined": format_iso(each.joined),
                "source": each.source,
                "paused_until": format_iso(each.paused_until),
                "fields": dict(each.fields),
            }
            for each in person.lists
        ],
        "suppression": held and {"reason": held.reason.value, "at": format_iso(held.at), "source": held.source},
        "history": [
            {"change": each.change.value, "reason": each.reason.value, "at": format_iso(each.at), "source": each.source}
            for each in person.history
        ],
        "changes": [
            {
                "at": format_iso(each.at),
                "list": each.list,
                "what": each.kind.value,
                "before": _change_value(each, each.before),
                "after": _change_value(each, each.after),
                "by": each.by,
            }
            for each in person.changes
        ],
        "consents": [
            {
                "list": each.list,
                "at": format_iso(each.at),
                "form": each.form,
                "words": each.words,
                "ip": each.ip,
                "confirmed": format_iso(each.confirmed_at),
            }
            for each in person.consents
        ],
        "reasons": [
            {"reason": each.reason.value, "words": each.words, "at": format_iso(each.at)} for each in person.reasons
        ],
        "letters": [
            {"kind": each.kind.value, "state": each.state.value, "at": format_iso(each.created_at)}
            for each in person.mail
        ],
        "told": [
            {"type": each.event, "to": each.host, "state": each.state, "at": format_iso(each.at)}
            for each in person.notices
        ],
        "deliveries": [
            {
                "send": each.send_id,
                "slug": each.slug,
                "state": each.state,
                "reason": each.reason,
                "attempts": each.attempts,
                "at": format_iso(each.at),
            }
            for each in person.deliveries
        ],
        "feedback": [
            {
                "at": format_iso(each.at),
                "kind": each.kind.value,
                "send": each.send_id,
                "status": each.status,
                "reason": each.reason.value,
                "words": each.words,
                "effect": each.effect.value,
            }
            for each in person.feedback
        ],
    }


def _change_value(change: MemberChange, text: str) -> object:
    """Returns fields as an object, anything else as the text that it is."""
    return json.loads(text) if text and change.kind in {MemberChangeKind.FIELDS, MemberChangeKind.OWN} else text
