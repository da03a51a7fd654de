"""Sends: list them, read the state of each, change it.

    scheduled <-> overdue -> running <-> waiting -> finished
         └───────────┴─> cancelled  <-> paused        └─> running, when uncertain deliveries are to be sent again

`cancel` skips every delivery that may still be skipped. While a running process has deliveries whose end of DATA may have been
sent, the send stays `paused` with `cancel_requested`; the last of their results makes it `cancelled`. So a send that is
`cancelled` or `finished` has no open deliveries, at any instant.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select, union_all, update

from mailer.delivery.states import OPEN_STATES, TERMINAL, DeliveryState, SendKind, SendState
from mailer.ledger.deliveries.skip import skip, skip_ineligible
from mailer.ledger.deliveries.transitions import transition
from mailer.ledger.sends.recovery import recover
from mailer.ledger.sends.shards import delete_shards, held_shards, in_shard, load_shards, wake_shards
from mailer.ledger.sends.warmup_quota import with_warmup_hold
from mailer.ledger.store.advisory_lock import lock_send_alone
from mailer.ledger.store.compiled_statements import in_ids
from mailer.ledger.store.ledger_context import LOCK_PATIENCE, LedgerContext
from mailer.ledger.store.tables import delivery, edition, send, send_shard
from mailer.ledger.types.errors import SendStateError, UnknownSendError
from mailer.ledger.types.sends import Repeat, Resolution, Send, Summary
from mailer.ledger.types.shards import Shard
from mailer.ledger.types.webhooks import WebhookEvent
from mailer.ledger.webhooks.outbox import enqueue_finished, enqueue_halted, has_subscribers

_S = SendState
SEND_TRANSITIONS: Mapping[SendState, frozenset[SendState]] = {
    _S.SCHEDULED: frozenset({_S.RUNNING, _S.OVERDUE, _S.CANCELLED}),
    _S.OVERDUE: frozenset({_S.SCHEDULED, _S.RUNNING, _S.CANCELLED}),  # scheduled: it gets another time
    _S.RUNNING: frozenset({_S.WAITING, _S.PAUSED, _S.FINISHED, _S.CANCELLED}),
    _S.WAITING: frozenset({_S.RUNNING, _S.PAUSED, _S.FINISHED, _S.CANCELLED}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.FINISHED: frozenset({_S.RUNNING}),  # only by `resolve --resend`
    _S.CANCELLED: frozenset(),
}
"""The only transitions between the states of a send."""
GOING = frozenset({_S.RUNNING, _S.WAITING})
GIVEN_UP = "given up by hand"
"""The reason of deliveries that `give_up_waiting` failed."""
_HINDERED = GOING | {_S.SCHEDULED}
_EVENTS = {
    _S.FINISHED: WebhookEvent.SEND_FINISHED,
    _S.PAUSED: WebhookEvent.SEND_PAUSED,
    _S.OVERDUE: WebhookEvent.SEND_OVERDUE,
}
_NO_WEBHOOKS = frozenset({SendKind.TEST, SendKind.WELCOME})


class Sends:
    """The sends of one ledger. Raises UnknownSendError, SendStateError, LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def get(self, send_id: int) -> Send:
        """Returns a send."""
        with self._context.database.reading() as conn:
            return load_send(conn, send_id)

    def summary(self, send_id: int) -> Summary:
        """Returns a send with its counts, in one snapshot."""
        with self._context.database.reading() as conn:
            return self._with_hold(conn, summarise(conn, load_send(conn, send_id)))

    def all(self, *, limit: int | None = None, before: int | None = None, tests: bool = False) -> tuple[Summary, ...]:
        """Returns the sends except welcomes and, without `tests`, tests, the newest first, with counts.

        `before`: only those before that send.
        """
        return self._summaries(limit, *([send.c.id < before] if before is not None else []), tests=tests)

    def count_tests(self) -> int:
        """Returns how many tests there are."""
        with self._context.database.reading() as conn:
            return conn.execute(select(func.count()).where(send.c.kind == SendKind.TEST)).scalar_one()

    def ended_before(self, send_id: int, *, limit: int) -> tuple[Summary, ...]:
        """Returns those of `all` that were made before a send, began and have ended."""
        return self._summaries(limit, send.c.id < send_id, send.c.state.in_(TERMINAL), send.c.begun_at.is_not(None))

    def _summaries(
        self, limit: int | None, *conditions: ColumnElement[bool], tests: bool = False
    ) -> tuple[Summary, ...]:
        omitted = [SendKind.WELCOME, *([] if tests else [SendKind.TEST])]
        query = sends_of(send.c.kind.not_in(omitted), *conditions).order_by(send.c.id.desc())
        with self._context.database.reading() as conn:
            found = [to_send(row) for row in conn.execute(query.limit(limit) if limit is not None else query)]
            return tuple(self._with_hold(conn, summarise(conn, each)) for each in found)

    def _with_hold(self, conn: Connection, summary: Summary) -> Summary:
        return with_warmup_hold(conn, self._context.warmup, summary, self._context.clock())

    def latest(self, slug: str, lists: Sequence[str] = ()) -> Send | None:
        """Returns the newest send of `slug` that is neither a test nor cancelled, to one of `lists` if any are named."""
        query = sends_of(send.c.slug == slug, send.c.kind != SendKind.TEST, send.c.state != SendState.CANCELLED)
        with self._context.database.reading() as conn:
            for row in conn.execute(query.order_by(send.c.id.desc())):
                found = to_send(row)
                if not lists or set(lists) & set(found.lists):
                    return found
        return None

    def cancelled(self, slug: str, lists: Sequence[str]) -> tuple[Send, ...]:
        """Returns the cancelled sends of `slug` to one of `lists`, the oldest first."""
        query = sends_of(send.c.slug == slug, send.c.kind != SendKind.TEST, send.c.state == SendState.CANCELLED)
        with self._context.database.reading() as conn:
            found = [to_send(row) for row in conn.execute(query.order_by(send.c.id))]
        return tuple(each for each in found if set(lists) & set(each.lists))

    def newest(self) -> dict[str, Send]:
        """Returns the newest send of each slug that is neither a test nor cancelled; without counts, which is fast."""
        query = sends_of(send.c.kind != SendKind.TEST, send.c.state != SendState.CANCELLED)
        with self._context.database.reading() as conn:
            return {row.slug: to_send(row) for row in conn.execute(query.order_by(send.c.id))}

    def active(self, kind: SendKind) -> tuple[Send, ...]:
        """Returns the sends of a kind that run or wait, the oldest first."""
        query = sends_of(send.c.kind == kind, send.c.state.in_([SendState.RUNNING, SendState.WAITING]))
        with self._context.database.reading() as conn:
            return tuple(to_send(row) for row in conn.execute(query.order_by(send.c.id)))

    def tests(self, slug: str, *, limit: int) -> tuple[Send, ...]:
        """Returns the tests of a dispatch, the newest first."""
        query = sends_of(send.c.slug == slug, send.c.kind == SendKind.TEST).order_by(send.c.id.desc())
        with self._context.database.reading() as conn:
            return tuple(map(to_send, conn.execute(query.limit(limit))))

    def by_form_token(self, token: str) -> Send | None:
        """Returns the send that the form of this token made."""
        with self._context.database.reading() as conn:
            return find_by_token(conn, token)

    def run_by_server(self) -> tuple[Send, ...]:
        """Returns the sends that run or wait and that `serve` runs, the oldest first."""
        query = sends_of(send.c.state.in_(sorted(GOING)), send.c.run_by_server)
        with self._context.database.reading() as conn:
            return tuple(map(to_send, conn.execute(query.order_by(send.c.id))))

    def expire_unstarted(self) -> tuple[Send, ...]:
        """Makes undoable sends that were not started overdue: for a server that was not running at their time."""
        query = sends_of(send.c.state == SendState.SCHEDULED, send.c.undoable).order_by(send.c.id)

        def work(conn: Connection) -> tuple[Send, ...]:
            found = tuple(map(to_send, conn.execute(query).all()))
            for each in found:
                reason = "no server was running in which it could be undone"
                change_send(conn, each, SendState.OVERDUE, at=self._context.clock(), reason=reason)
            return found

        with self._context.database.reading() as conn:
            if conn.execute(query.limit(1)).first() is None:
                return ()
        return self._context.writer.call(work).result()

    def undo(self, send_id: int) -> Send:
        """Cancels a send that has not started, without recipients; a cancelled one stays as it is.

        Raises SendStateError if it has started.
        """

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.state is SendState.CANCELLED:
                return found
            if found.state not in {SendState.SCHEDULED, SendState.OVERDUE}:
                raise SendStateError(
                    f"Send {send_id} has started and is {found.state}; it cannot be undone.",
                    "Pause or cancel it to stop the remaining messages.",
                )
            change_send(conn, found, SendState.CANCELLED, at=self._context.clock())
            conn.execute(delete(delivery).where(delivery.c.send_id == send_id))
            delete_shards(conn, send_id)
            conn.execute(update(send).where(send.c.id == send_id).values(first_id=0, last_id=-1))
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def reschedule(self, send_id: int, at: float) -> Send:
        """Gives a send that has not started another time. Its recipients are counted when it starts.

        Raises SendStateError if it has started, or if its recipients are fixed already.
        """

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.state not in {SendState.SCHEDULED, SendState.OVERDUE} or found.undoable:
                raise SendStateError(
                    f"Send {send_id} cannot get another time.", "Only a scheduled send that has not started can."
                )
            if found.state is SendState.OVERDUE:
                change_send(conn, found, SendState.SCHEDULED, at=self._context.clock())
            conn.execute(update(send).where(send.c.id == send_id).values(scheduled_at=at, reason=""))
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def give_up_waiting(self, send_id: int) -> int:
        """Ends a send of which only deliveries are left that wait to be tried again: they fail. Returns how many did.

        Raises SendStateError if anything else is left.
        """

        def work(conn: Connection) -> int:
            found, now = lock_send(conn, send_id), self._context.clock()
            if found.state not in GOING or open_states(conn, send_id) != {DeliveryState.DEFERRED}:
                raise SendStateError(
                    f"Send {send_id} has messages that are not waiting for another attempt.",
                    "Try again when the others are done. To stop all of it, cancel the send.",
                )
            waiting = transition({DeliveryState.DEFERRED}, DeliveryState.FAILED, at=now)
            given_up = conn.execute(waiting.where(delivery.c.send_id == send_id).values(reason=GIVEN_UP)).rowcount
            change_send(conn, found, SendState.FINISHED, at=now)
            return given_up

        return self._context.writer.call(work).result()

    def due(self, *, grace: float) -> tuple[Send, ...]:
        """Returns scheduled sends whose time has come, the oldest first; more than `grace` seconds late, they become overdue."""
        now = self._context.clock()
        query = sends_of(send.c.state == SendState.SCHEDULED, send.c.scheduled_at <= now).order_by(
            send.c.scheduled_at, send.c.id
        )

        def work(conn: Connection) -> None:
            for found in map(to_send, conn.execute(query.where(send.c.scheduled_at < now - grace)).all()):
                change_send(conn, found, SendState.OVERDUE, at=now, reason=found.reason)

        with self._context.database.reading() as conn:
            found = [to_send(row) for row in conn.execute(query)]
        late = [each for each in found if each.scheduled_at is not None and each.scheduled_at < now - grace]
        if late:
            self._context.writer.call(work).result()
        return tuple(each for each in found if each not in late)

    def note_hindrance(self, send_id: int, reason: str) -> None:
        """Records why a send that is scheduled or running cannot be started or run; it keeps its state."""
        self._context.writer.call(lambda conn: set_reason(conn, send_id, _HINDERED, reason)).result()

    def hindered(self) -> tuple[Send, ...]:
        """Returns the sends that are due or running and make no progress: those with a reason, and overdue ones."""
        in_the_way = and_(send.c.state.in_(sorted(_HINDERED)), send.c.reason != "")
        query = sends_of(or_(in_the_way, send.c.state == SendState.OVERDUE), send.c.kind != SendKind.TEST)
        with self._context.database.reading() as conn:
            return tuple(to_send(row) for row in conn.execute(query.order_by(send.c.id)))

    def pause(self, send_id: int, *, reason: str = "") -> Send:
        """Pauses a send: nothing more is claimed or marked, in any process. A paused one stays as it is."""

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.state is not SendState.PAUSED:
                change_send(conn, found, SendState.PAUSED, at=self._context.clock(), reason=reason)
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def resume(self, send_id: int, *, carried: bool = False) -> Send:
        """Resumes a paused send; one that is not paused is returned as it is, but a cancelled one is refused.

        `carried`: `serve` runs it from now on, within a second.
        """

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.cancel_requested:
                raise SendStateError(f"Send {send_id} is being cancelled.", f"To finish that: mailer cancel {send_id}")
            if found.state is SendState.CANCELLED:
                raise SendStateError(f"Send {send_id} was cancelled.", "To send its dispatch again: mailer send")
            if found.state is SendState.PAUSED:
                change_send(conn, found, SendState.RUNNING, at=self._context.clock())
                finish_if_settled(conn, send_id, at=self._context.clock())
            if carried:
                _set_run_by_server(conn, send_id)
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def cancel(self, send_id: int) -> Send:
        """Skips the rest as `cancelled`. It is `cancelled` at once, or after the results of messages being sent."""
        self.get(send_id)
        with self._context.database.reading() as conn:
            locks = {shard: self._context.shard_lock(send_id, shard.number) for shard in load_shards(conn, send_id)}
        free = [(shard, lock) for shard, lock in locks.items() if lock.acquire(LOCK_PATIENCE)]

        def work(conn: Connection) -> Send:
            found, now = lock_send(conn, send_id), self._context.clock()
            if found.state is SendState.CANCELLED:
                return found
            if found.state is SendState.FINISHED:
                raise SendStateError(f"Send {send_id} is finished and cannot be cancelled.")
            for shard, lock in free:
                if lock.renew(conn):
                    recover(conn, shard, self._context.warmup, at=now)
            skip(conn, delivery.c.send_id == send_id, "cancelled", at=now)
            conn.execute(update(send).where(send.c.id == send_id).values(cancel_requested=True))
            if not finish_cancelling(conn, send_id, at=now) and found.state is not SendState.PAUSED:
                change_send(conn, found, SendState.PAUSED, at=now, reason="being cancelled")
            return load_send(conn, send_id)

        try:
            return self._context.writer.call(work).result()
        finally:
            for lock in locks.values():
                lock.close()

    def finish_cancelled(self) -> None:
        """Cancels the sends whose cancelling waited for the results of a process that has died since."""
        query = select(send.c.id).where(send.c.state == SendState.PAUSED, send.c.cancel_requested)
        with self._context.database.reading() as conn:
            found = [send_id for send_id in conn.scalars(query) if not held_shards(conn, self._context, send_id)]
        for send_id in found:
            self.cancel(send_id)

    def resolve_uncertain(
        self, send_id: int, *, resend: bool, identities: Collection[str] | None = None, carried: bool = False
    ) -> Resolution:
        """Resolves the uncertain deliveries of a send, those of `identities` or all.

        `resend`: they become pending, and a finished send runs again, by `serve` if `carried`; otherwise they are
        accepted, marked as resolved manually.
        """

        def work(conn: Connection) -> Resolution:
            found, now = lock_send(conn, send_id), self._context.clock()
            if resend and (found.state is SendState.CANCELLED or found.cancel_requested):
                raise SendStateError(
                    f"Send {send_id} was cancelled; its messages cannot be sent again.",
                    f"To count them as delivered: mailer resolve {send_id} --assume-sent",
                )
            chosen, missing = _uncertain(conn, send_id, identities)
            which = in_ids(delivery.c.id, chosen)
            if resend and chosen:
                conn.execute(
                    transition(_UNCERTAIN, DeliveryState.PENDING, at=now).where(which).values(reason="to be sent again")
                )
                skip_ineligible(conn, which, at=now)
                wake_shards(conn, send_id, chosen)
                if found.state is SendState.FINISHED:
                    change_send(conn, found, SendState.RUNNING, at=now)
                if carried:
                    _set_run_by_server(conn, send_id)
            elif chosen:
                assumed = transition(_UNCERTAIN, DeliveryState.ACCEPTED, at=now).where(which)
                conn.execute(assumed.values(resolved_manually=True, reason="assumed"))
            return Resolution(send=load_send(conn, send_id), resolved=len(chosen), missing=missing)

        return self._context.writer.call(work).result()

    def holder_pid(self, send_id: int) -> int | None:
        """Returns the id of a process that holds a shard of the send; None if there is none, 0 if it is unknown."""
        with self._context.database.reading() as conn:
            held = held_shards(conn, self._context, send_id)
        return held[0].pid if held else None


_UNCERTAIN = frozenset({DeliveryState.UNCERTAIN})


def _set_run_by_server(conn: Connection, send_id: int) -> None:
    conn.execute(update(send).where(send.c.id == send_id).values(run_by_server=True))


def _uncertain(conn: Connection, send_id: int, identities: Collection[str] | None) -> tuple[list[int], tuple[str, ...]]:
    """Returns the ids of the chosen uncertain deliveries, and the identities that have none."""
    query = select(delivery.c.id, delivery.c.identity).where(
        delivery.c.send_id == send_id, delivery.c.state == DeliveryState.UNCERTAIN
    )
    found = {row.identity: row.id for row in conn.execute(query.order_by(delivery.c.id))}
    if identities is None:
        return list(found.values()), ()
    chosen = [found[identity] for identity in dict.fromkeys(identities) if identity in found]
    return chosen, tuple(identity for identity in identities if identity not in found)


def sends_of(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Returns a query for sends, whose rows `to_send` reads."""
    omitted = {"last_id", "token"}
    columns = [column for column in send.c if column.name not in omitted]
    settled_at = select(func.max(send_shard.c.settled_at)).where(send_shard.c.send_id == send.c.id)
    return (
        select(*columns, settled_at.scalar_subquery().label("settled_at"), edition.c.title)
        .join(edition)
        .where(*conditions)
    )


def to_send(row: Any) -> Send:
    """Returns the send of a row of `sends_of`."""
    return Send(
        id=row.id,
        kind=row.kind,
        slug=row.slug,
        title=row.title,
        digest=row.digest,
        state=row.state,
        reason=row.reason,
        cancel_requested=row.cancel_requested,
        lists=tuple(row.lists),
        exclude=tuple(row.exclude),
        where=row.condition,
        key_name=row.key_name,
        parent_id=row.parent_id,
        repeat=Repeat(row.repeat),
        created_at=row.created_at,
        scheduled_at=row.scheduled_at,
        begun_at=row.begun_at,
        settled_at=row.settled_at,
        ended_at=row.ended_at,
        created_by=row.created_by,
        run_by_server=row.run_by_server,
        undoable=row.undoable,
        is_frozen=row.first_id > 0,
        sender_profile=row.sender_profile,
        queue=row.queue,
        requirements=row.requirements,
    )


def find_by_token(conn: Connection, token: str) -> Send | None:
    """Returns the send that the form of this token made."""
    row = conn.execute(sends_of(send.c.token == token)).first()
    return to_send(row) if row else None


def lock_send(conn: Connection, send_id: int) -> Send:
    """Returns the send, and keeps all other writers of it out until this transaction ends. Raises UnknownSendError."""
    lock_send_alone(conn, send_id)
    conn.execute(select(send.c.id).where(send.c.id == send_id).with_for_update(key_share=True))
    return load_send(conn, send_id)


def load_send(conn: Connection, send_id: int) -> Send:
    """Returns the send. Raises UnknownSendError."""
    row = conn.execute(sends_of(send.c.id == send_id)).first()
    if row is None:
        raise UnknownSendError(send_id)
    return to_send(row)


def summarise(conn: Connection, found: Send, shard: Shard | None = None) -> Summary:
    """Counts the deliveries of a send, or of one shard of it, in one query over one index."""
    rows = conn.execute(
        select(delivery.c.state, func.count(), func.min(delivery.c.next_at), func.max(delivery.c.next_at))
        .where(in_shard(shard) if shard else delivery.c.send_id == found.id)
        .group_by(delivery.c.state)
    ).all()
    due = [times for state, _, *times in rows if state is DeliveryState.DEFERRED]
    next_at, last_at = due[0] if due else (None, None)
    counts = {state: count for state, count, *_ in rows}
    return Summary(send=found, counts=counts, next_at=next_at, last_at=last_at)


def change_send(conn: Connection, found: Send, state: SendState, *, at: float, reason: str = "") -> None:
    """Changes the state of a send. Raises SendStateError for an illegal transition."""
    if state not in SEND_TRANSITIONS[found.state]:
        raise SendStateError(f"Send {found.id} is {found.state} and cannot become {state}.")
    conn.execute(
        update(send)
        .where(send.c.id == found.id, send.c.state == found.state)
        .values(state=state, reason=reason, ended_at=at if state in TERMINAL else None)
    )
    event = _EVENTS.get(state)
    if event is None or found.kind in _NO_WEBHOOKS or not has_subscribers(conn, event):
        return
    if event is WebhookEvent.SEND_FINISHED:
        enqueue_finished(conn, summarise(conn, found), at=at)
    else:
        enqueue_halted(conn, event, found, reason, at=at)


def set_reason(conn: Connection, send_id: int, states: Collection[SendState], reason: str) -> None:
    """Sets the reason of a send that is in one of `states`, which it keeps."""
    one = update(send).where(send.c.id == send_id, send.c.state.in_(sorted(states)), send.c.reason != reason)
    conn.execute(one.values(reason=reason))


def open_states(conn: Connection, send_id: int) -> frozenset[DeliveryState]:
    """Returns which of the states of open deliveries there are in a send, without counting them."""
    rows = (
        select(delivery.c.state)
        .where(delivery.c.send_id == send_id, delivery.c.state == state)
        .limit(1)
        .subquery(state.value)
        for state in sorted(OPEN_STATES)
    )
    return frozenset(conn.execute(union_all(*(select(each.c.state) for each in rows))).scalars())


def finish_if_settled(conn: Connection, send_id: int, *, at: float) -> bool:
    """Within a transaction: finishes a locked send that is going and has nothing left to send; returns whether it did."""
    found = load_send(conn, send_id)
    is_settled = found.state in GOING and not found.cancel_requested and not open_states(conn, send_id)
    if is_settled:
        change_send(conn, found, SendState.FINISHED, at=at)
    return is_settled


def finish_cancelling(conn: Connection, send_id: int, *, at: float) -> bool:
    """Makes a send with `cancel_requested` `cancelled`, once none of its deliveries is open; whether it did."""
    found = load_send(conn, send_id)
    if not found.cancel_requested or open_states(conn, send_id):
        return False
    change_send(conn, found, SendState.CANCELLED, at=at)
    conn.execute(update(send).where(send.c.id == send_id).values(cancel_requested=False))
    return True
