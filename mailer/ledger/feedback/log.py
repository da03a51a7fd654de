"""What came back, as it was recorded, and what people decide about it.

    feedback.record(items, limits)   records feedback; a future
    feedback.page(...)               what came back, the latest first
    feedback.of(identity)            what came back from one subscriber, the oldest first
    feedback.message(id)             the message itself, for a few days
    feedback.decide(id, action)      the decision of a person about feedback that waited

Raises LedgerError.
"""

import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, func, insert, select

from mailer.errors import UsageError
from mailer.feedback.model import FeedbackKind
from mailer.feedback.policy import BounceLimits
from mailer.ledger.feedback.intake import count_source, is_about_us, is_series_of_ours, record_feedback
from mailer.ledger.privacy.pseudonyms import aliases, is_pseudonym
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import WAITING, feedback, feedback_decision, feedback_message, feedback_source, send
from mailer.ledger.subscribers.suppressions import suppress
from mailer.ledger.types.feedback import (
    DecisionAction,
    FeedbackEntry,
    FeedbackMessage,
    FeedbackSource,
    NewFeedback,
    RecordStatus,
)
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.smtp.refusal_reason import Reason

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFeedback:
    """The status of each piece, in order.

    `begins_series_of_ours`: so many bounces in a row are about us now that the operator is warned.
    """

    statuses: tuple[RecordStatus, ...]
    begins_series_of_ours: bool = False


class FeedbackLog:
    """The feedback in one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def record(
        self, items: Sequence[NewFeedback], limits: BounceLimits, *, source: str, message: FeedbackMessage | None = None
    ) -> Future[RecordedFeedback]:
        """Records feedback and what follows from it; the future is set after the commit. `message`: all of it is from that."""

        def work(conn: Connection) -> RecordedFeedback:
            at = self._context.clock()
            statuses = tuple(record_feedback(conn, each, limits, message, at=at) for each in items)
            recorded = statuses.count(RecordStatus.RECORDED)
            ignored = statuses.count(RecordStatus.IGNORED)
            count_source(conn, source, recorded=recorded, ignored=ignored, at=at)
            begins = (
                any(is_about_us(each) for each in items)
                and is_series_of_ours(conn, limits.warn)
                and not is_series_of_ours(conn, limits.warn, before=recorded)
            )
            return RecordedFeedback(statuses=statuses, begins_series_of_ours=begins)

        return self._context.writer.call(work)

    def count_source(self, source: str, **counts: int) -> Future[None]:
        """Counts what `record` did not see of a source: opt-outs, ignored and unknown events, and unreadable requests."""
        at = self._context.clock()
        return self._context.writer.call(lambda conn: count_source(conn, source, at=at, **counts))

    def sources(self) -> tuple[FeedbackSource, ...]:
        """Returns all sources that ever spoke, by name."""
        with self._context.database.reading() as conn:
            rows = conn.execute(select(feedback_source).order_by(feedback_source.c.source)).mappings()
            return tuple(FeedbackSource(**row) for row in rows)

    def page(
        self,
        *,
        waiting: bool = False,
        kind: FeedbackKind | None = None,
        send_id: int | None = None,
        before: int | None = None,
        limit: int = PAGE,
    ) -> tuple[FeedbackEntry, ...]:
        """Returns up to `limit` pieces of feedback before the id `before`, the latest first. `waiting`: the undecided ones."""
        query = _ENTRIES.order_by(feedback.c.id.desc()).limit(limit)
        if waiting:
            query = query.where(WAITING, feedback_decision.c.action.is_(None))
        if kind is not None:
            query = query.where(feedback.c.kind == kind)
        if send_id is not None:
            query = query.where(feedback.c.send_id == send_id)
        if before is not None:
            query = query.where(feedback.c.id < before)
        with self._context.database.reading() as conn:
            return tuple(map(_entry, conn.execute(query)))

    def count_waiting(self) -> int:
        """Counts the feedback that waits for a decision."""
        undecided = ~exists().where(feedback_decision.c.feedback_id == feedback.c.id)
        with self._context.database.reading() as conn:
            return conn.execute(select(func.count()).select_from(feedback).where(WAITING, undecided)).scalar_one()

    def get(self, number: int) -> FeedbackEntry | None:
        with self._context.database.reading() as conn:
            row = conn.execute(_ENTRIES.where(feedback.c.id == number)).first()
            return _entry(row) if row else None

    def of(self, identity: str) -> tuple[FeedbackEntry, ...]:
        """Returns what came back from this subscriber, the oldest first."""
        with self._context.database.reading() as conn:
            query = _ENTRIES.where(feedback.c.identity.in_(aliases(conn, identity))).order_by(feedback.c.id)
            return tuple(map(_entry, conn.execute(query)))

    def message(self, number: int) -> bytes | None:
        """Returns the beginning of the message that feedback is from; None if it is not kept any more."""
        query = select(feedback_message.c.raw).join(feedback, feedback.c.digest == feedback_message.c.digest)
        with self._context.database.reading() as conn:
            found = conn.execute(query.where(feedback.c.id == number)).scalar_one_or_none()
            return zlib.decompress(found) if found is not None else None

    def decide(self, number: int, action: DecisionAction, *, by: str) -> FeedbackEntry:
        """Records what a person decided about feedback that waits, and suppresses the address if so. Raises UsageError.

        A complaint that is not proven is suppressed as an entry by hand, which an admin can undo.
        """

        def work(conn: Connection) -> FeedbackEntry:
            row = conn.execute(_ENTRIES.where(feedback.c.id == number)).first()
            if row is None:
                raise UsageError(f"There is no feedback {number}.", "The feedback is listed by: mailer feedback list")
            found = _entry(row)
            if not found.is_waiting:
                raise UsageError(
                    f"Feedback {number} is not waiting for a decision.",
                    "The feedback that waits is listed by: mailer feedback list --waiting",
                )
            at = self._context.clock()
            conn.execute(insert(feedback_decision).values(feedback_id=number, action=action, by=by, at=at))
            if action is DecisionAction.SUPPRESS and not is_pseudonym(found.identity):
                is_bounce = found.kind is FeedbackKind.BOUNCE
                reason = SuppressionReason.BOUNCED if is_bounce else SuppressionReason.BY_HAND
                source = f"feedback {number}, decided by {by}"
                suppress(conn, found.identity, reason, source=source, send_id=found.send_id, at=at)
            return _entry(conn.execute(_ENTRIES.where(feedback.c.id == number)).one())

        return self._context.writer.call(work).result()

    def is_series_of_ours(self, limits: BounceLimits) -> bool:
        """Whether the latest bounces in a row, as many as the limit says or more, are about us."""
        with self._context.database.reading() as conn:
            return is_series_of_ours(conn, limits.warn)

    def purge_messages(self, before: float) -> int:
        """Removes the messages from before an instant; returns how many. Their feedback stays."""
        stale = delete(feedback_message).where(feedback_message.c.at < before)
        return self._context.writer.call(lambda conn: conn.execute(stale).rowcount).result()


def _entry(row: Row[Any]) -> FeedbackEntry:
    return FeedbackEntry(
        id=row.id,
        source=row.source,
        kind=row.kind,
        at=row.at,
        identity=row.identity,
        address=row.address,
        delivery_id=row.delivery_id,
        send_id=row.send_id,
        slug=row.slug,
        status=row.status,
        reason=Reason(row.reason),
        permanent=row.permanent,
        delayed=row.delayed,
        report_type=row.report_type,
        words=row.words,
        proof=row.proof,
        effect=row.effect,
        decision=row.action,
        decided_by=row.by or "",
        decided_at=row.decided_at,
        has_message=row.has_message,
    )


_ENTRIES: Select[Any] = (
    select(
        feedback,
        send.c.slug,
        feedback_decision.c.action,
        feedback_decision.c.by,
        feedback_decision.c.at.label("decided_at"),
        exists().where(feedback_message.c.digest == feedback.c.digest).label("has_message"),
    )
    .outerjoin(send, feedback.c.send_id == send.c.id)
    .outerjoin(feedback_decision, feedback_decision.c.feedback_id == feedback.c.id)
)
