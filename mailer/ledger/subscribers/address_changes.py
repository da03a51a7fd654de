"""Changes of a subscriber's address, which the new address confirms and the old one can take back.

    address_changes.request(...)         mails the new address, which asks for confirmation
    address_changes.confirm(mail_id)     moves the memberships to the new address, and tells the old one
    address_changes.undo(mail_id)        takes the change back, by the link in the mail that told the old address
    address_changes.outlook(mail_id)     what these would do now; changes nothing

Each is one transaction and applies to running sends. The list files get the changes by their next sync. Raises LedgerError.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, update

from mailer.addresses import Address, parse_address
from mailer.csv.rows import Status
from mailer.ledger.privacy.address_history import later_addresses, link_addresses, unlink_addresses
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import transactional_mail
from mailer.ledger.subscribers.members import (
    forget_fields,
    known_list,
    member_address,
    memberships,
    move_membership,
    write_own,
)
from mailer.ledger.subscribers.preferences import is_off, present_memberships, set_own_status, skip_open_deliveries
from mailer.ledger.subscribers.signups import VALID_FOR
from mailer.ledger.subscribers.suppressions import active_suppression, unsuppress
from mailer.ledger.subscribers.transactional_mail_queue import (
    DAY,
    QueuedMail,
    load_mail,
    load_mails,
    queue_once_a_day,
    void_links,
)
from mailer.ledger.types.subscribers import Membership
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState

UNDO_MOVE_FOR = 14 * DAY
_ASKED_BY, _MOVED = "asked by", "moved"  # the payload of the mail to the new address
_TO, _LISTS, _UNDONE = "to", "lists", "undone"  # the payload of the mail to the old one


_ALLOWS_UNDO = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED})


class AddressChange(StrEnum):
    """The outcome of confirming a new address, or of taking the change back."""

    DONE = "done"
    TAKEN_BACK = "taken back"  # it was done, and then undone by the old address
    REFUSED = "refused"  # one of the two is suppressed, or there is no membership to move
    EXPIRED = "expired"  # too late, or the address has changed since


class AddressChanges:
    """Changes addresses in one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def request(self, asked_by: int, new: Address) -> None:
        """Queues a mail to `new`, unless one was queued within a day. Does the same work for every address.

        `asked_by` is the mail whose link the subscriber used. When that link is void, so is the request.
        """
        payload = {_ASKED_BY: asked_by}
        self._context.writer.call(
            lambda conn: queue_once_a_day(
                conn, TransactionalKind.ADDRESS, new, at=self._context.clock(), payload=payload
            )
        ).result()

    def confirm(self, mail_id: int, *, source: str) -> AddressChange:
        """Changes the address after the new one was confirmed. Idempotent.

        Every list of the old address gets the new one, with all fields; the old one is unsubscribed, gets a mail that says so,
        and all other links that were mailed to it are void. A suppression of either address, other than a bounce of the old one,
        refuses the change: it must not circumvent a suppression.
        """

        def work(conn: Connection) -> AddressChange:
            at = self._context.clock()
            mail = _mail_of_kind(conn, mail_id, TransactionalKind.ADDRESS)
            asked_by = mail and load_mail(conn, mail.payload.get(_ASKED_BY, 0))
            if mail is None or asked_by is None or is_done(mail):
                return _outlook_of_confirming(conn, mail, at)
            _lock_members(conn, {asked_by.identity, mail.identity})
            result = _outlook_of_confirming(conn, mail, at)
            old, new = member_address(conn, asked_by.identity), parse_address(mail.address)
            if result is not AddressChange.DONE or old is None:
                return result
            moving = _moving(conn, old.identity)
            before = {each.list: _former_state(conn, each, new) for each in moving}
            for each in moving:
                _move(conn, each, new, by=source, at=at)
            void_links(conn, old.identity, but=mail_id)
            _queue_notice(conn, old, {_TO: new.identity, _LISTS: before}, at=at)
            _set_payload(conn, mail_id, {**mail.payload, _MOVED: True})
            return AddressChange.DONE

        return self._context.writer.call(work).result()

    def undo(self, mail_id: int, *, source: str) -> AddressChange:
        """Takes a change of address back, for the old address that heard of it. Idempotent.

        The old address gets its lists again. The new one, and addresses that it moved on to, lose those that came by the change.
        They keep none of the fields, their histories no longer lead to the old address, and links mailed to them are void.
        It lifts an opt-out of the old address, which was made after the change, maybe by a link in an old message. Any other
        suppression of the old address, except a bounce, refuses this.
        """

        def work(conn: Connection) -> AddressChange:
            at = self._context.clock()
            mail = _mail_of_kind(conn, mail_id, TransactionalKind.MOVED)
            if mail is None or is_done(mail):
                return _outlook_of_undoing(conn, mail, at)
            first = mail.payload[_TO]
            taken = [first, *later_addresses(conn, first, since=mail.created_at)]
            taken = [identity for identity in taken if identity != mail.identity]
            _lock_members(conn, {mail.identity, *taken})
            result = _outlook_of_undoing(conn, mail, at)
            if result is not AddressChange.DONE:
                return result
            unsuppress(conn, mail.identity, {SuppressionReason.UNSUBSCRIBED}, source=source, at=at)
            before = mail.payload[_LISTS]
            for identity in taken:
                kept = {name for name, state in before.items() if identity == first and state["kept"]}
                _take_back(conn, identity, before.keys() - kept, by=source, at=at)
                unlink_addresses(conn, identity, mail.identity, since=mail.created_at)
                void_links(conn, identity, but=mail_id)
            for each in present_memberships(conn, mail.identity):
                state = before.get(each.list)
                if state and is_off(each):
                    set_own_status(conn, each, Status(state["status"]), by=source, at=at, until=state["until"])
            void_links(conn, mail.identity, but=mail_id)
            _mark_taken_back(conn, mail.identity, first)
            _set_payload(conn, mail_id, {_UNDONE: True})
            return AddressChange.DONE

        return self._context.writer.call(work).result()

    def outlook(self, mail_id: int) -> AddressChange:
        """Returns what `confirm` or `undo` would return now; DONE if it would change the address, or has done so."""
        with self._context.database.reading() as conn:
            mail, at = load_mail(conn, mail_id), self._context.clock()
            is_undo = mail is not None and mail.kind is TransactionalKind.MOVED
            return (_outlook_of_undoing if is_undo else _outlook_of_confirming)(conn, mail, at)


def asked_by(mail: QueuedMail) -> int | None:
    """Returns the number of the mail whose link asked for the change that `mail` is to confirm."""
    return mail.payload.get(_ASKED_BY)


def is_done(mail: QueuedMail) -> bool:
    """Whether the change that `mail` is to confirm, or the undoing that it offers, was done."""
    return bool(mail.payload.get(_MOVED) or mail.payload.get(_UNDONE))


def _outlook_of_confirming(conn: Connection, mail: QueuedMail | None, at: float) -> AddressChange:
    """Returns the outcome of the link in the mail to the new address; DONE also if it was used before."""
    if mail is not None and is_done(mail):
        return AddressChange.TAKEN_BACK if mail.payload.get(_UNDONE) else AddressChange.DONE
    if mail is None or mail.created_at < at - VALID_FOR:
        return AddressChange.EXPIRED
    asked_by = load_mail(conn, mail.payload.get(_ASKED_BY, 0))
    old = asked_by and member_address(conn, asked_by.identity)
    if old is None or asked_by is None or asked_by.link_made_at is None:
        return AddressChange.EXPIRED
    suppression = active_suppression(conn, old.identity)
    is_free = suppression is None or suppression.reason is SuppressionReason.BOUNCED
    if old.identity == mail.identity or active_suppression(conn, mail.identity) or not is_free:
        return AddressChange.REFUSED
    return AddressChange.DONE if _moving(conn, old.identity) else AddressChange.REFUSED


def _outlook_of_undoing(conn: Connection, mail: QueuedMail | None, at: float) -> AddressChange:
    """Returns the outcome of the link in the mail to the old address; DONE also if it was used before."""
    if mail is not None and is_done(mail):
        return AddressChange.DONE
    if mail is None or mail.created_at < at - UNDO_MOVE_FOR:
        return AddressChange.EXPIRED
    suppression = active_suppression(conn, mail.identity)
    is_free = suppression is None or suppression.reason in _ALLOWS_UNDO
    return AddressChange.DONE if is_free else AddressChange.REFUSED


def _moving(conn: Connection, identity: str) -> list[Membership]:
    """Returns the memberships that a change of address moves."""
    return [each for each in present_memberships(conn, identity) if each.status is not Status.UNSUBSCRIBED]


def _mark_taken_back(conn: Connection, old: str, new: str) -> None:
    """Marks the mails whose links moved lists from `old` to `new`: `new` gets them no longer."""
    for mail in load_mails(conn, new):
        asked_by = load_mail(conn, mail.payload.get(_ASKED_BY, 0))
        if mail.payload.get(_MOVED) and asked_by is not None and asked_by.identity == old:
            _set_payload(conn, mail.id, {**mail.payload, _UNDONE: True})


def _lock_members(conn: Connection, identities: Collection[str]) -> None:
    for identity in sorted(identities):
        advisory_lock(conn, f"member {identity}")


def _mail_of_kind(conn: Connection, mail_id: int, kind: TransactionalKind) -> QueuedMail | None:
    found = load_mail(conn, mail_id)
    return found if found is not None and found.kind is kind else None


def _set_payload(conn: Connection, mail_id: int, payload: Mapping[str, Any]) -> None:
    conn.execute(update(transactional_mail).where(transactional_mail.c.id == mail_id).values(payload=dict(payload)))


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
    there = {found.list: found for found in present_memberships(conn, new.identity)}.get(each.list)
    kept = there is not None and not is_off(there)
    return {"status": each.status.value, "until": each.paused_until, "kept": kept}


def _take_back(conn: Connection, identity: str, names: Collection[str], *, by: str, at: float) -> None:
    """Takes the address off these lists, with all that came to it by a move."""
    for each in present_memberships(conn, identity):
        if each.list in names:
            set_own_status(conn, each, Status.UNSUBSCRIBED, by=by, at=at)
            forget_fields(conn, each)
    skip_open_deliveries(conn, identity, at=at)


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
        if there.removed_at is not None or is_off(there):
            set_own_status(conn, there, each.status, by=by, at=at, until=each.paused_until)
    set_own_status(conn, each, Status.UNSUBSCRIBED, by=by, at=at)
    link_addresses(conn, list_id, each.identity, new.identity, by=by, at=at)
