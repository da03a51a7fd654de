"""What the desk saved of dispatches: the history behind the files, which stay the truth.

Autosaving makes many versions. One that the same person saved less than APART seconds after the one before the last
takes that last one's place, so that the history has steps which a person can tell apart. KEPT versions of a file stay;
times are seconds since the epoch, UTC.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.context import LedgerContext
from mailer.ledger.store.tables import draft

APART = 300
KEPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One saved state of a file; `digest` is that of its bytes."""

    id: int
    file: str
    at: float
    actor: str
    digest: str
    words: int


class Revisions:
    """The history of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def save(self, file: str, text: str, *, digest: str, actor: str, step: bool = False) -> None:
        """Remember that `file` became `text` by `actor`; as a step of its own, if `step`."""
        now = self._context.clock()
        values = {"at": now, "digest": digest, "words": len(text.split()), "text": text}

        def work(conn: Connection) -> None:
            advisory_lock(conn, f"drafts of {file}")
            last = conn.execute(_of(file).limit(2)).all()
            if last and last[0].digest == digest:
                return
            fresh = len(last) == 2 and now - last[1].at < APART and {each.actor for each in last} == {actor}
            if fresh and not step:
                conn.execute(update(draft).where(draft.c.id == last[0].id).values(**values))
                return
            conn.execute(insert(draft).values(file=file, actor=actor, **values))
            conn.execute(
                delete(draft).where(
                    draft.c.file == file,
                    draft.c.id.not_in(
                        select(draft.c.id).where(draft.c.file == file).order_by(draft.c.id.desc()).limit(KEPT)
                    ),
                )
            )

        self._context.writer.call(work).result()

    def versions(self, file: str) -> tuple[Revision, ...]:
        """All that is remembered of `file`, the latest first."""
        with self._context.database.reading() as conn:
            return tuple(map(_version, conn.execute(_of(file))))

    def text(self, file: str, version: int) -> str | None:
        """The text of one version of `file`."""
        query = select(draft.c.text).where(draft.c.file == file, draft.c.id == version)
        with self._context.database.reading() as conn:
            return conn.execute(query).scalar()


def _of(file: str) -> Any:
    columns = [column for column in draft.c if column.name != "text"]
    return select(*columns).where(draft.c.file == file).order_by(draft.c.id.desc())


def _version(row: Row[Any]) -> Revision:
    return Revision(**row._asdict())
