"""Sends: what there is, where each stands, and the ways between their states.

    scheduled -> overdue -> running <-> waiting -> finished
         └──────────┴─> cancelled  <-> paused        └─> running, when uncertain ones are to go once more

`cancel` skips what may still be skipped. While a living owner has deliveries whose dot may have left, the send stays
`paused` and `cancelling`; the last of them to be settled makes it `cancelled`. So at `cancelled` and at `finished`
nothing is undone, at any instant.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from mailer.delivery.states import OPEN_STATES, TERMINAL, DeliveryState, SendKind, SendState
from mailer.ledger.deliveries.skip import skip, skip_ineligible
from mailer.ledger.deliveries.transitions import transition
from mailer.ledger.sends.recovery import recover
from mailer.ledger.sends.warmup import with_warmup_hold
from mailer.ledger.store.context import LOCK_PATIENCE, LedgerContext
from mailer.ledger.store.tables import delivery, edition, send
from mailer.ledger.types.errors import SendStateError, UnknownSendError
from mailer.ledger.types.sends import Repeat, Resolution, Send, Summary
from mailer.ledger.types.webhooks import WebhookEvent
from mailer.ledger.webhooks.outbox import enqueue_finished, has_subscribers

_S = SendState
SEND_TRANSITIONS: Mapping[SendState, frozenset[SendState]] = {
    _S.SCHEDULED: frozenset({_S.RUNNING, _S.OVERDUE, _S.CANCELLED}),
    _S.OVERDUE: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.WAITING, _S.PAUSED, _S.FINISHED, _S.CANCELLED}),
    _S.WAITING: frozenset({_S.RUNNING, _S.PAUSED, _S.FINISHED, _S.CANCELLED}),
    _S.PAUSED: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.FINISHED: frozenset({_S.RUNNING}),  # only by `resolve --resend`
    _S.CANCELLED: frozenset(),
}
"""The only ways between the states of a send."""
GOING = frozenset({_S.RUNNING, _S.WAITING})
_UNTOLD = frozenset({SendKind.TEST, SendKind.WELCOME})


class Sends:
    """The sends of one ledger. Raises UnknownSendError, SendStateError, LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def get(self, send_id: int) -> Send:
        with self._context.database.reading() as conn:
            return load_send(conn, send_id)

    def summary(self, send_id: int) -> Summary:
        """A send with its counts, of one instant."""
        with self._context.database.reading() as conn:
            return self._with_hold(conn, summarise(conn, load_send(conn, send_id)))

    def all(self, *, limit: int | None = None, before: int | None = None) -> tuple[Summary, ...]:
        """All sends but tests and welcomes, the newest first, with their counts; those made `before` a send."""
        return self._summaries(limit, *([send.c.id < before] if before is not None else []))

    def ended_before(self, send_id: int, *, limit: int) -> tuple[Summary, ...]:
        """Those of `all` that were made before a send, left and have ended."""
        return self._summaries(limit, send.c.id < send_id, send.c.state.in_(TERMINAL), send.c.begun_at.is_not(None))

    def _summaries(self, limit: int | None, *conditions: ColumnElement[bool]) -> tuple[Summary, ...]:
        query = sends_of(send.c.kind.not_in([SendKind.TEST, SendKind.WELCOME]), *conditions).order_by(send.c.id.desc())
        with self._context.database.reading() as conn:
            found = [to_send(row) for row in conn.execute(query.limit(limit) if limit is not None else query)]
            return tuple(self._with_hold(conn, summarise(conn, each)) for each in found)

    def _with_hold(self, conn: Connection, summary: Summary) -> Summary:
        return with_warmup_hold(conn, self._context.warmup, summary, self._context.clock())

    def latest(self, slug: str, lists: Sequence[str] = ()) -> Send | None:
        """The newest send of `slug` that is neither a test nor cancelled, to one of `lists` if any are named."""
        query = sends_of(send.c.slug == slug, send.c.kind != SendKind.TEST, send.c.state != SendState.CANCELLED)
        with self._context.database.reading() as conn:
            for row in conn.execute(query.order_by(send.c.id.desc())):
                found = to_send(row)
                if not lists or set(lists) & set(found.lists):
                    return found
        return None

    def newest(self) -> dict[str, Send]:
        """The newest send of each slug that is neither a test nor cancelled; without counts, so it is quick."""
        query = sends_of(send.c.kind != SendKind.TEST, send.c.state != SendState.CANCELLED)
        with self._context.database.reading() as conn:
            return {row.slug: to_send(row) for row in conn.execute(query.order_by(send.c.id))}

    def active(self, kind: SendKind) -> tuple[Send, ...]:
        """The sends of a kind that run or wait, the oldest first."""
        query = sends_of(send.c.kind == kind, send.c.state.in_([SendState.RUNNING, SendState.WAITING]))
        with self._context.database.reading() as conn:
            return tuple(to_send(row) for row in conn.execute(query.order_by(send.c.id)))

    def tests(self, slug: str, *, limit: int) -> tuple[Send, ...]:
        """The tests of a dispatch, the newest first."""
        query = sends_of(send.c.slug == slug, send.c.kind == SendKind.TEST).order_by(send.c.id.desc())
        with self._context.database.reading() as conn:
            return tuple(map(to_send, conn.execute(query.limit(limit))))

    def by_form_token(self, token: str) -> Send | None:
        """The send that the form of this token made."""
        with self._context.database.reading() as conn:
            return find_by_token(conn, token)

    def run_by_server(self) -> tuple[Send, ...]:
        """The sends that run or wait and that `serve` carries, the oldest first."""
        query = sends_of(send.c.state.in_(sorted(GOING)), send.c.carried)
        with self._context.database.reading() as conn:
            return tuple(map(to_send, conn.execute(query.order_by(send.c.id))))

    def expire_unstarted(self) -> tuple[Send, ...]:
        """Sends that could be taken back until they start become overdue: for a server that starts, and was not there."""
        query = sends_of(send.c.state == SendState.SCHEDULED, send.c.take_back).order_by(send.c.id)

        def work(conn: Connection) -> tuple[Send, ...]:
            found = tuple(map(to_send, conn.execute(query).all()))
            for each in found:
                change_send(conn, each, SendState.OVERDUE, at=self._context.clock())
            return found

        with self._context.database.reading() as conn:
            if conn.execute(query.limit(1)).first() is None:
                return ()
        return self._context.writer.call(work).result()

    def undo(self, send_id: int) -> Send:
        """Cancel a send that has not started; taken back already: as it is. Raises SendStateError for one that has."""

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.state is SendState.CANCELLED:
                return found
            if found.state not in {SendState.SCHEDULED, SendState.OVERDUE}:
                raise SendStateError(
                    f"Send {send_id} has started, and is {found.state}: it cannot be taken back.",
                    "What has not left yet can be paused or cancelled.",
                )
            change_send(conn, found, SendState.CANCELLED, at=self._context.clock())
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def due(self, *, grace: float) -> tuple[Send, ...]:
        """Scheduled sends whose time has come, the oldest first; those more than `grace` seconds late become overdue."""
        now = self._context.clock()
        query = sends_of(send.c.state == SendState.SCHEDULED, send.c.at <= now).order_by(send.c.at, send.c.id)

        def work(conn: Connection) -> None:
            for found in map(to_send, conn.execute(query.where(send.c.at < now - grace)).all()):
                change_send(conn, found, SendState.OVERDUE, at=now)

        with self._context.database.reading() as conn:
            found = [to_send(row) for row in conn.execute(query)]
        late = [each for each in found if each.at is not None and each.at < now - grace]
        if late:
            self._context.writer.call(work).result()
        return tuple(each for each in found if each not in late)

    def pause(self, send_id: int, *, reason: str = "") -> Send:
        """Stop a send: nothing more is claimed or committed, whoever owns it. Paused already: as it is."""

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.state is not SendState.PAUSED:
                change_send(conn, found, SendState.PAUSED, at=self._context.clock(), reason=reason)
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def resume(self, send_id: int, *, carried: bool = False) -> Send:
        """Let a paused send go on; one that is not paused is returned as it is, but a cancelled one is refused.

        `carried`: `serve` carries it from now on, within the second.
        """

        def work(conn: Connection) -> Send:
            found = lock_send(conn, send_id)
            if found.cancelling or found.state is SendState.CANCELLED:
                raise SendStateError(f"Send {send_id} was cancelled.", "Its dispatch can be sent anew: mailer send")
            if found.state is SendState.PAUSED:
                change_send(conn, found, SendState.RUNNING, at=self._context.clock())
            if carried:
                _entrust(conn, send_id)
            return load_send(conn, send_id)

        return self._context.writer.call(work).result()

    def cancel(self, send_id: int) -> Send:
        """Skip the rest as `cancelled`. The result is `cancelled`, or `cancelling` while its owner has dots out."""
        self.get(send_id)
        lock = self._context.send_lock(send_id)
        alone = lock.acquire(LOCK_PATIENCE)

        def work(conn: Connection) -> Send:
            found, now = lock_send(conn, send_id), self._context.clock()
            if found.state is SendState.CANCELLED:
                return found
            if found.state is SendState.FINISHED:
                raise SendStateError(f"Send {send_id} is finished; there is nothing left to cancel.")
            if alone:
                recover(conn, send_id, self._context.warmup, at=now)
            skip(conn, delivery.c.send_id == send_id, "cancelled", at=now)
            conn.execute(update(send).where(send.c.id == send_id).values(cancelling=True))
            if not finish_cancelling(conn, send_id, at=now) and found.state is not SendState.PAUSED:
                change_send(conn, found, SendState.PAUSED, at=now, reason="being cancelled")
            return load_send(conn, send_id)

        try:
            return self._context.writer.call(work).result()
        finally:
            lock.close()

    def resolve_uncertain(
        self, send_id: int, *, resend: bool, identities: Collection[str] | None = None, carried: bool = False
    ) -> Resolution:
        """Decide the uncertain deliveries of a send, those of `identities` or all.

        `resend`: they become pending, and a finished send runs again, by `serve` if `carried`; otherwise they are
        accepted, marked as assumed.
        """

        def work(conn: Connection) -> Resolution:
            found, now = lock_send(conn, send_id), self._context.clock()
            if resend and (found.state is SendState.CANCELLED or found.cancelling):
                raise SendStateError(
                    f"Send {send_id} was cancelled; nothing of it is sent again.",
                    f"To count them as delivered: mailer resolve {send_id} --assume-sent",
                )
            chosen, missing = _uncertain(conn, send_id, identities)
            which = delivery.c.id.in_(chosen)
            if resend and chosen:
                conn.execute(
                    transition(_UNCERTAIN, DeliveryState.PENDING, at=now).where(which).values(reason="once more")
                )
                skip_ineligible(conn, which, at=now)
                if found.state is SendState.FINISHED:
                    change_send(conn, found, SendState.RUNNING, at=now)
                if carried:
                    _entrust(conn, send_id)
            elif chosen:
                assumed = transition(_UNCERTAIN, DeliveryState.ACCEPTED, at=now).where(which)
                conn.execute(assumed.values(assumed=True, reason="assumed"))
            return Resolution(send=load_send(conn, send_id), resolved=len(chosen), missing=missing)

        return self._context.writer.call(work).result()

    def owner_pid(self, send_id: int) -> int | None:
        """The process that owns the send now; None when nobody does, 0 when somebody does but cannot be named."""
        lock = self._context.send_lock(send_id)
        return None if lock.is_unlocked() else lock.read_pid() or 0


_UNCERTAIN = frozenset({DeliveryState.UNCERTAIN})


def _entrust(conn: Connection, send_id: int) -> None:
    conn.execute(update(send).where(send.c.id == send_id).values(carried=True))


def _uncertain(conn: Connection, send_id: int, identities: Collection[str] | None) -> tuple[list[int], tuple[str, ...]]:
    """The ids of the uncertain deliveries that are meant, and the identities that have none."""
    query = select(delivery.c.id, delivery.c.identity).where(
        delivery.c.send_id == send_id, delivery.c.state == DeliveryState.UNCERTAIN
    )
    found = {row.identity: row.id for row in conn.execute(query.order_by(delivery.c.id))}
    if identities is None:
        return list(found.values()), ()
    chosen = [found[identity] for identity in dict.fromkeys(identities) if identity in found]
    return chosen, tuple(identity for identity in identities if identity not in found)


def sends_of(*conditions: ColumnElement[bool]) -> Select[Any]:
    """A query for sends, whose rows `to_send` reads."""
    left_out = {"first_id", "last_id", "token"}
    columns = [column for column in send.c if column.name not in left_out]
    return select(*columns, edition.c.title).join(edition).where(*conditions)


def to_send(row: Any) -> Send:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name
    values["where"] = values.pop("condition")
    values.update(lists=tuple(values["lists"]), exclude=tuple(values["exclude"]), repeat=Repeat(values["repeat"]))
    return Send(**values)


def find_by_token(conn: Connection, token: str) -> Send | None:
    """The send that the form of this token made."""
    row = conn.execute(sends_of(send.c.token == token)).first()
    return to_send(row) if row else None


def lock_send(conn: Connection, send_id: int) -> Send:
    """The send, which nobody else changes until this transaction ends. Raises UnknownSendError."""
    conn.execute(select(send.c.id).where(send.c.id == send_id).with_for_update(key_share=True))
    return load_send(conn, send_id)


def load_send(conn: Connection, send_id: int) -> Send:
    """Raises UnknownSendError."""
    row = conn.execute(sends_of(send.c.id == send_id)).first()
    if row is None:
        raise UnknownSendError(send_id)
    return to_send(row)


def summarise(conn: Connection, found: Send) -> Summary:
    """Count the deliveries of a send, in one query over one index."""
    rows = conn.execute(
        select(delivery.c.state, func.count(), func.min(delivery.c.next_at), func.max(delivery.c.next_at))
        .where(delivery.c.send_id == found.id)
        .group_by(delivery.c.state)
    ).all()
    due = [times for state, _, *times in rows if state is DeliveryState.DEFERRED]
    next_at, last_at = due[0] if due else (None, None)
    counts = {state: count for state, count, *_ in rows}
    return Summary(send=found, counts=counts, next_at=next_at, last_at=last_at)


def change_send(conn: Connection, found: Send, state: SendState, *, at: float, reason: str = "") -> None:
    """Bring a send into another state. Raises SendStateError for a way that there is not."""
    if state not in SEND_TRANSITIONS[found.state]:
        raise SendStateError(f"Send {found.id} is {found.state} and cannot become {state}.")
    conn.execute(
        update(send)
        .where(send.c.id == found.id, send.c.state == found.state)
        .values(state=state, reason=reason, ended_at=at if state in TERMINAL else None)
    )
    if state is SendState.FINISHED and found.kind not in _UNTOLD and has_subscribers(conn, WebhookEvent.SEND_FINISHED):
        enqueue_finished(conn, summarise(conn, found), at=at)


def finish_cancelling(conn: Connection, send_id: int, *, at: float) -> bool:
    """Make a send that is being cancelled `cancelled`, once nothing of it is undone."""
    found = load_send(conn, send_id)
    undone = select(delivery.c.id).where(delivery.c.send_id == send_id, delivery.c.state.in_(sorted(OPEN_STATES)))
    if not found.cancelling or conn.execute(undone.limit(1)).first():
        return False
    change_send(conn, found, SendState.CANCELLED, at=at)
    conn.execute(update(send).where(send.c.id == send_id).values(cancelling=False))
    return True
