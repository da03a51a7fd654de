"""The tokens of requests whose signature does not cover the body: each is good for one body.

So whoever has seen a request cannot send another body with its token. A token is remembered for longer than its signature is
accepted. Raises LedgerError.
"""

from concurrent.futures import Future

from sqlalchemy import Connection, delete, insert, select

from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import provider_token

KEPT_FOR = 2 * 86_400.0  # seconds


class ProviderTokens:
    """The tokens in one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def use(self, source: str, token: str, digest: str) -> Future[bool]:
        """Notes that `token` came with the body of this digest; the result is whether it came with no other one before."""
        table = provider_token.c

        def work(conn: Connection) -> bool:
            now = self._context.clock()
            conn.execute(delete(provider_token).where(table.at < now - KEPT_FOR))
            query = select(table.digest).where(table.source == source, table.token == token)
            known = conn.execute(query).scalar_one_or_none()
            if known is None:
                conn.execute(insert(provider_token).values(source=source, token=token, digest=digest, at=now))
            return known in {None, digest}

        return self._context.writer.call(work)
