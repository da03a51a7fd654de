"""Who did what: one line an action, written and never changed.

`actor` is the name of a person at the desk, or the command line. `action` is `noun.verb`, such as `dispatch.save`;
`object` is what it was done to, `detail` what else there is to say, both in words. A line is written after the thing
was done, by who did it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select

from mailer.ledger.store.context import LedgerContext
from mailer.ledger.store.tables import audit

PAGE = 100
_LONGEST = 1000  # characters of an object or a detail


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that was done. `at`: seconds since the epoch, UTC; `address`: the IP address that it came from."""

    id: int
    at: float
    actor: str
    action: str
    object: str
    detail: str
    address: str


class AuditLog:
    """The log of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def record(self, actor: str, action: str, object: str = "", detail: str = "", *, address: str = "") -> None:  # noqa: A002 - its name
        """Write down that `actor` did it, now."""
        values = {
            "at": self._context.clock(),
            "actor": actor,
            "action": action,
            "object": object[:_LONGEST],
            "detail": detail[:_LONGEST],
            "address": address,
        }
        self._context.writer.call(lambda conn: conn.execute(insert(audit).values(**values))).result()

    def entries(self, *, actor: str = "", before: int | None = None, limit: int = PAGE) -> tuple[AuditEntry, ...]:
        """The latest first; only those of `actor`, if one is named; `before` is the id of the last of the page before."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if actor:
            query = query.where(audit.c.actor == actor)
        if before is not None:
            query = query.where(audit.c.id < before)
        with self._context.database.reading() as conn:
            return tuple(map(_entry, conn.execute(query)))

    def actors(self) -> tuple[str, ...]:
        """Everybody who ever did something."""
        with self._context.database.reading() as conn:
            return tuple(sorted(conn.execute(select(audit.c.actor).distinct()).scalars()))


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**row._asdict())
