"""Approvals of editions by users of the desk.

An approval is of an edition, by its digest: any change of the dispatch makes a new edition, which is not approved. It
also keeps the digest of the dispatch's file (`source`), so that a listing needs no compilation. One user approves an edition
once. Times are seconds since the epoch, UTC.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import approval


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The approval by the user `by` of the edition `digest`, made from the file `source` of the dispatch `slug`."""

    digest: str
    by: str
    slug: str
    source: str
    at: float


class Approvals:
    """The approvals of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def approve(self, digest: str, by: str, *, slug: str, source: str) -> None:
        """Records the approval of an edition by `by`; a repetition changes only the time."""
        mine = (approval.c.digest == digest, approval.c.by == by)
        values = {"digest": digest, "by": by, "slug": slug, "source": source, "at": self._context.clock()}

        def work(conn: Connection) -> None:
            advisory_lock(conn, f"approval of {digest}")
            conn.execute(delete(approval).where(*mine))
            conn.execute(insert(approval).values(**values))

        self._context.writer.call(work).result()

    def withdraw(self, digest: str, by: str) -> bool:
        """Removes the approval of an edition by `by`; whether there was one."""
        removed = delete(approval).where(approval.c.digest == digest, approval.c.by == by)
        return self._context.writer.call(lambda conn: conn.execute(removed).rowcount).result() > 0

    def of(self, digest: str) -> tuple[Approval, ...]:
        """Returns the approvals of an edition, the oldest first."""
        query = select(approval).where(approval.c.digest == digest).order_by(approval.c.at, approval.c.by)
        with self._context.database.reading() as conn:
            return tuple(Approval(**row._asdict()) for row in conn.execute(query))

    def by_source(self) -> dict[tuple[str, str], Approval]:
        """Returns the newest approval of each file, by slug and digest of the file."""
        with self._context.database.reading() as conn:
            rows = conn.execute(select(approval).order_by(approval.c.at))
            return {(row.slug, row.source): Approval(**row._asdict()) for row in rows}
