"""The second factor of users of the desk: codes of an app (TOTP, RFC 6238), and recovery codes.

The secret of the codes is not stored: it is derived from a key of MAILER_SECRET_KEYS, by its name, and a salt. Recovery codes are
stored as digests. So a copy of the database alone gives no code. It is set up in two steps: `begin` chooses a salt, `activate`
follows once the user has typed a code. Each code is used once: `last_step` is the time step of the last one, and a recovery
code that was used is removed.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Delete, delete, insert, select, update

from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import desk_session, desk_two_factor

_SALT = 16  # octets


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoFactor:
    """What the codes of a user are derived from. `since`: when it was turned on; None while it is being set up.

    `recovery_left`: how many recovery codes were not used yet.
    """

    key_name: str
    salt: str
    since: float | None
    recovery_left: int

    @property
    def is_on(self) -> bool:
        return self.since is not None


class TwoFactors:
    """The second factors of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def find(self, user_id: int) -> TwoFactor | None:
        """Returns the second factor of a user, also one that is being set up."""
        query = select(desk_two_factor).where(desk_two_factor.c.user_id == user_id)
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        if row is None:
            return None
        return TwoFactor(key_name=row.key_name, salt=row.salt, since=row.since, recovery_left=len(row.recovery))

    def users(self) -> frozenset[int]:
        """Returns the ids of the users for whom it is on."""
        query = select(desk_two_factor.c.user_id).where(desk_two_factor.c.since.is_not(None))
        with self._context.database.reading() as conn:
            return frozenset(conn.execute(query).scalars())

    def key_names(self) -> frozenset[str]:
        """Returns the names of the secret keys that the codes of users depend on."""
        query = select(desk_two_factor.c.key_name).where(desk_two_factor.c.since.is_not(None)).distinct()
        with self._context.database.reading() as conn:
            return frozenset(conn.execute(query).scalars())

    def begin(self, user_id: int, key_name: str) -> None:
        """Chooses a new salt, unless it is on already."""

        def work(conn: Connection) -> None:
            conn.execute(_of(user_id).where(desk_two_factor.c.since.is_(None)))
            if (
                conn.execute(select(desk_two_factor.c.user_id).where(desk_two_factor.c.user_id == user_id)).first()
                is None
            ):
                salt = secrets.token_hex(_SALT)
                conn.execute(insert(desk_two_factor).values(user_id=user_id, key_name=key_name, salt=salt, recovery=[]))

        self._context.writer.call(work).result()

    def activate(self, user_id: int, step: int, recovery: Sequence[str], *, keep_session: int) -> bool:
        """Turns it on, after a code of the time step `step`; ends every other session. False if it was not being set up."""
        values = {"since": self._context.clock(), "last_step": step, "recovery": list(recovery)}
        begun = desk_two_factor.c.user_id == user_id, desk_two_factor.c.since.is_(None)

        def work(conn: Connection) -> bool:
            is_done = conn.execute(update(desk_two_factor).where(*begun).values(**values)).rowcount == 1
            if is_done:
                others = desk_session.c.user_id == user_id, desk_session.c.id != keep_session
                conn.execute(delete(desk_session).where(*others))
            return is_done

        return self._context.writer.call(work).result()

    def use_step(self, user_id: int, step: int) -> bool:
        """Uses the code of a time step; False if this one, or a later one, was used before."""
        unused = desk_two_factor.c.user_id == user_id, desk_two_factor.c.last_step < step
        one = update(desk_two_factor).where(*unused, desk_two_factor.c.since.is_not(None)).values(last_step=step)
        return self._context.writer.call(lambda conn: conn.execute(one).rowcount == 1).result()

    def use_recovery(self, user_id: int, digest: str) -> bool:
        """Uses a recovery code, once."""

        def work(conn: Connection) -> bool:
            mine = desk_two_factor.c.user_id == user_id, desk_two_factor.c.since.is_not(None)
            left = conn.execute(select(desk_two_factor.c.recovery).where(*mine).with_for_update()).scalar() or []
            if digest not in left:
                return False
            rest = [each for each in left if each != digest]
            conn.execute(update(desk_two_factor).where(*mine).values(recovery=rest))
            return True

        return self._context.writer.call(work).result()

    def replace_recovery(self, user_id: int, recovery: Sequence[str]) -> None:
        """Replaces all recovery codes."""
        mine = desk_two_factor.c.user_id == user_id, desk_two_factor.c.since.is_not(None)
        new = update(desk_two_factor).where(*mine).values(recovery=list(recovery))
        self._context.writer.call(lambda conn: conn.execute(new)).result()

    def remove(self, user_id: int) -> bool:
        """Turns it off; whether it was on or being set up."""
        return self._context.writer.call(lambda conn: conn.execute(_of(user_id)).rowcount == 1).result()


def _of(user_id: int) -> Delete:
    return delete(desk_two_factor).where(desk_two_factor.c.user_id == user_id)
