"""Why subscribers left everything, in their own words: asked on the page after unsubscribing.

A reason belongs to one opt-out, by its time. Raises LedgerError.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, select

from mailer.ledger.privacy.pseudonyms import is_pseudonym
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import leaving_reason, list_, member
from mailer.ledger.subscribers.suppressions import active_suppression
from mailer.ledger.types.subscribers import LeavingReason

LONGEST_WORDS = 500  # characters of a free-text reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingReasonRecord:
    """The reason for an opt-out, which was made at `said_at`."""

    reason: LeavingReason
    words: str
    at: float
    said_at: float


class LeavingReasons:
    """The reasons in one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def record(self, identity: str, said_at: float, reason: LeavingReason, words: str) -> None:
        """Records why the person opted out at `said_at`; the last reason counts. Ignored if that opt-out is no longer active."""

        def work(conn: Connection) -> None:
            active = active_suppression(conn, identity)
            if active is None or active.at != said_at or is_pseudonym(active.identity):
                return
            key = (leaving_reason.c.identity == identity, leaving_reason.c.said_at == said_at)
            conn.execute(delete(leaving_reason).where(*key))
            row = {"identity": identity, "said_at": said_at, "reason": reason, "words": words[:LONGEST_WORDS]}
            conn.execute(insert(leaving_reason).values(**row, at=self._context.clock()))

        self._context.writer.call(work).result()

    def of(self, identity: str) -> tuple[LeavingReasonRecord, ...]:
        """Returns all reasons that this person gave for leaving, the oldest first."""
        query = select(leaving_reason).where(leaving_reason.c.identity == identity).order_by(leaving_reason.c.said_at)
        with self._context.database.reading() as conn:
            return tuple(
                LeavingReasonRecord(reason=row.reason, words=row.words, at=row.at, said_at=row.said_at)
                for row in conn.execute(query)
            )

    def count(self, list_name: str) -> Mapping[LeavingReason, int]:
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
