"""Sessions of users at the desk.

A session ends after IDLE seconds without a request, LONGEST seconds after it began, when its user signs out, is removed or
changes the password, and when it is ended from another session. It is identified by the digest of the cookie. Its use is
recorded at most once in FRESH seconds, because that is a commit. Times are seconds since the epoch, UTC.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, update

from mailer.ledger.accounts.users import User, user_of
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import desk_session, desk_user

IDLE = 3 * 86_400
LONGEST = 30 * 86_400
FRESH = 60
_LONGEST_BROWSER = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser in which `user` is signed in; `browser` is its name, `address` the last IP address."""

    id: int
    user: User
    browser: str
    address: str
    created_at: float
    seen_at: float


class Sessions:
    """The sessions of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def begin(self, user_id: int, digest: str, *, browser: str, address: str) -> None:
        """Begins a session; removes expired ones."""

        def work(conn: Connection) -> None:
            now = self._context.clock()
            conn.execute(delete(desk_session).where(_expired(now)))
            values = {"digest": digest, "browser": browser[:_LONGEST_BROWSER], "address": address}
            conn.execute(insert(desk_session).values(user_id=user_id, created_at=now, seen_at=now, **values))

        self._context.writer.call(work).result()

    def find(self, digest: str, *, address: str = "") -> Session | None:
        """Returns the session of this digest, unless it has expired; records its use from `address`."""
        now = self._context.clock()
        with self._context.database.reading() as conn:
            row = conn.execute(_query().where(desk_session.c.digest == digest, ~_expired(now))).first()
        if row is None:
            return None
        if now - row.seen_at >= FRESH:
            used = update(desk_session).where(desk_session.c.id == row.session_id)
            self._context.writer.call(
                lambda conn: conn.execute(used.values(seen_at=now, address=address or row.address))
            ).result()
        return _session(row)

    def of(self, user_id: int) -> tuple[Session, ...]:
        """Returns the sessions of a user, the latest used first."""
        query = _query().where(desk_session.c.user_id == user_id, ~_expired(self._context.clock()))
        with self._context.database.reading() as conn:
            return tuple(map(_session, conn.execute(query.order_by(desk_session.c.seen_at.desc()))))

    def end(self, user_id: int, *session_ids: int) -> int:
        """Ends these sessions of `user_id`; returns how many there were."""
        mine = (desk_session.c.user_id == user_id, desk_session.c.id.in_(session_ids))
        return self._context.writer.call(lambda conn: conn.execute(delete(desk_session).where(*mine)).rowcount).result()


def _expired(now: float) -> ColumnElement[bool]:
    return or_(desk_session.c.seen_at < now - IDLE, desk_session.c.created_at < now - LONGEST)


def _query() -> Any:
    session = (
        desk_session.c.id.label("session_id"),
        desk_session.c.browser,
        desk_session.c.address,
        desk_session.c.created_at.label("begun_at"),
        desk_session.c.seen_at,
    )
    query = select(desk_user, *session).join(desk_session, desk_session.c.user_id == desk_user.c.id)
    return query.where(desk_user.c.removed_at.is_(None))


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.session_id,
        user=user_of(row),
        browser=row.browser,
        address=row.address,
        created_at=row.begun_at,
        seen_at=row.seen_at,
    )
