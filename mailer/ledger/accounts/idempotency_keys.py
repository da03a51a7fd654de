"""Idempotency keys of the API, and the stored responses to requests that must be done once.

    idempotency.reserve(token_id, key, fingerprint)   None: the key is new, and reserved; otherwise what is stored of it
    idempotency.store(token_id, key, response)        stores the response for repetitions of the request
    idempotency.release(token_id, key)                nothing was done; the key may be used again

A key is reserved before anything is done. So an interrupted request leaves a key without a response, and is never repeated
automatically. Keys are removed after LONGEST seconds. Times are seconds since the epoch, UTC.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import idempotency_key

LONGEST = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """A stored response. `fingerprint` identifies the request; `status` None: begun, without a response."""

    fingerprint: str
    status: int | None = None
    body: str = ""
    location: str = ""


class IdempotencyKeys:
    """The idempotency keys of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def reserve(self, token_id: int, key: str, fingerprint: str) -> StoredResponse | None:
        """Reserves a new key and returns None; returns what is stored of a known key."""

        def work(conn: Connection) -> StoredResponse | None:
            now = self._context.clock()
            advisory_lock(conn, f"api answer {token_id} {key}")
            conn.execute(delete(idempotency_key).where(idempotency_key.c.at < now - LONGEST))
            columns = (
                idempotency_key.c.fingerprint,
                idempotency_key.c.status,
                idempotency_key.c.body,
                idempotency_key.c.location,
            )
            row = conn.execute(select(*columns).where(*_of(token_id, key))).first()
            if row:
                return StoredResponse(**row._asdict())
            conn.execute(insert(idempotency_key).values(token_id=token_id, key=key, fingerprint=fingerprint, at=now))
            return None

        return self._context.writer.call(work).result()

    def store(self, token_id: int, key: str, response: StoredResponse) -> None:
        """Stores the response to the request of this key."""
        reserved = update(idempotency_key).where(*_of(token_id, key))
        values = {"status": response.status, "body": response.body, "location": response.location}
        self._context.writer.call(lambda conn: conn.execute(reserved.values(**values))).result()

    def release(self, token_id: int, key: str) -> None:
        """Removes a key whose request did nothing."""
        self._context.writer.call(
            lambda conn: conn.execute(delete(idempotency_key).where(*_of(token_id, key)))
        ).result()


def _of(token_id: int, key: str) -> tuple[ColumnElement[bool], ...]:
    return (idempotency_key.c.token_id == token_id, idempotency_key.c.key == key)
