"""Suppressions: addresses that must not be mailed, why, and every change of them.

Suppressing is one transaction: the suppression, a line in its history, and the skip of that address' open deliveries in every
send. A delivery that may have been sent is not skipped: a recorded 250 stays; if it comes back as deferred, it is skipped
then. A stronger reason replaces a weaker one, which is kept as `shadowed_reason` and becomes active again once the
stronger one is lifted. The time of a suppression is that of the opt-out, which a list file may date back; that of its line
in the history is when it was recorded here. A subscriber's own opt-out is lifted by the subscriber only; an erasure by nobody.
"""

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from mailer.ledger.deliveries.skip import skip, skip_person
from mailer.ledger.privacy.address_history import later_addresses
from mailer.ledger.privacy.pseudonyms import aliases
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import (
    delivery,
    member_change,
    suppression,
    suppression_change,
)
from mailer.ledger.types.subscribers import MemberChangeKind
from mailer.ledger.types.suppressions import (
    Suppression,
    SuppressionAction,
    SuppressionChange,
    SuppressionReason,
    SuppressResult,
    UnsuppressResult,
    UnsuppressStatus,
)
from mailer.ledger.types.syncs import FROM_LIST
from mailer.ledger.webhooks.outbox import enqueue_bounced, enqueue_subscribed, enqueue_unsubscribed

_PAGE = 1_000


class Suppressions:
    """The suppressions of one ledger; an identity is a canonical address (mailer.addresses). Raises LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def unsubscribe(
        self, identity: str, *, source: str, send_id: int | None = None, entered: bool = False
    ) -> SuppressResult:
        """Unsubscribes a person from everything. Idempotent; `source` says how they asked (one-click, page, command, mail).

        `entered`: an admin enters it. It does not renew an opt-out that is active, unless that came from a list file.
        """
        return self._suppress(
            identity, SuppressionReason.UNSUBSCRIBED, source=source, send_id=send_id, renews=not entered
        )

    def unsubscribe_delivery(self, delivery_id: int, *, source: str) -> Future[SuppressResult | None]:
        """The same by a delivery id, as in its token: a future, for threads and event loops. None: no such delivery.

        It includes the addresses that the person has taken since that message.
        """

        def work(conn: Connection) -> SuppressResult | None:
            row = _OF_DELIVERY.run(conn, delivery_id).fetchone()
            if row is None:
                return None
            identity, send_id, address, date = row
            at = self._context.clock()
            done = [
                suppress(conn, each, SuppressionReason.UNSUBSCRIBED, source=source, send_id=send_id, at=at)
                for each in sorted((identity, *addresses_since(conn, identity, date)))  # in one order: each is locked
            ]
            first = next((each for each in done if each.changed), done[0])
            return replace(first, skipped=sum(each.skipped for each in done), address=address)

        return self._context.writer.call(work)

    def identities_of_delivery(self, delivery_id: int) -> tuple[str, ...]:
        """Returns whom `unsubscribe_delivery` unsubscribes: the recipient, then the addresses that they have taken since."""
        with self._context.database.reading() as conn:
            row = _OF_DELIVERY.run(conn, delivery_id).fetchone()
            return () if row is None else (row[0], *addresses_since(conn, row[0], row[3]))

    def suppress(
        self, identity: str, reason: SuppressionReason, *, source: str, send_id: int | None = None
    ) -> SuppressResult:
        """Suppresses an address for `reason`. Idempotent. ERASED is for erasure.py alone."""
        if reason is SuppressionReason.ERASED:
            raise ValueError("an address is erased by Erasure.erase()")
        return self._suppress(identity, reason, source=source, send_id=send_id)

    def _suppress(
        self,
        identity: str,
        reason: SuppressionReason,
        *,
        source: str,
        send_id: int | None = None,
        renews: bool = True,
    ) -> SuppressResult:
        def work(conn: Connection) -> SuppressResult:
            at = self._context.clock()
            return suppress(conn, identity, reason, source=source, send_id=send_id, at=at, renews=renews)

        return self._context.writer.call(work).result()

    def undo(self, identity: str, *, source: str, said_at: float | None = None) -> UnsuppressResult:
        """Lifts the subscriber's own opt-out: whenever it was, or only if it was last renewed at `said_at`.

        Deliveries skipped meanwhile stay skipped.
        """

        def work(conn: Connection) -> UnsuppressResult:
            at = self._context.clock()
            done = unsuppress(conn, identity, {SuppressionReason.UNSUBSCRIBED}, source=source, at=at, said_at=said_at)
            if done.outcome is UnsuppressStatus.LIFTED and done.suppression is None:
                enqueue_subscribed(conn, identity, None, at=at)
            return done

        return self._context.writer.call(work).result()

    def unsuppress(self, identity: str, *, source: str, also_entered: bool = False) -> UnsuppressResult:
        """Lifts a suppression for the admin `source`; the subscriber's own opt-out is refused.

        `also_entered`: an opt-out that this admin entered is lifted, too, unless the subscriber has asked for it since. Not for
        programs, which may pass on what the subscriber asked for.
        """
        by_admins = {reason for reason in SuppressionReason if not reason.is_by_recipient}

        def work(conn: Connection) -> UnsuppressResult:
            at = self._context.clock()
            lock_suppression(conn, identity)
            own = {SuppressionReason.UNSUBSCRIBED} if also_entered and _is_entered_by(conn, identity, source) else set()
            done = unsuppress(conn, identity, by_admins | own, source=source, at=at)
            if own and done.outcome is UnsuppressStatus.LIFTED and done.suppression is None:
                enqueue_subscribed(conn, identity, None, at=at)
            return done

        return self._context.writer.call(work).result()

    def is_liftable_by(self, identity: str, source: str) -> bool:
        """Whether `unsuppress` with `also_entered` would lift the active suppression for the admin `source`."""
        with self._context.database.reading() as conn:
            row = _active_row(conn, identity)
            return row is not None and (not row.reason.is_by_recipient or _is_entered_by(conn, identity, source))

    def get(self, identity: str) -> Suppression | None:
        """Returns the active suppression of `identity`, erased or not."""
        with self._context.database.reading() as conn:
            return active_suppression(conn, identity)

    def all(self, *reasons: SuppressionReason) -> Iterator[Suppression]:
        """Yields all suppressions by identity, or those for `reasons`."""
        query = select(suppression).order_by(suppression.c.identity)
        if reasons:
            query = query.where(suppression.c.reason.in_(reasons))
        with self._context.database.reading() as conn, conn.execute(query.execution_options(yield_per=_PAGE)) as found:
            for row in found:
                yield _suppression(row)

    def page(
        self, words: str = "", reason: SuppressionReason | None = None, *, after: str = "", limit: int
    ) -> tuple[Suppression, ...]:
        """Returns up to `limit` after `after` whose address contains `words`, for `reason` if given, by identity."""
        query = select(suppression).where(suppression.c.identity > after).order_by(suppression.c.identity).limit(limit)
        if words:
            query = query.where(suppression.c.identity.contains(words.casefold(), autoescape=True))
        if reason is not None:
            query = query.where(suppression.c.reason == reason)
        with self._context.database.reading() as conn:
            return tuple(map(_suppression, conn.execute(query)))

    def count(self) -> dict[SuppressionReason, int]:
        """Counts the suppressions by reason."""
        query = select(suppression.c.reason, func.count().label("number")).group_by(suppression.c.reason)
        with self._context.database.reading() as conn:
            return {row.reason: row.number for row in conn.execute(query)}

    def history(self, identity: str) -> tuple[SuppressionChange, ...]:
        """Returns every change for `identity`, the oldest first."""
        columns = [column for column in suppression_change.c if column.name != "id"]
        with self._context.database.reading() as conn:
            query = select(*columns).where(suppression_change.c.identity.in_(aliases(conn, identity)))
            rows = conn.execute(query.order_by(suppression_change.c.id)).mappings()
            return tuple(SuppressionChange(**row) for row in rows)


def addresses_since(conn: Connection, identity: str, date: float | None) -> tuple[str, ...]:
    """Within a transaction: returns the identities that the person has taken since the date of a message.

    Quickly, if they never changed theirs.
    """
    if not _HAS_MOVED.run(conn, identity).fetchone():
        return ()
    return tuple(each for each in later_addresses(conn, identity, since=date or 0.0) if each != identity)


def active_suppression(conn: Connection, identity: str) -> Suppression | None:
    """Returns the active suppression of `identity`, erased or not."""
    row = _active_row(conn, identity)
    return _suppression(row) if row else None


def _is_entered_by(conn: Connection, identity: str, source: str) -> bool:
    """Whether the active suppression is an opt-out that the admin `source` entered; a renewal by anybody changes its time."""
    row = _active_row(conn, identity)
    if row is None or row.reason is not SuppressionReason.UNSUBSCRIBED or row.source != source:
        return False
    change = suppression_change
    entered = select(change.c.id).where(
        change.c.identity == row.identity,
        change.c.change == SuppressionAction.SUPPRESSED,
        change.c.reason == SuppressionReason.UNSUBSCRIBED,
        change.c.source == source,
        change.c.at == row.at,
    )
    return conn.execute(entered.limit(1)).first() is not None


def suppress(
    conn: Connection,
    identity: str,
    reason: SuppressionReason,
    *,
    source: str,
    send_id: int | None,
    at: float,
    notify: bool = True,
    renews: bool = True,
) -> SuppressResult:
    """Within a transaction: suppresses `identity`, and skips its open deliveries.

    `notify`: notify webhooks. `renews`: a repeated opt-out renews the time of the active one.
    """
    lock_suppression(conn, identity)
    new = Suppression(identity=identity, reason=reason, at=at, source=source, send_id=send_id)
    row = _active_row(conn, identity)
    if row is None:
        statement = _INSERT_FIRST[conn.dialect.name]
        inserted = statement.run(conn, identity, reason.value, at, source, send_id).rowcount == 1
        row = None if inserted else _active_row(conn, identity)  # a sync inserts without its turn
    changed = row is None or reason.rank > row.reason.rank
    if row is not None and changed:
        new = replace(new, identity=row.identity)
        shadowed = row.shadowed_reason if row.reason.is_by_recipient else row.reason
        conn.execute(
            update(suppression)
            .where(suppression.c.identity == row.identity)
            .values(reason=reason, shadowed_reason=shadowed, at=at, source=source, send_id=send_id)
        )
    elif row is not None:
        new = _suppression(row)
        is_from_list = row.source.startswith(FROM_LIST)
        # a renewal invalidates the undo link of the previous one
        if reason is row.reason is SuppressionReason.UNSUBSCRIBED and (renews or is_from_list):
            new = replace(new, at=max(at, math.nextafter(row.at, math.inf)))
            if is_from_list:  # the person says it now, so undoing the sync does not lift it
                new = replace(new, source=source)
            renewed = update(suppression).where(suppression.c.identity == row.identity)
            conn.execute(renewed.values(at=new.at, source=new.source))
    if changed:
        record_change(conn, new, SuppressionAction.SUPPRESSED)
    if changed and notify:
        _enqueue_webhooks(conn, new, at=at)
    skipped = skip_person(conn, new.identity, new.reason.value, at=at)
    return SuppressResult(suppression=new, changed=changed, skipped=skipped)


def suppress_all(conn: Connection, wanted: Select[Any], *, source: str, at: float) -> None:
    """Within a transaction: suppresses each of the rows (identity, reason, at) of `wanted`, and skips their open deliveries.

    As `suppress` does it, but for many at once; each identity comes once. `at` of a row: the time of the opt-out.
    """
    new = wanted.subquery()
    exists_already = exists().where(suppression.c.identity == new.c.identity)
    columns = ["identity", "reason", "at", "source"]
    fresh = select(new.c.identity, new.c.reason, new.c.at, literal(source)).where(~exists_already)
    conn.execute(_insert_missing(conn.dialect.name).from_select(columns, fresh))
    made = and_(suppression.c.source == source, suppression.c.identity.in_(select(new.c.identity)))
    changes = select(
        suppression.c.identity,
        suppression.c.reason,
        literal(at),
        suppression.c.source,
        literal(SuppressionAction.SUPPRESSED.value),
    ).where(made)
    conn.execute(insert(suppression_change).from_select([*columns, "change"], changes))
    why = select(suppression.c.reason).where(suppression.c.identity == delivery.c.identity).scalar_subquery()
    skip(conn, delivery.c.identity.in_(select(suppression.c.identity).where(made)), why, at=at)
    reason = type_coerce(new.c.reason, suppression.c.reason.type)
    weaker = (
        select(new.c.identity, reason.label("wanted"), suppression.c.reason, new.c.at)
        .join(suppression, suppression.c.identity == new.c.identity)
        .where(suppression.c.reason != reason)
    )
    for row in conn.execute(weaker).all():
        if row.wanted.rank > row.reason.rank:
            suppress(conn, row.identity, row.wanted, source=source, send_id=None, at=at, notify=False)
            dated = update(suppression).where(suppression.c.identity == row.identity, suppression.c.source == source)
            conn.execute(dated.values(at=row.at))


def lift_all(conn: Connection, sources: Mapping[str, float], *, source: str, at: float) -> int:
    """Within a transaction: lifts the suppressions that `sources` made, if they were not renewed after their times.

    Returns how many were lifted. It undoes a mistake of ours, so it also lifts an opt-out that the person never asked for.
    """
    found = conn.execute(select(suppression).where(suppression.c.source.in_(sources))).all()
    untouched = [row for row in found if row.at <= sources[row.source]]
    for row in untouched:
        unsuppress(conn, row.identity, {row.reason}, source=source, at=at, said_at=row.at)
    return len(untouched)


def lift_of_send(conn: Connection, send_id: int, which: ColumnElement[bool], *, at: float) -> None:
    """Within a transaction: lifts the suppressions that a send made for the refused deliveries `which`.

    Webhooks were notified of dead addresses then, and are notified that these are on their lists as before.
    """
    mistaken = select(suppression.c.identity).where(
        suppression.c.send_id == send_id,
        suppression.c.reason == SuppressionReason.BOUNCED,
        suppression.c.identity.in_(select(delivery.c.identity).where(which)),
    )
    for identity in conn.execute(mistaken).scalars().all():
        done = unsuppress(
            conn, identity, {SuppressionReason.BOUNCED}, source=f"send {send_id}: refused like all others", at=at
        )
        if done.outcome is UnsuppressStatus.LIFTED and done.suppression is None:
            enqueue_subscribed(conn, identity, None, at=at)


def unsuppress(
    conn: Connection,
    identity: str,
    liftable: set[SuppressionReason],
    *,
    source: str,
    at: float,
    said_at: float | None = None,
) -> UnsuppressResult:
    """Within a transaction: lifts the active suppression of `identity`, if its reason is one of `liftable`."""
    lock_suppression(conn, identity)
    row = _active_row(conn, identity)
    if row is None:
        return UnsuppressResult(outcome=UnsuppressStatus.ABSENT)
    if row.reason not in liftable or said_at not in {None, row.at}:
        return UnsuppressResult(outcome=UnsuppressStatus.REFUSED, suppression=_suppression(row))
    lifted = Suppression(identity=row.identity, reason=row.reason, at=at, source=source, send_id=None)
    record_change(conn, lifted, SuppressionAction.LIFTED)
    if row.shadowed_reason is None:
        conn.execute(delete(suppression).where(suppression.c.identity == row.identity))
        return UnsuppressResult(outcome=UnsuppressStatus.LIFTED)
    conn.execute(
        update(suppression)
        .where(suppression.c.identity == row.identity)
        .values(reason=row.shadowed_reason, shadowed_reason=None)
    )
    return UnsuppressResult(outcome=UnsuppressStatus.LIFTED, suppression=_suppression(_active_row(conn, identity)))


def _insert_missing(database: str) -> Any:
    """Returns an INSERT that does nothing for rows that exist: a sync suppresses many at once, without their locks."""
    make: Any = postgresql.insert if database == "postgresql" else sqlite.insert
    return make(suppression).on_conflict_do_nothing()


def record_change(conn: Connection, new: Suppression, change: SuppressionAction) -> None:
    """Within a transaction: writes a line of the history."""
    _RECORD.run(conn, new.identity, change.value, new.reason.value, new.at, new.source, new.send_id)


def _enqueue_webhooks(conn: Connection, new: Suppression, *, at: float) -> None:
    """Notifies webhooks of opt-outs and bounces, but not of what an admin did by hand."""
    if new.reason is SuppressionReason.BOUNCED:
        enqueue_bounced(conn, new.identity, new.send_id, at=at)
    elif new.reason.is_by_recipient:
        enqueue_unsubscribed(conn, new.identity, None, at=at)


def lock_suppression(conn: Connection, identity: str) -> None:
    """Locks the suppression of a subscriber, under all identities, until the transaction ends."""
    for name in aliases(conn, identity):
        advisory_lock(conn, f"suppression of {name}")


def _active_row(conn: Connection, identity: str) -> Row[Any] | None:
    found = aliases(conn, identity)
    if not _EXISTS.run(conn, found[0], found[-1]).fetchone():
        return None
    query = select(suppression).where(suppression.c.identity.in_(found))
    return conn.execute(query.order_by(suppression.c.identity)).first()


def _suppression(row: Row[Any] | None) -> Suppression:
    if row is None:
        raise ValueError("no suppression")
    return Suppression(identity=row.identity, reason=row.reason, at=row.at, source=row.source, send_id=row.send_id)


_OF_DELIVERY = CompiledStatement(
    select(delivery.c.identity, delivery.c.send_id, delivery.c.address, delivery.c.date).where(
        delivery.c.id == param("id")
    ),
    "id",
)
_HAS_MOVED = CompiledStatement(
    select(member_change.c.id)
    .where(member_change.c.identity == param("identity", ""), member_change.c.kind == MemberChangeKind.ADDRESS)
    .limit(1),
    "identity",
)
_EXISTS = CompiledStatement(
    select(suppression.c.identity).where(
        or_(suppression.c.identity == param("one", ""), suppression.c.identity == param("other", ""))
    ),
    "one",
    "other",
)
_INSERT_FIRST = {
    database: CompiledStatement(
        _insert_missing(database).values(
            identity=param("_identity", ""),
            reason=param("_reason", ""),
            at=param("_at", 0.0),
            source=param("_source", ""),
            send_id=param("_send_id"),
        ),
        "_identity",
        "_reason",
        "_at",
        "_source",
        "_send_id",
    )
    for database in ("sqlite", "postgresql")
}
_RECORD = CompiledStatement(
    insert(suppression_change).values(
        identity=param("_identity", ""),
        change=param("_change", ""),
        reason=param("_reason", ""),
        at=param("_at", 0.0),
        source=param("_source", ""),
        send_id=param("_send_id"),
    ),
    "_identity",
    "_change",
    "_reason",
    "_at",
    "_source",
    "_send_id",
)
