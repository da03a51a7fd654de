"""The outbox: messages to webhooks, written in the transaction of their event, delivered afterwards by `mailer serve`.

    enqueue_subscribed(conn, ...)   and others: one statement each, without effect if no webhook subscribes to the event
    outbox.next_due(...)            the next message to be delivered
    outbox.record_attempt(...)      records how an attempt ended
    outbox.log(...)                 the messages with their attempts

    waiting -> delivered | given up -> waiting (redelivered by a user)

A message is one event for one webhook, and keeps its id however often it is sent: delivery is at least once. It names an
address and a list, and nothing else of a subscriber; erasure removes it, delivered or not. Changes by a list file are not
reported: whoever changes the file knows them.

Messages refer to their webhook without a foreign key, so that removing one while somebody unsubscribes fails no transaction;
orphans are removed by `purge`. Raises LedgerError.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, cast, delete, func, insert, or_, select, update

from mailer.delivery.states import DeliveryState
from mailer.errors import UsageError
from mailer.feedback.model import NOT_SPAM, FeedbackKind
from mailer.ledger.privacy.pseudonyms import is_pseudonym
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import webhook, webhook_attempt, webhook_event, webhook_message
from mailer.ledger.types.feedback import NewFeedback
from mailer.ledger.types.sends import Send, Summary
from mailer.ledger.types.webhooks import WebhookEvent, WebhookState

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAttempt:
    """One request. `status` is None without a response, and `error` then says why; `answer`: the beginning of its body."""

    at: float
    seconds: float
    status: int | None
    error: str
    answer: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """One event for one webhook. `data` is JSON; `attempts` and `first_at` count from the last redelivery."""

    id: int
    webhook_id: int
    event: WebhookEvent
    data: str = field(repr=False)
    at: float
    state: WebhookState
    attempts: int
    first_at: float | None
    next_at: float
    settled_at: float | None
    log: tuple[WebhookAttempt, ...] = ()


def enqueue_subscribed(conn: Connection, identity: str, list_name: str | None, *, at: float) -> None:
    """Within a transaction: reports a subscription to a list; None: to all former lists, after an undone opt-out."""
    _enqueue(conn, WebhookEvent.SUBSCRIBED, identity, {"list": list_name}, at=at)


def enqueue_unsubscribed(conn: Connection, identity: str, list_name: str | None, *, at: float) -> None:
    """Within a transaction: reports that somebody left a list; None: all lists."""
    _enqueue(conn, WebhookEvent.UNSUBSCRIBED, identity, {"list": list_name}, at=at)


def enqueue_bounced(conn: Connection, identity: str, send_id: int | None, *, at: float) -> None:
    """Within a transaction: reports that an address is dead and suppressed."""
    _enqueue(conn, WebhookEvent.BOUNCED, identity, {"send": send_id}, at=at)


def enqueue_feedback(conn: Connection, new: NewFeedback, identity: str, send_id: int | None, *, at: float) -> None:
    """Within a transaction: reports that a message came back, or that its recipient complained."""
    recipient = new.recipient
    if new.kind is FeedbackKind.BOUNCE:
        found = {"reason": recipient.reason.value, "status": recipient.status, "permanent": recipient.permanent}
        _enqueue(conn, WebhookEvent.MESSAGE_BOUNCED, identity, {"send": send_id, **found}, at=at)
    elif new.kind is FeedbackKind.COMPLAINT and new.report_type != NOT_SPAM:
        _enqueue(conn, WebhookEvent.MESSAGE_COMPLAINED, identity, {"send": send_id, "type": new.report_type}, at=at)


def has_subscribers(conn: Connection, event: WebhookEvent) -> bool:
    """Whether any webhook subscribes to `event`."""
    return _HAS_SUBSCRIBERS.run(conn, event.value).fetchone() is not None


def enqueue_finished(conn: Connection, summary: Summary, *, at: float) -> None:
    """Within a transaction: reports the outcome of a send that has finished."""
    ended = (DeliveryState.ACCEPTED, DeliveryState.FAILED, DeliveryState.SKIPPED, DeliveryState.UNCERTAIN)
    data = {
        "send": summary.send.id,
        "slug": summary.send.slug,
        "edition": summary.send.digest,
        "frozen": summary.frozen,
        **{state.value: summary.count(state) for state in ended},
    }
    _ENQUEUE.run(conn, WebhookEvent.SEND_FINISHED.value, "", _json(data), at)


def enqueue_halted(conn: Connection, event: WebhookEvent, found: Send, reason: str, *, at: float) -> None:
    """Within a transaction: reports that a send waits for a person: it was paused, or is overdue."""
    data = {"send": found.id, "slug": found.slug, "edition": found.digest, "reason": reason}
    _ENQUEUE.run(conn, event.value, "", _json(data), at)


def _enqueue(conn: Connection, event: WebhookEvent, identity: str, data: Mapping[str, object], *, at: float) -> None:
    if not is_pseudonym(identity):
        _ENQUEUE.run(conn, event.value, identity, _json({"email": identity, **data}), at)


def forget_person(conn: Connection, identity: str) -> None:
    """Within a transaction: removes all messages about this subscriber."""
    _delete(conn, webhook_message.c.identity == identity)


class Outbox:
    """The messages of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def due_webhooks(self, now: float) -> tuple[int, ...]:
        """Returns the numbers of the webhooks that have messages due and are not paused."""
        query = select(webhook.c.id).where(
            webhook.c.paused_at.is_(None),
            select(webhook_message.c.id).where(webhook_message.c.webhook_id == webhook.c.id, *_due(now)).exists(),
        )
        with self._context.database.reading() as conn:
            return tuple(conn.execute(query.order_by(webhook.c.id)).scalars())

    def next_due(self, webhook_id: int, now: float) -> WebhookMessage | None:
        """Returns the due message of a webhook that waited longest."""
        query = select(webhook_message).where(webhook_message.c.webhook_id == webhook_id, *_due(now))
        with self._context.database.reading() as conn:
            row = conn.execute(query.order_by(webhook_message.c.next_at, webhook_message.c.id).limit(1)).first()
            return _message(row) if row else None

    def ask(self, webhook_id: int, *, patience: float) -> WebhookMessage:
        """Adds a test message for one webhook, paused or not. The caller delivers it, or it is due in `patience` seconds."""

        def work(conn: Connection) -> WebhookMessage:
            at = self._context.clock()
            new = insert(webhook_message).values(
                webhook_id=webhook_id,
                event=WebhookEvent.TEST,
                data=_json({"webhook": webhook_id}),
                at=at,
                state=WebhookState.WAITING,
                next_at=at + patience,
            )
            number = conn.execute(new.returning(webhook_message.c.id)).scalar_one()
            return _message(conn.execute(select(webhook_message).where(webhook_message.c.id == number)).one())

        return self._context.writer.call(work).result()

    async def record_attempt(
        self, number: int, attempt: WebhookAttempt, state: WebhookState, *, next_at: float = 0.0
    ) -> None:
        """Records how an attempt ended, and the new state of the message, unless that was removed meanwhile."""

        def work(conn: Connection) -> None:
            values = {
                "state": state,
                "attempts": webhook_message.c.attempts + 1,
                "first_at": func.coalesce(webhook_message.c.first_at, attempt.at),
                "next_at": next_at,
                "settled_at": None if state is WebhookState.WAITING else self._context.clock(),
            }
            mine = update(webhook_message).where(webhook_message.c.id == number)
            if conn.execute(mine.values(**values)).rowcount:
                conn.execute(
                    insert(webhook_attempt).values(
                        message_id=number,
                        at=attempt.at,
                        seconds=attempt.seconds,
                        status=attempt.status,
                        error=attempt.error,
                        answer=attempt.answer,
                    )
                )

        await asyncio.wrap_future(self._context.writer.call(work))

    def redeliver(self, webhook_id: int, number: int) -> None:
        """Makes a message of a webhook due again, whatever its state. Raises UsageError."""
        values = {"state": WebhookState.WAITING, "attempts": 0, "first_at": None, "settled_at": None}

        def work(conn: Connection) -> int:
            mine = update(webhook_message).where(
                webhook_message.c.id == number, webhook_message.c.webhook_id == webhook_id
            )
            return conn.execute(mine.values(**values, next_at=self._context.clock())).rowcount

        if not self._context.writer.call(work).result():
            raise UsageError(f"Webhook {webhook_id} has no message {number}.", "Messages are deleted after 30 days.")

    def log(self, webhook_id: int, *, before: int | None = None, limit: int = PAGE) -> tuple[WebhookMessage, ...]:
        """Returns the messages of a webhook, the latest first; `before` is the id of the last one of the previous page."""
        query = select(webhook_message).where(webhook_message.c.webhook_id == webhook_id)
        if before is not None:
            query = query.where(webhook_message.c.id < before)
        with self._context.database.reading() as conn:
            rows = conn.execute(query.order_by(webhook_message.c.id.desc()).limit(limit)).all()
            logs = _attempts(conn, [row.id for row in rows])
            return tuple(_message(row, logs.get(row.id, ())) for row in rows)

    def of(self, identity: str) -> tuple[WebhookMessage, ...]:
        """Returns the messages about this subscriber, the oldest first; without the attempts."""
        query = select(webhook_message).where(webhook_message.c.identity == identity).order_by(webhook_message.c.id)
        with self._context.database.reading() as conn:
            return tuple(map(_message, conn.execute(query)))

    def counts(self) -> Mapping[tuple[int, WebhookState], int]:
        """Counts the messages of each webhook by state."""
        columns = (webhook_message.c.webhook_id, webhook_message.c.state)
        with self._context.database.reading() as conn:
            rows = conn.execute(select(*columns, func.count().label("messages")).group_by(*columns))
            return {(row.webhook_id, row.state): row.messages for row in rows}

    def purge(self, before: float) -> None:
        """Removes messages from before an instant, and those of removed webhooks."""
        stale = or_(
            webhook_message.c.settled_at < before,
            webhook_message.c.at < before,
            webhook_message.c.webhook_id.not_in(select(webhook.c.id)),
        )
        self._context.writer.call(lambda conn: _delete(conn, stale)).result()


def _due(now: float) -> tuple[ColumnElement[bool], ...]:
    return webhook_message.c.state == WebhookState.WAITING, webhook_message.c.next_at <= now


def _delete(conn: Connection, which: ColumnElement[bool]) -> None:
    ids = select(webhook_message.c.id).where(which)
    conn.execute(delete(webhook_attempt).where(webhook_attempt.c.message_id.in_(ids)))
    conn.execute(delete(webhook_message).where(which))


def _attempts(conn: Connection, numbers: list[int]) -> dict[int, tuple[WebhookAttempt, ...]]:
    """Returns the attempts of messages, each in order."""
    query = select(webhook_attempt).where(webhook_attempt.c.message_id.in_(numbers)).order_by(webhook_attempt.c.id)
    found: dict[int, tuple[WebhookAttempt, ...]] = {}
    for row in conn.execute(query):
        attempt = WebhookAttempt(at=row.at, seconds=row.seconds, status=row.status, error=row.error, answer=row.answer)
        found[row.message_id] = (*found.get(row.message_id, ()), attempt)
    return found


def _message(row: Row[Any], log: tuple[WebhookAttempt, ...] = ()) -> WebhookMessage:
    return WebhookMessage(
        id=row.id,
        webhook_id=row.webhook_id,
        event=row.event,
        data=row.data,
        at=row.at,
        state=row.state,
        attempts=row.attempts,
        first_at=row.first_at,
        next_at=row.next_at,
        settled_at=row.settled_at,
        log=log,
    )


def _json(data: Mapping[str, object]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


_VALUES = {
    "event": param("event", ""),
    "identity": param("identity", ""),
    "data": param("data", ""),
    "at": param("at", 0.0),
}
_NEW = {name: cast(value, webhook_message.c[name].type) for name, value in _VALUES.items()}
_ENQUEUE = CompiledStatement(
    insert(webhook_message).from_select(
        ["webhook_id", *_NEW, "next_at", "state"],
        select(
            webhook_event.c.webhook_id,
            *_NEW.values(),
            cast(_VALUES["at"], webhook_message.c.next_at.type),
            cast(param("state", WebhookState.WAITING.value), webhook_message.c.state.type),
        ).where(webhook_event.c.event == _VALUES["event"]),
    ),
    *_VALUES,
)
_HAS_SUBSCRIBERS = CompiledStatement(
    select(webhook_event.c.webhook_id).where(webhook_event.c.event == param("event", "")).limit(1), "event"
)
