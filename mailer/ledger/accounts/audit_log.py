"""The audit log: one line for each action, written once and never changed.

`actor` is the name of a user of the desk, or the command line. `action` is `noun.verb`, such as `dispatch.save`; `object` and
`detail` are text. The caller writes the line after the action.
"""

import threading
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select

from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import audit

PAGE = 100
_LONGEST = 1000  # characters of an object or a detail
_SAME_LOOK = 3600.0  # seconds in which a repeated look is recorded once
KEPT_LOOKS = 10_000  # of this process


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One action. `at`: seconds since the epoch, UTC; `address`: the IP address that it came from."""

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
        self._looks: dict[tuple[str, ...], float] = {}  # when each was recorded, the look least recently made first
        self._gate = threading.Lock()

    def record(self, actor: str, action: str, object: str = "", detail: str = "", *, address: str = "") -> None:  # noqa: A002 - the name of the column
        """Records an action of `actor`."""
        values = {
            "at": self._context.clock(),
            "actor": actor,
            "action": action,
            "object": object[:_LONGEST],
            "detail": detail[:_LONGEST],
            "address": address,
        }
        self._context.writer.call(lambda conn: conn.execute(insert(audit).values(**values))).result()

    def record_look(
        self,
        actor: str,
        action: str,
        object: str = "",  # noqa: A002 - the name of the column
        detail: str = "",
        *,
        reader: str = "",
        address: str = "",
    ) -> None:
        """Records that `actor` looked at data of readers, unless this process has recorded the same within the last hour.

        `reader` is the identity of the reader whose data it was, if it was one: it tells readers apart whose masked addresses
        are equal, and is not stored.
        """
        look, now = (actor, action, object, detail, reader), self._context.clock()
        with self._gate:
            recorded_at = self._looks.pop(look, None)
            is_recorded = recorded_at is not None and 0 <= now - recorded_at < _SAME_LOOK
            self._looks[look] = recorded_at if is_recorded and recorded_at is not None else now
            while len(self._looks) > KEPT_LOOKS:
                self._looks.pop(next(iter(self._looks)))
        if not is_recorded:
            self.record(actor, action, object, detail, address=address)

    def entries(self, *, actor: str = "", before: int | None = None, limit: int = PAGE) -> tuple[AuditEntry, ...]:
        """Returns entries, the latest first, of `actor` if given; `before` is the id of the last one of the previous page."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if actor:
            query = query.where(audit.c.actor == actor)
        if before is not None:
            query = query.where(audit.c.id < before)
        with self._context.database.reading() as conn:
            return tuple(map(_entry, conn.execute(query)))

    def actors(self) -> tuple[str, ...]:
        """Returns all actors of the log."""
        with self._context.database.reading() as conn:
            return tuple(sorted(conn.execute(select(audit.c.actor).distinct()).scalars()))


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**row._asdict())
