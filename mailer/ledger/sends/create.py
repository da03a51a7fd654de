"""Creates a send: edition, send and its frozen deliveries, in one transaction.

Whether the dispatch is already being sent to one of these lists is checked inside that transaction, under a lock, so that two
processes that start the same send create one. An Audience is one query, executed by the database; rows that are passed one by one
stream. Either way a million recipients need no more memory than a few thousand. Suppressed recipients are frozen too, as skipped;
erased ones under the pseudonym, not under the address that some list brought back.
"""

from collections.abc import Iterable, Iterator, Mapping
from json.encoder import encode_basestring
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Select, case, delete, func, insert, literal, select, update

from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.ledger.deliveries.skip import is_ineligible, skip_suppressed
from mailer.ledger.privacy.pseudonyms import ErasedAddresses
from mailer.ledger.sends.audience_query import Audience, AudienceQuery, has_or_may_receive
from mailer.ledger.sends.editions_and_archive import store_edition
from mailer.ledger.sends.sends import change_send, find_by_token, load_send, lock_send, sends_of, to_send
from mailer.ledger.sends.shards import make_shards
from mailer.ledger.store.advisory_lock import CREATE_SEND, advisory_lock
from mailer.ledger.store.compiled_statements import BulkInsert
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import delivery, send, send_list
from mailer.ledger.types.errors import NobodyError, SendStateError
from mailer.ledger.types.sends import (
    AlreadySentError,
    AudienceGrewError,
    NewSend,
    Recipient,
    Repeat,
    ResendPlan,
    Send,
    TooManyTestsError,
)
from mailer.ledger.types.suppressions import SuppressionReason

_COLUMNS = ("send_id", "identity", "address", "fields", "state", "reason", "updated_at")
_NEW = BulkInsert(delivery, *_COLUMNS)


MOST_TESTED, TESTED_WITHIN = 100, 3600.0  # recipients of tests that somebody sends at the desk or by the API; seconds


class SendCreator:
    """Creates sends. Raises AlreadySentError, NobodyError, TooManyTestsError, LedgerError, and exceptions of the audience."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def create(self, new: NewSend, audience: Audience | Iterable[Recipient] = ()) -> Send:
        """Creates the send `new`: with its audience frozen, or scheduled (`new.scheduled_at`) and frozen when it starts.

        `audience` is read inside the transaction, each identity at most once. If the token already made a send, that one
        is returned. Raises AudienceGrewError.
        """

        def work(conn: Connection) -> Send:
            now = self._context.clock()
            advisory_lock(conn, CREATE_SEND)
            if new.token and (made := find_by_token(conn, new.token)):
                return made
            if new.kind is SendKind.DISPATCH:
                _refuse_repetition(conn, new.edition.slug, new.lists, new.repeat)
                if new.repeat is Repeat.NEW_READERS:
                    _refuse_beside_scheduled(conn, new.edition.slug)
            store_edition(conn, new.edition, at=now)
            starts_at_once = new.scheduled_at is None and not new.undo_for
            state = SendState.RUNNING if starts_at_once else SendState.SCHEDULED
            send_id = _insert_send(conn, new, state=state, at=now)
            if new.scheduled_at is None:
                if self._freeze(conn, load_send(conn, send_id), audience, at=now) == 0:
                    raise NobodyError("No reader would get this: the audience is empty. No send was created.")
                _require_confirmed(conn, send_id, new.confirmed)
                if new.kind is SendKind.TEST and new.created_by:
                    _require_few_tests(conn, new.created_by, now)
            if new.undo_for:  # from now on, however long the freeze took
                starts_at = self._context.clock() + new.undo_for
                conn.execute(update(send).where(send.c.id == send_id).values(scheduled_at=starts_at))
            return load_send(conn, send_id)

        return self._context.writer.call(work, once=True).result()

    def start(
        self,
        send_id: int,
        audience: Audience | Iterable[Recipient] = (),
        *,
        planned_at: float | None = None,
        carried: bool = False,
    ) -> Send:
        """Starts a scheduled or overdue send: sets it running, and freezes its audience unless it is frozen.

        Raises SendStateError for any other, and if it was given a different time since its caller read `planned_at`.
        `carried`: `serve` runs it from now on.
        """

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.state not in {SendState.SCHEDULED, SendState.OVERDUE}:
                raise SendStateError(f"Send {send_id} has already started; it is {found.state}.")
            if planned_at is not None and found.scheduled_at != planned_at:
                raise SendStateError(f"Send {send_id} was given a different time meanwhile.")
            change_send(conn, found, SendState.RUNNING, at=self._context.clock())
            if carried:
                conn.execute(update(send).where(send.c.id == send_id).values(run_by_server=True))
            if not found.is_frozen:
                advisory_lock(conn, CREATE_SEND)
                self._freeze(conn, found, audience, at=self._context.clock())
            return load_send(conn, send_id)

        return self._context.writer.call(work, once=True).result()

    def resend_failed(
        self,
        parent_id: int,
        *,
        key_name: str,
        sender_profile: str | None = None,
        carried: bool = False,
        by: str = "",
    ) -> Send:
        """Creates a send of the same edition to those whom `parent_id` failed to reach and who may still be mailed.

        These are the recipients that `plan_resend` counts: no other send reached them since or may still reach them, and they
        are neither suppressed nor unsubscribed. The parent must have ended, and no other send of its slug to one of its lists
        be running. `carried`: `serve` runs it. `by`: who made it. `key_name` and `sender_profile` are the current ones, as for
        NewSend.
        """

        def work(conn: Connection) -> Send:
            now = self._context.clock()
            advisory_lock(conn, CREATE_SEND)
            parent = load_send(conn, parent_id)
            if parent.kind is SendKind.TEST:
                raise SendStateError(f"Send {parent_id} is a test.", "To send a test again: mailer test")
            if not parent.is_ended:
                raise AlreadySentError(parent)
            _refuse_repetition(conn, parent.slug, parent.lists, Repeat.AGAIN)
            _refuse_beside_scheduled(conn, parent.slug)
            send_id = _insert_resend(
                conn,
                parent,
                key_name=key_name,
                sender_profile=sender_profile,
                at=now,
                carried=carried,
                by=by,
            )
            failed = select(
                literal(send_id),
                delivery.c.identity,
                delivery.c.address,
                delivery.c.fields,
                literal(DeliveryState.PENDING.value),
                literal(""),
                literal(now),
            ).where(*_resendable(parent, at=now))
            conn.execute(insert(delivery).from_select(_COLUMNS, failed.order_by(delivery.c.id)))
            if self._finish_freezing(conn, load_send(conn, send_id), at=now) == 0:
                raise NobodyError(
                    f"Send {parent_id} has no failed deliveries to send again: their readers got it in another send, "
                    "may still get it in one, unsubscribed or are suppressed."
                )
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def plan_resend(self, parent_id: int) -> ResendPlan:
        """Counts those whom a resend would mail, and those whom it would leave out."""
        with self._context.database.reading() as conn:
            parent, count = load_send(conn, parent_id), select(func.count()).select_from(delivery)
            to_mail = conn.execute(count.where(*_resendable(parent, at=self._context.clock()))).scalar_one()
            failed = conn.execute(count.where(*_failed(parent))).scalar_one()
        return ResendPlan(to_mail=to_mail, left_out=failed - to_mail)

    def _freeze(self, conn: Connection, made: Send, audience: Audience | Iterable[Recipient], *, at: float) -> int:
        """Inserts the deliveries; returns how many there are."""
        if isinstance(audience, Audience):
            conn.execute(insert(delivery).from_select(_COLUMNS, _selected(conn, made.id, audience, at)))
        else:
            _NEW.load(conn, _rows(made.id, audience, ErasedAddresses(conn), at))
        if made.repeat is Repeat.NEW_READERS:
            _exclude_other_recipients(conn, made)
        return self._finish_freezing(conn, made, at=at)

    def _finish_freezing(self, conn: Connection, made: Send, *, at: float) -> int:
        """Skips suppressed recipients, makes the shards; returns how many deliveries there are."""
        skip_suppressed(conn, delivery.c.send_id == made.id, at=at)
        bounds = select(func.count(), func.min(delivery.c.id), func.max(delivery.c.id))
        count, first, last = conn.execute(bounds.where(delivery.c.send_id == made.id)).one()
        if count:
            conn.execute(update(send).where(send.c.id == made.id).values(first_id=first, last_id=last))
        size = self._context.shard_size if self._context.database.has_leases else max(1, count)
        make_shards(conn, made.id, count, (first or 0, last or -1), size)
        return int(count)


def _failed(parent: Send) -> tuple[ColumnElement[bool], ...]:
    return delivery.c.send_id == parent.id, delivery.c.state == DeliveryState.FAILED


def _resendable(parent: Send, *, at: float) -> tuple[ColumnElement[bool], ...]:
    """Returns the conditions for the failed deliveries whose recipients may be mailed once more."""
    return *_failed(parent), ~has_or_may_receive(delivery.c.identity, parent.slug), ~is_ineligible(at=at)


def _refuse_repetition(conn: Connection, slug: str, lists: tuple[str, ...], repeat: Repeat) -> None:
    """Raises AlreadySentError for a send of `slug` to one of `lists`: unfinished always, finished unless repeated."""
    shared = select(send_list.c.send_id).where(send_list.c.name.in_(lists))
    query = sends_of(
        send.c.slug == slug,
        send.c.kind != SendKind.TEST,
        send.c.state != SendState.CANCELLED,
        send.c.id.in_(shared),
    )
    earlier = [to_send(row) for row in conn.execute(query.order_by(send.c.id.desc()))]
    for found in sorted(earlier, key=lambda found: found.is_ended):
        if not found.is_ended or repeat is Repeat.REFUSE:
            raise AlreadySentError(found)


def _refuse_beside_scheduled(conn: Connection, slug: str) -> None:
    """Raises AlreadySentError if a send of `slug` has no recipients yet, so that nobody can be left out who will get it."""
    query = sends_of(send.c.slug == slug, send.c.state.in_([SendState.SCHEDULED, SendState.OVERDUE]))
    for row in conn.execute(query.order_by(send.c.id)):
        if not (found := to_send(row)).is_frozen:
            raise AlreadySentError(found)


def _require_confirmed(conn: Connection, send_id: int, confirmed: int | None) -> None:
    """Raises AudienceGrewError if more would be mailed than a person confirmed. Fewer are right: they have unsubscribed."""
    if confirmed is None:
        return
    to_mail = select(func.count()).where(delivery.c.send_id == send_id, delivery.c.state == DeliveryState.PENDING)
    if (found := conn.execute(to_mail).scalar_one()) > confirmed:
        raise AudienceGrewError(found, confirmed)


def _insert_send(conn: Connection, new: NewSend, *, state: SendState, at: float) -> int:
    return _insert(
        conn,
        insert(send).values(
            kind=new.kind,
            slug=new.edition.slug,
            digest=new.edition.digest,
            state=state,
            lists=list(new.lists),
            exclude=list(new.exclude),
            condition=new.where,
            key_name=new.key_name,
            repeat=new.repeat.value,
            created_at=at,
            scheduled_at=new.scheduled_at,
            created_by=new.created_by,
            token=new.token,
            run_by_server=new.run_by_server,
            undoable=bool(new.undo_for),
            sender_profile=new.sender_profile,
            queue=new.queue,
        ),
        new.lists,
    )


def _insert_resend(
    conn: Connection,
    parent: Send,
    *,
    key_name: str,
    sender_profile: str | None,
    at: float,
    carried: bool,
    by: str,
) -> int:
    return _insert(
        conn,
        insert(send).values(
            kind=SendKind.RESEND,
            slug=parent.slug,
            digest=parent.digest,
            state=SendState.RUNNING,
            lists=list(parent.lists),
            exclude=list(parent.exclude),
            condition=parent.where,
            key_name=key_name,
            parent_id=parent.id,
            repeat=Repeat.NEW_READERS.value,
            created_at=at,
            created_by=by,
            run_by_server=carried,
            sender_profile=sender_profile,
            queue=parent.queue,
        ),
        parent.lists,
    )


def _insert(conn: Connection, statement: Insert, lists: tuple[str, ...]) -> int:
    send_id = conn.execute(statement.returning(send.c.id)).scalar_one()
    if lists:
        conn.execute(insert(send_list), [{"send_id": send_id, "name": name} for name in lists])
    return int(send_id)


def _require_few_tests(conn: Connection, created_by: str, now: float) -> None:
    """Raises TooManyTestsError if the tests of `created_by` in the last hour have too many recipients."""
    count = (
        select(func.count())
        .select_from(delivery)
        .join(send, send.c.id == delivery.c.send_id)
        .where(send.c.kind == SendKind.TEST, send.c.created_by == created_by, send.c.created_at > now - TESTED_WITHIN)
    )
    if conn.execute(count).scalar_one() > MOST_TESTED:
        raise TooManyTestsError(MOST_TESTED)


def _selected(conn: Connection, send_id: int, audience: Audience, at: float) -> Select[Any]:
    """Returns the deliveries as a query of _COLUMNS, in their order."""
    audience_now = AudienceQuery(conn, audience.selection, at=at)
    recipients = audience_now.query(audience.fields, list_names=audience.list_names).subquery()
    state = case((recipients.c.reason == "", DeliveryState.PENDING.value), else_=DeliveryState.SKIPPED.value)
    return select(
        literal(send_id),
        recipients.c.identity,
        recipients.c.address,
        recipients.c.fields,
        state,
        recipients.c.reason,
        literal(at),
    ).order_by(*audience_now.order(recipients))


def _rows(
    send_id: int, audience: Iterable[Recipient], erased: ErasedAddresses, at: float
) -> Iterator[tuple[int, str, str, str, str, str, float]]:
    """Yields the deliveries as rows of _COLUMNS."""
    pending, skipped = DeliveryState.PENDING.value, DeliveryState.SKIPPED.value
    any_erased = bool(erased)
    for new in audience:
        if any_erased and (mark := erased.marker(new.identity)):
            yield send_id, mark, mark, "{}", skipped, SuppressionReason.ERASED.value, at
            continue
        fields = _as_json(new.fields) if new.fields else "{}"
        yield send_id, new.identity, new.address, fields, skipped if new.skip else pending, new.skip, at


def _as_json(fields: Mapping[str, str]) -> str:
    """Returns a JSON object of strings; by hand, which is faster than `json` a million times."""
    return (
        f"{{{','.join([f'{encode_basestring(name)}:{encode_basestring(value)}' for name, value in fields.items()])}}}"
    )


def _exclude_other_recipients(conn: Connection, made: Send) -> None:
    """Deletes the deliveries to those who have the dispatch, or may get it from another send: not part of the audience."""
    elsewhere = has_or_may_receive(delivery.c.identity, made.slug, besides=made.id)
    conn.execute(delete(delivery).where(delivery.c.send_id == made.id, elsewhere))
