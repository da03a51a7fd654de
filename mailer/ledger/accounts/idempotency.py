"""What was answered to requests that must happen once: a key of the asking program's, and the answer to it.

    answers.begin(token, key, fingerprint)   None: it is new, and noted as begun; else what is known of it
    answers.keep(token, key, kept)           the answer, for whoever asks again
    answers.drop(token, key)                 nothing was done; the key may be used anew

The key is noted before anything is done. So a request that was interrupted leaves a key without an answer, and is never
done a second time by itself. Keys are forgotten after LONGEST seconds. Times are seconds since the epoch, UTC.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.context import LedgerContext
from mailer.ledger.store.tables import api_answer

LONGEST = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResponse:
    """`fingerprint` tells one request from another; `status` None: begun, and no answer is known."""

    fingerprint: str
    status: int | None = None
    body: str = ""
    location: str = ""


class IdempotencyKeys:
    """The answers of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def reserve(self, token_id: int, key: str, fingerprint: str) -> StoredResponse | None:
        def work(conn: Connection) -> StoredResponse | None:
            now = self._context.clock()
            advisory_lock(conn, f"api answer {token_id} {key}")
            conn.execute(delete(api_answer).where(api_answer.c.at < now - LONGEST))
            columns = (api_answer.c.fingerprint, api_answer.c.status, api_answer.c.body, api_answer.c.location)
            row = conn.execute(select(*columns).where(*_of(token_id, key))).first()
            if row:
                return StoredResponse(**row._asdict())
            conn.execute(insert(api_answer).values(token_id=token_id, key=key, fingerprint=fingerprint, at=now))
            return None

        return self._context.writer.call(work).result()

    def store(self, token_id: int, key: str, kept: StoredResponse) -> None:
        answered = update(api_answer).where(*_of(token_id, key))
        values = {"status": kept.status, "body": kept.body, "location": kept.location}
        self._context.writer.call(lambda conn: conn.execute(answered.values(**values))).result()

    def release(self, token_id: int, key: str) -> None:
        self._context.writer.call(lambda conn: conn.execute(delete(api_answer).where(*_of(token_id, key)))).result()


def _of(token_id: int, key: str) -> tuple[ColumnElement[bool], ...]:
    return (api_answer.c.token_id == token_id, api_answer.c.key == key)
