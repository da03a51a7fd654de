"""Tokens of the API and their scopes.

A token is identified by its digest, and by a name that ignores case and spacing and stays taken, because the audit log refers
to it. A revoked token is refused at once; a new one may reuse its name. A token may have an end, and networks outside of which it
is refused. The use of a token is recorded at most once in FRESH seconds, because that is a commit.
Times are seconds since the epoch, UTC.

Raises TokenTakenError, UnknownTokenError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from mailer.errors import UsageError
from mailer.ledger.accounts.users import name_key, plain_name
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import api_token
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.settings.parsers import Network

FRESH = 60


class TokenTakenError(UsageError):
    """There is a token with this name."""


class UnknownTokenError(UsageError):
    """There is no token with this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no token “{name}”.", "List the tokens with: mailer token list")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token that was not revoked. `used_at` None: never used; `ends_at` None: no end; no `networks`: from everywhere."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: float
    used_at: float | None
    ends_at: float | None = None
    networks: tuple[Network, ...] = ()

    def has_ended(self, now: float) -> bool:
        return self.ends_at is not None and now >= self.ends_at

    def allows(self, address: str) -> bool:
        """Whether a client at the IP address `address` may use the token; "" is an unknown address."""
        if not self.networks:
            return True
        if not address:
            return False
        client = ip_address(address)
        return any(client in network for network in self.networks if network.version == client.version)

    def may(self, needed: Scope) -> bool:
        return any(scope.covers(needed) for scope in self.scopes)


class ApiTokens:
    """The tokens of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def add(
        self,
        name: str,
        digest: str,
        scopes: frozenset[Scope],
        *,
        ends_at: float | None = None,
        networks: Sequence[Network] = (),
    ) -> ApiToken:
        """Adds a token with this digest, these scopes, and limits if any."""
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
                "ends_at": ends_at,
                "networks": list(map(str, networks)) or None,
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
        """Returns all tokens that were not revoked, by name."""
        query = select(api_token).where(api_token.c.revoked_at.is_(None)).order_by(api_token.c.key)
        with self._context.database.reading() as conn:
            return tuple(map(_token, conn.execute(query)))

    def find(self, digest: str) -> ApiToken | None:
        """Returns the token of this digest, unless it was revoked."""
        query = select(api_token).where(api_token.c.digest == digest, api_token.c.revoked_at.is_(None))
        with self._context.database.reading() as conn:
            row = conn.execute(query).first()
        return None if row is None else _token(row)

    def record_use(self, token: ApiToken) -> None:
        """Records that `token` is used now, unless that was recorded just before."""
        now = self._context.clock()
        if token.used_at is None or now - token.used_at >= FRESH:
            used = update(api_token).where(api_token.c.id == token.id).values(used_at=now)
            self._context.writer.call(lambda conn: conn.execute(used)).result()

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
        ends_at=row.ends_at,
        networks=tuple(map(ip_network, row.networks or ())),
    )
