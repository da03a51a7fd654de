"""The members of lists, from files and sign-ups, and every change of them.

    members.of(identity)        every list that a subscriber is or was on
    subscribe(conn, ...)        a confirmed request for a list, within the transaction of signups.py or preferences.py
    set_status, write_own ...   changes by the subscriber, within the transaction of preferences.py

Changes of the file come by a sync (mailer.ledger.sync.syncs). An opt-out from everything is a suppression, not a status. Each
change is recorded in the subscriber's history in the same transaction. Raises LedgerError; UsageError for a member that does
not exist.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, exists, insert, select, update

from mailer.addresses import Address, parse_address
from mailer.csv.rows import Status
from mailer.errors import UsageError
from mailer.ledger.privacy.address_history import former_addresses, later_addresses
from mailer.ledger.privacy.pseudonyms import aliases, is_pseudonym
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import list_, member, member_change, suppression
from mailer.ledger.subscribers.suppressions import unsuppress
from mailer.ledger.types.subscribers import (
    NO_LINE,
    MemberChange,
    MemberChangeKind,
    Membership,
    SignupSource,
    StatusSource,
)
from mailer.ledger.types.suppressions import SuppressionReason, UnsuppressStatus
from mailer.ledger.webhooks.outbox import enqueue_subscribed, enqueue_unsubscribed

UNDONE_BY_JOINING = frozenset(
    {
        SuppressionReason.BOUNCED,
        SuppressionReason.UNSUBSCRIBED,
        SuppressionReason.COMPLAINED,
        SuppressionReason.ERASED,
    }
)
"""Suppressions that the subscriber's own confirmation lifts, including an erasure. One by an admin stays."""


class Members:
    """Reads the members of one ledger. An identity is a canonical address (mailer.addresses)."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def get(self, list_name: str, identity: str) -> Membership | None:
        """Returns the membership of this person on this list; None if there never was one."""
        with self._context.database.reading() as conn:
            return _load(conn, list_name, identity)

    def address_of(self, identity: str) -> Address | None:
        """Returns the address as the person's oldest row has it; None for an unknown or erased subscriber."""
        with self._context.database.reading() as conn:
            return member_address(conn, identity)

    def of(self, identity: str) -> tuple[Membership, ...]:
        """Returns the memberships of this person, former ones too, by the name of the list."""
        with self._context.database.reading() as conn:
            return memberships(conn, identity)

    def erased_lines(self, list_name: str) -> tuple[int, ...]:
        """Returns the lines, as of the last sync, that the list's file still has of erased people."""
        query = (
            select(member.c.line)
            .join(list_, list_.c.id == member.c.list_id)
            .join(suppression, suppression.c.identity == member.c.identity)
            .where(list_.c.name == list_name, suppression.c.reason == SuppressionReason.ERASED)
            .where(member.c.in_file, member.c.removed_at.is_(None), member.c.line != NO_LINE)
            .order_by(member.c.line)
        )
        with self._context.database.reading() as conn:
            return tuple(conn.execute(query).scalars())

    def former_addresses(self, identity: str) -> tuple[str, ...]:
        """Returns the identities that this person had before, the latest first."""
        with self._context.database.reading() as conn:
            return former_addresses(conn, identity)

    def later_addresses(self, identity: str) -> tuple[str, ...]:
        """Returns the identities that this person took afterwards, the earliest first."""
        with self._context.database.reading() as conn:
            return later_addresses(conn, identity)

    def changes(self, identity: str) -> tuple[MemberChange, ...]:
        """Returns all changes of this person, the oldest first."""
        query = select(list_.c.name, member_change).join(list_).order_by(member_change.c.id)
        with self._context.database.reading() as conn:
            rows = conn.execute(query.where(member_change.c.identity.in_(aliases(conn, identity))))
            return tuple(_change(row) for row in rows)


def subscribe(
    conn: Connection, list_name: str, address: Address, own: Mapping[str, str], *, source: str, at: float
) -> None:
    """Within a transaction: the subscriber joins `list_name`, with the values of `own` in the profile.

    An opt-out from all lists is lifted, and becomes an opt-out from each of their other lists. An erased subscriber starts with
    an empty history: rows that list files still have of the pseudonym are restored.
    """
    list_id, identity = known_list(conn, list_name), address.identity
    advisory_lock(conn, f"member {identity}")
    had_opted_out = _unsuppress(
        conn, identity, {each for each in UNDONE_BY_JOINING if each.is_by_recipient}, by=source, at=at
    )
    lifted = _unsuppress(conn, identity, set(UNDONE_BY_JOINING), by=source, at=at) or had_opted_out
    _resubscribe(conn, address)
    if had_opted_out:
        _leave_others(conn, identity, list_id, by=source, at=at)
    found = _load(conn, list_name, identity)
    if found is None or lifted or not found.is_mailed:
        enqueue_subscribed(conn, identity, list_name, at=at)
    if found is None:
        _insert(conn, list_id, address, own, by=source, at=at)
        return
    kept = {**found.profile, **own}
    if kept != dict(found.profile):
        write_own(conn, found, kept, by=source, at=at)
    _put_status(
        conn, list_name, identity, Status.SUBSCRIBED, status_source=StatusSource.PERSON, by=source, at=at, until=None
    )


def _unsuppress(conn: Connection, identity: str, liftable: set[SuppressionReason], *, by: str, at: float) -> bool:
    """Lifts all suppressions of the kinds `liftable`, also shadowed ones; whether there was one."""
    found = False
    while unsuppress(conn, identity, liftable, source=by, at=at).outcome is UnsuppressStatus.LIFTED:
        found = True
    return found


def _resubscribe(conn: Connection, address: Address) -> None:
    """Restores the rows that an erasure left under the pseudonym."""
    pseudonyms = [name for name in aliases(conn, address.identity) if name != address.identity]
    there = member.alias()
    has_row = exists().where(there.c.list_id == member.c.list_id, there.c.identity == address.identity)
    conn.execute(
        update(member)
        .where(member.c.identity.in_(pseudonyms), member.c.list_id.in_(select(list_.c.id)), ~has_row)
        .values(
            identity=address.identity,
            address=address.envelope,
            status=Status.UNSUBSCRIBED,
            status_source=StatusSource.PERSON,
        )
    )


def _leave_others(conn: Connection, identity: str, list_id: int, *, by: str, at: float) -> None:
    """Unsubscribes the person from all other lists, as the opt-out from everything did; webhooks were notified of that."""
    query = _query().where(member.c.identity == identity, member.c.list_id != list_id, member.c.removed_at.is_(None))
    for each in map(_membership, conn.execute(query).all()):
        if each.status is not Status.UNSUBSCRIBED:
            _put_status(
                conn,
                each.list,
                identity,
                Status.UNSUBSCRIBED,
                status_source=StatusSource.PERSON,
                by=by,
                at=at,
                until=None,
            )


def member_address(conn: Connection, identity: str) -> Address | None:
    """Returns the address as the person's oldest row has it; None for an unknown or erased subscriber."""
    query = select(member.c.address).where(member.c.list_id.in_(select(list_.c.id)), member.c.identity == identity)
    found = conn.execute(query.order_by(member.c.id).limit(1)).scalar()
    return None if found is None or is_pseudonym(identity) else parse_address(found)


def known_list(conn: Connection, name: str) -> int:
    """Returns the number of a list, which is created if the ledger does not know it yet."""
    query = select(list_.c.id).where(list_.c.name == name)
    number = conn.execute(query).scalar()
    if number is None:
        advisory_lock(conn, "lists")
        number = conn.execute(query).scalar()
    if number is None:
        new = insert(list_).values(name=name, columns=[], findings={}).returning(list_.c.id)
        number = conn.execute(new).scalar_one()
    return int(number)


def as_json(fields: Mapping[str, str]) -> str:
    return json.dumps(dict(fields), ensure_ascii=False, separators=(",", ":"))


def memberships(conn: Connection, identity: str) -> tuple[Membership, ...]:
    """Returns the memberships of this person, former ones too, by the name of the list."""
    mine = and_(member.c.list_id.in_(select(list_.c.id)), member.c.identity.in_(aliases(conn, identity)))
    return tuple(_membership(row) for row in conn.execute(_query().where(mine).order_by(list_.c.name)))


def set_status(
    conn: Connection,
    list_name: str,
    identity: str,
    status: Status,
    *,
    status_source: StatusSource,
    by: str,
    at: float,
    until: float | None,
) -> Membership:
    """Within a transaction: sets the status on this list. Raises UsageError for somebody who is not on it."""
    advisory_lock(conn, f"member {identity}")
    before = _load(conn, list_name, identity)
    after_change = _put_status(
        conn, list_name, identity, status, status_source=status_source, by=by, at=at, until=until
    )
    _enqueue_webhooks(conn, before, after_change, at=at)
    return after_change


def _put_status(
    conn: Connection,
    list_name: str,
    identity: str,
    status: Status,
    *,
    status_source: StatusSource,
    by: str,
    at: float,
    until: float | None,
) -> Membership:
    """The same, without notifying webhooks; the caller holds the member's lock."""
    found, list_id = _must_load(conn, list_name, identity), known_list(conn, list_name)
    if (status, until) != (found.status, found.paused_until) or found.removed_at is not None:
        _update(
            conn,
            list_id,
            found.identity,
            status=status,
            status_source=status_source,
            since=at,
            paused_until=until,
            removed_at=found.removed_at if status is not Status.SUBSCRIBED else None,
        )
        _record(
            conn,
            list_id,
            found.identity,
            MemberChangeKind.STATUS,
            before=found.status.value,
            after=status.value,
            by=by,
            at=at,
        )
    return _must_load(conn, list_name, identity)


def _insert(conn: Connection, list_id: int, address: Address, own: Mapping[str, str], *, by: str, at: float) -> None:
    conn.execute(
        insert(member).values(
            list_id=list_id,
            identity=address.identity,
            address=address.envelope,
            fields="{}",
            profile=as_json(own),
            status=Status.SUBSCRIBED,
            status_source=StatusSource.PERSON,
            since=at,
            joined_at=at,
            source=SignupSource.SIGN_UP,
            in_file=False,
            line=NO_LINE,
        )
    )
    _record(conn, list_id, address.identity, MemberChangeKind.JOINED, after=Status.SUBSCRIBED.value, by=by, at=at)


def move_membership(conn: Connection, list_id: int, new: Address, old: Membership, *, by: str, at: float) -> None:
    """Within a transaction: adds the address `new` of the person of `old` to this list, with all that `old` has."""
    conn.execute(
        insert(member).values(
            list_id=list_id,
            identity=new.identity,
            address=new.envelope,
            fields=as_json(old.fields),
            profile=as_json(old.profile),
            status=old.status,
            status_source=StatusSource.PERSON if old.status is Status.SUBSCRIBED else old.status_source,
            since=old.since,
            joined_at=old.joined_at,
            source=SignupSource.SIGN_UP,
            in_file=False,
            line=NO_LINE,
            paused_until=old.paused_until,
        )
    )
    _record(conn, list_id, new.identity, MemberChangeKind.JOINED, after=old.status.value, by=by, at=at)
    if old.is_mailed:
        enqueue_subscribed(conn, new.identity, old.list, at=at)


def forget_fields(conn: Connection, found: Membership) -> None:
    """Within a transaction: removes the profile from a row, and the fields unless they are those of the file."""
    fields = as_json(found.fields) if found.in_file else "{}"
    _update(conn, known_list(conn, found.list), found.identity, fields=fields, profile="{}")


def write_own(conn: Connection, found: Membership, own: Mapping[str, str], *, by: str, at: float) -> None:
    """Within a transaction: replaces the profile."""
    list_id = known_list(conn, found.list)
    _update(conn, list_id, found.identity, profile=as_json(own))
    _record(
        conn,
        list_id,
        found.identity,
        MemberChangeKind.OWN,
        before=as_json(found.profile),
        after=as_json(own),
        by=by,
        at=at,
    )


def _enqueue_webhooks(conn: Connection, before: Membership | None, after_change: Membership, *, at: float) -> None:
    """Notifies webhooks if the member joined the list or left it."""
    was_on = before is not None and before.is_mailed
    if after_change.is_mailed and not was_on:
        enqueue_subscribed(conn, after_change.identity, after_change.list, at=at)
    elif was_on and after_change.status is Status.UNSUBSCRIBED:
        enqueue_unsubscribed(conn, after_change.identity, after_change.list, at=at)


def _update(conn: Connection, list_id: int, identity: str, **values: object) -> None:
    conn.execute(update(member).where(member.c.list_id == list_id, member.c.identity == identity).values(**values))


def _record(
    conn: Connection,
    list_id: int,
    identity: str,
    kind: MemberChangeKind,
    *,
    before: str = "",
    after: str,
    by: str,
    at: float,
) -> None:
    values = {"list_id": list_id, "identity": identity, "kind": kind, "before": before, "after": after}
    conn.execute(insert(member_change).values(**values, by=by, at=at))


def _query() -> Select[Any]:
    return select(list_.c.name, member).join(list_)


def _load(conn: Connection, list_name: str, identity: str) -> Membership | None:
    by_name: Iterable[str] = aliases(conn, identity)
    query = _query().where(list_.c.name == list_name, member.c.identity.in_(by_name))
    row = conn.execute(query).first()
    return _membership(row) if row else None


def _must_load(conn: Connection, list_name: str, identity: str) -> Membership:
    found = _load(conn, list_name, identity)
    if found is None:
        raise UsageError(f"{identity} is not on the list {list_name}.", "Check the spelling of the address.")
    return found


def _membership(row: Row[Any]) -> Membership:
    return Membership(
        list=row.name,
        identity=row.identity,
        address=row.address,
        fields=json.loads(row.fields),
        profile=json.loads(row.profile),
        status=row.status,
        status_source=row.status_source,
        since=row.since,
        joined_at=row.joined_at,
        source=row.source,
        in_file=row.in_file,
        line=None if row.line == NO_LINE else row.line,
        paused_until=row.paused_until,
        removed_at=row.removed_at,
    )


def _change(row: Row[Any]) -> MemberChange:
    return MemberChange(
        list=row.name,
        identity=row.identity,
        at=row.at,
        by=row.by,
        kind=row.kind,
        before=row.before,
        after=row.after,
        sync=row.sync_id,
    )
