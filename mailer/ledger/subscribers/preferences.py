"""Subscriber preferences, set on the subscriber's own page. Each change is one transaction and applies to running sends.

    preferences.set_lists(...)                 joins some lists, leaves others
    preferences.set_profile(...)               sets the fields of the profile
    preferences.pause(...), resume(...)        pauses all lists of the subscriber
    preferences.request_address_change(...)    mails a new address, which asks for confirmation
    preferences.move(mail_id)                  confirmed: moves the memberships to the new address, and tells the old one
    preferences.undo_move(mail_id)             takes the change back, by the link in the mail that told the old address
    preferences.give_reason(...)               records why the subscriber left everything

A frozen delivery that is not under way is skipped once its subscriber has left, or paused, all lists of the send; one that may
have been sent stays as it is. The list files get the changes by their next sync (mailer.ledger.sync.syncs). Raises LedgerError.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from mailer.addresses import Address, parse_address
from mailer.csv.rows import Status
from mailer.ledger.deliveries.skip import skip_unsubscribed
from mailer.ledger.privacy.address_history import later_addresses, link_addresses, unlink_addresses
from mailer.ledger.privacy.pseudonyms import is_pseudonym
from mailer.ledger.store.advisory_lock import CREATE_SEND, advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import consent, delivery, leaving_reason, list_, member, transactional_mail
from mailer.ledger.subscribers.members import (
    forget_fields,
    known_list,
    member_address,
    memberships,
    move_membership,
    set_status,
    subscribe,
    write_own,
)
from mailer.ledger.subscribers.signups import VALID_FOR
from mailer.ledger.subscribers.suppressions import standing
from mailer.ledger.subscribers.transactional import DAY, QueuedMail, load_mail, queue_once_a_day, void_links
from mailer.ledger.types.subscribers import LeavingReason, Membership, StatusSource
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional import TransactionalKind, TransactionalState

LONGEST_WORDS = 500  # characters of a free-text reason
UNDO_MOVE_FOR = 14 * DAY
_ASKED_BY, _MOVED = "asked by", "moved"  # the payload of the mail to the new address
_TO, _LISTS, _UNDONE = "to", "lists", "undone"  # the payload of the mail to the old one


class AddressChange(StrEnum):
    """The outcome of confirming a new address, or of taking the change back."""

    DONE = "done"
    REFUSED = "refused"  # one of the two is suppressed, or there is no membership to move
    EXPIRED = "expired"  # too late, or the address has changed since


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingReasonRecord:
    """The reason for an opt-out, which was made at `said_at`."""

    reason: LeavingReason
    words: str
    at: float
    said_at: float


class Preferences:
    """Changes preferences in one ledger. An identity is a canonical address (mailer.addresses)."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def set_lists(self, person: Address, on: Mapping[str, str], off: Collection[str], *, source: str) -> None:
        """Joins the lists `on`, each with the consent text of the page, and leaves those of `off`.

        Joining records a consent as confirmed, and lifts an opt-out: only for a subscriber who has just proved to read mail at
        the address.
        """

        def work(conn: Connection) -> None:
            at = self._context.clock()
            advisory_lock(conn, f"member {person.identity}")
            mine = {each.list: each for each in _current(conn, person.identity)}
            for name in off:
                if name in mine and mine[name].status is not Status.UNSUBSCRIBED:
                    _set_status(conn, mine[name], Status.UNSUBSCRIBED, by=source, at=at)
            _skip_open_deliveries(conn, person.identity, at=at)
            has_opted_out = standing(conn, person.identity) is not None
            for name in on:
                if has_opted_out or name not in mine or _is_off(mine[name]):
                    subscribe(conn, name, person, {}, source=source, at=at)
                    _keep_consent(conn, person.identity, name, on[name], source=source, at=at)

        self._context.writer.call(work).result()

    def set_profile(self, identity: str, own: Mapping[str, Mapping[str, str]], *, source: str) -> None:
        """Sets, by list, values of the profile. Other fields stay as they were."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, f"member {identity}")
            for each in _current(conn, identity):
                values = {**each.fields, **each.profile}
                changed = {
                    name: value for name, value in own.get(each.list, {}).items() if values.get(name, "") != value
                }
                if changed:
                    write_own(conn, each, {**each.profile, **changed}, by=source, at=self._context.clock())

        self._context.writer.call(work).result()

    def pause(self, identity: str, until: float, *, source: str, may_shorten: bool = True) -> None:
        """Pauses all subscribed lists until then. A pause that the subscriber set before ends then instead; without
        `may_shorten` no earlier than it would have.
        """

        def work(conn: Connection) -> None:
            at = self._context.clock()
            advisory_lock(conn, f"member {identity}")
            for each in _current(conn, identity):
                is_longer = may_shorten or each.paused_until is None or each.paused_until < until
                if each.effective_status(at) is Status.SUBSCRIBED or (_is_own_pause(each) and is_longer):
                    _set_status(conn, each, Status.PAUSED, by=source, at=at, until=until)
            _skip_open_deliveries(conn, identity, at=at)

        self._context.writer.call(work).result()

    def resume(self, identity: str, *, source: str) -> None:
        """Ends a pause that the subscriber set."""

        def work(conn: Connection) -> None:
            advisory_lock(conn, f"member {identity}")
            for each in _current(conn, identity):
                if _is_own_pause(each):
                    _set_status(conn, each, Status.SUBSCRIBED, by=source, at=self._context.clock())

        self._context.writer.call(work).result()

    def request_address_change(self, asked_by: int, new: Address) -> None:
        """Queues a mail to `new`, unless one was queued within a day. Does the same work for every address.

        `asked_by` is the mail whose link the subscriber used. When that link is void, so is the request.
        """
        payload = {_ASKED_BY: asked_by}
        self._context.writer.call(
            lambda conn: queue_once_a_day(
                conn, TransactionalKind.ADDRESS, new, at=self._context.clock(), payload=payload
            )
        ).result()

    def move(self, letter_id: int, *, source: str) -> AddressChange:
        """Changes the address after the new one was confirmed. Idempotent.

        Every list of the old address gets the new one, with all fields; the old one is unsubscribed, gets a mail that says so,
        and all other links that were mailed to it are void. A suppression of either address, other than a bounce of the old one,
        refuses the change: it must not circumvent a suppression.
        """

        def work(conn: Connection) -> AddressChange:
            mail = _mail_of_kind(conn, letter_id, TransactionalKind.ADDRESS)
            at = self._context.clock()
            if mail is None or at > mail.created_at + VALID_FOR:
                return AddressChange.EXPIRED
            if mail.payload.get(_MOVED):
                return AddressChange.DONE
            asked_by = load_mail(conn, mail.payload.get(_ASKED_BY, 0))
            if asked_by is None:
                return AddressChange.EXPIRED
            new = parse_address(mail.address)
            _lock_members(conn, {asked_by.identity, new.identity})
            old, asked_by = member_address(conn, asked_by.identity), load_mail(conn, asked_by.id)
            if old is None or asked_by is None or asked_by.link_made_at is None:
                return AddressChange.EXPIRED
            if old.identity == new.identity:
                return AddressChange.REFUSED
            old_suppression = standing(conn, old.identity)
            if standing(conn, new.identity) or (
                old_suppression and old_suppression.reason is not SuppressionReason.BOUNCED
            ):
                return AddressChange.REFUSED
            moving = [each for each in _current(conn, old.identity) if each.status is not Status.UNSUBSCRIBED]
            if not moving:
                return AddressChange.REFUSED
            before = {each.list: _former_state(conn, each, new) for each in moving}
            for each in moving:
                _move(conn, each, new, by=source, at=at)
            void_links(conn, old.identity, but=letter_id)
            _queue_notice(conn, old, {_TO: new.identity, _LISTS: before}, at=at)
            _set_payload(conn, letter_id, {**mail.payload, _MOVED: True})
            return AddressChange.DONE

        return self._context.writer.call(work).result()

    def undo_move(self, letter_id: int, *, source: str) -> AddressChange:
        """Takes a change of address back, for the old address that heard of it. Idempotent.

        The old address gets its lists again. The new one, and addresses that it moved on to, lose those that came by the change.
        They keep none of the fields, their histories no longer lead to the old address, and links mailed to them are void.
        Only a suppression of the old address, other than a bounce, refuses this.
        """

        def work(conn: Connection) -> AddressChange:
            mail = _mail_of_kind(conn, letter_id, TransactionalKind.MOVED)
            at = self._context.clock()
            if mail is None or at > mail.created_at + UNDO_MOVE_FOR:
                return AddressChange.EXPIRED
            if mail.payload.get(_UNDONE):
                return AddressChange.DONE
            first = mail.payload[_TO]
            taken = [first, *later_addresses(conn, first, since=mail.created_at)]
            taken = [identity for identity in taken if identity != mail.identity]
            _lock_members(conn, {mail.identity, *taken})
            suppression = standing(conn, mail.identity)
            if suppression and suppression.reason is not SuppressionReason.BOUNCED:
                return AddressChange.REFUSED
            before = mail.payload[_LISTS]
            for identity in taken:
                kept = {name for name, state in before.items() if identity == first and state["kept"]}
                _take_back(conn, identity, before.keys() - kept, by=source, at=at)
                unlink_addresses(conn, identity, mail.identity, since=mail.created_at)
                void_links(conn, identity, but=letter_id)
            for each in _current(conn, mail.identity):
                state = before.get(each.list)
                if state and _is_off(each):
                    _set_status(conn, each, Status(state["status"]), by=source, at=at, until=state["until"])
            void_links(conn, mail.identity, but=letter_id)
            _set_payload(conn, letter_id, {_UNDONE: True})
            return AddressChange.DONE

        return self._context.writer.call(work).result()

    def give_reason(self, identity: str, said_at: float, reason: LeavingReason, words: str) -> None:
        """Records why the person opted out at `said_at`; the last reason counts. Ignored if that opt-out is no longer active."""

        def work(conn: Connection) -> None:
            active = standing(conn, identity)
            if active is None or active.at != said_at or is_pseudonym(active.identity):
                return
            key = (leaving_reason.c.identity == identity, leaving_reason.c.said_at == said_at)
            conn.execute(delete(leaving_reason).where(*key))
            row = {"identity": identity, "said_at": said_at, "reason": reason, "words": words[:LONGEST_WORDS]}
            conn.execute(insert(leaving_reason).values(**row, at=self._context.clock()))

        self._context.writer.call(work).result()

    def reasons(self, identity: str) -> tuple[LeavingReasonRecord, ...]:
        """Returns all reasons that this person gave for leaving, the oldest first."""
        query = select(leaving_reason).where(leaving_reason.c.identity == identity).order_by(leaving_reason.c.said_at)
        with self._context.database.reading() as conn:
            return tuple(
                LeavingReasonRecord(reason=row.reason, words=row.words, at=row.at, said_at=row.said_at)
                for row in conn.execute(query)
            )

    def count_reasons(self, list_name: str) -> Mapping[LeavingReason, int]:
        """Counts the reasons for leaving everything of all members of a list, former ones too, the most frequent first."""
        of_list = and_(
            member.c.list_id == select(list_.c.id).where(list_.c.name == list_name).scalar_subquery(),
            member.c.identity == leaving_reason.c.identity,
        )
        columns = (leaving_reason.c.reason, func.count().label("people"))
        query = select(*columns).join(member, of_list).group_by(leaving_reason.c.reason)
        with self._context.database.reading() as conn:
            rows = conn.execute(query.order_by(func.count().desc(), leaving_reason.c.reason))
            return {row.reason: row.people for row in rows}


def _skip_open_deliveries(conn: Connection, identity: str, *, at: float) -> None:
    """Skips the open deliveries of the person. Waits for a send that is being created, which has read the lists already."""
    advisory_lock(conn, CREATE_SEND)
    skip_unsubscribed(conn, delivery.c.identity == identity, at=at)


def _lock_members(conn: Connection, identities: Collection[str]) -> None:
    for identity in sorted(identities):
        advisory_lock(conn, f"member {identity}")


def _current(conn: Connection, identity: str) -> tuple[Membership, ...]:
    """Returns the present memberships of the subscriber, whatever the status."""
    return tuple(each for each in memberships(conn, identity) if each.removed_at is None)


def _is_off(each: Membership) -> bool:
    return each.status in {Status.UNSUBSCRIBED, Status.UNCONFIRMED}


def _is_own_pause(each: Membership) -> bool:
    return each.status is Status.PAUSED and each.status_source is StatusSource.PERSON


def _set_status(
    conn: Connection, each: Membership, status: Status, *, by: str, at: float, until: float | None = None
) -> None:
    set_status(conn, each.list, each.identity, status, status_source=StatusSource.PERSON, by=by, at=at, until=until)


def _keep_consent(conn: Connection, identity: str, list_name: str, words: str, *, source: str, at: float) -> None:
    """Records the consent, as confirmed: only the subscriber has a link that joins lists."""
    conn.execute(
        insert(consent).values(
            identity=identity,
            list_id=known_list(conn, list_name),
            at=at,
            form=source,
            words=words,
            ip="",
            confirmed_at=at,
        )
    )


def _mail_of_kind(conn: Connection, letter_id: int, kind: TransactionalKind) -> QueuedMail | None:
    found = load_mail(conn, letter_id)
    return found if found is not None and found.kind is kind else None


def _set_payload(conn: Connection, letter_id: int, payload: Mapping[str, Any]) -> None:
    conn.execute(update(transactional_mail).where(transactional_mail.c.id == letter_id).values(payload=dict(payload)))


def _queue_notice(conn: Connection, old: Address, payload: Mapping[str, Any], *, at: float) -> None:
    """Queues the mail to the old address: after every change, however many there are in a day."""
    conn.execute(
        insert(transactional_mail).values(
            kind=TransactionalKind.MOVED,
            identity=old.identity,
            address=old.envelope,
            payload=dict(payload),
            created_at=at,
            state=TransactionalState.QUEUED,
            next_at=at,
        )
    )


def _former_state(conn: Connection, each: Membership, new: Address) -> dict[str, object]:
    """Returns what undoing a move needs: the status at the old address, and whether the new one is on the list by itself."""
    there = {found.list: found for found in _current(conn, new.identity)}.get(each.list)
    kept = there is not None and not _is_off(there)
    return {"status": each.status.value, "until": each.paused_until, "kept": kept}


def _take_back(conn: Connection, identity: str, names: Collection[str], *, by: str, at: float) -> None:
    """Takes the address off these lists, with all that came to it by a move."""
    for each in _current(conn, identity):
        if each.list in names:
            _set_status(conn, each, Status.UNSUBSCRIBED, by=by, at=at)
            forget_fields(conn, each)
    _skip_open_deliveries(conn, identity, at=at)


def _move(conn: Connection, each: Membership, new: Address, *, by: str, at: float) -> None:
    """Moves one membership: the new one gets the fields and status of the old one; the file gets it at its next sync."""
    list_id = known_list(conn, each.list)
    there = next((found for found in memberships(conn, new.identity) if found.list == each.list), None)
    if there is None:
        move_membership(conn, list_id, new, each, by=by, at=at)
    else:
        own = {**each.profile, **there.profile}
        if own != dict(there.profile):
            write_own(conn, there, own, by=by, at=at)
        if there.removed_at is not None or _is_off(there):
            _set_status(conn, there, each.status, by=by, at=at, until=each.paused_until)
    _set_status(conn, each, Status.UNSUBSCRIBED, by=by, at=at)
    link_addresses(conn, list_id, each.identity, new.identity, by=by, at=at)
