"""Tokens of the API and their scopes.

A token is identified by its digest, and by a name that ignores case and spacing and stays taken, because the audit log refers
to it. A revoked token is refused at once; a new one may reuse its name. The use of a token is recorded at most once in FRESH
seconds, because that is a commit. Times are seconds since the epoch, UTC.

Raises TokenTakenError, UnknownTokenError.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from mailer.errors import UsageError
from mailer.ledger.accounts.users import name_key, plain_name
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import api_token
from mailer.ledger.types.roles_and_scopes import Scope

FRESH = 60


class TokenTakenError(UsageError):
    """There is a token with this name."""


class UnknownTokenError(UsageError):
    """There is no token with this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no token “{name}”.", "List the tokens with: mailer token list")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A valid token. `used_at` None: never used."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: float
    used_at: float | None

    def may(self, needed: Scope) -> bool:
        return any(scope.covers(needed) for scope in self.scopes)


class ApiTokens:
    """The tokens of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def add(self, name: str, digest: str, scopes: frozenset[Scope]) -> ApiToken:
        """Adds a token with this digest and these scopes."""
        shown = plain_name(name)
        if not scopes:
            raise UsageError("A token needs a scope.", f"Add one with --scope: {', '.join(Scope)}")

        def work(conn: Connection) -> ApiToken:
            advisory_lock(conn, "api tokens")
            values = {
                "name": shown,
                "digest": digest,
                "scopes": sorted(scope.value for scope in scopes),
                "created_at": self._context.clock(),
                "used_at": None,
                "revoked_at": None,
            }
            known = conn.execute(select(api_token).where(api_token.c.key == name_key(shown))).first()
            if known is None:
                conn.execute(insert(api_token).values(key=name_key(shown), **values))
            elif known.revoked_at is None:
                raise TokenTakenError(f"There is a token “{known.name}” already.", "Choose another name, or revoke it.")
            else:
                conn.execute(update(api_token).where(api_token.c.id == known.id).values(**values))
            return _token(conn.execute(select(api_token).where(api_token.c.digest == digest)).one())

        return self._context.writer.call(work).result()

    def all(self) -> tuple[ApiToken, ...]:
        """Returns all valid tokens, by name."""
        query = select(api_token).where(api_token.c.revoked_at.is_(None)).order_by(api_token.c.key)
        with self._context.database.reading() as conn:
            return tuple(map(_token, conn.execute(query)))

    def find(self, digest: str) -> ApiToken | None:
        """Returns the token of this digest; records its use."""
        query = select(api_token).where(api_token.c.digest == digest, api_token.c.revoked_at.is_(None))
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        if row is None:
            return None
        now = self._context.clock()
        if row.used_at is None or now - row.used_at >= FRESH:
            used = update(api_token).where(api_token.c.id == row.id).values(used_at=now)
            self._context.writer.call(lambda conn: conn.execute(used)).result()
        return _token(row)

    def revoke(self, name: str) -> ApiToken:
        """Revokes the token `name`."""

        def work(conn: Connection) -> ApiToken:
            mine = (api_token.c.key == name_key(name), api_token.c.revoked_at.is_(None))
            row = conn.execute(select(api_token).where(*mine)).first()
            if row is None:
                raise UnknownTokenError(name)
            conn.execute(update(api_token).where(*mine).values(revoked_at=self._context.clock()))
            return _token(row)

        return self._context.writer.call(work).result()


def _token(row: Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        scopes=frozenset(map(Scope, row.scopes)),
        created_at=row.created_at,
        used_at=row.used_at,
    )
