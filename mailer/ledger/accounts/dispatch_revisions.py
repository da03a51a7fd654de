"""Revisions of dispatches that were saved at the desk. The files themselves stay authoritative.

Autosaving makes many revisions. One that the same user saved less than APART seconds after the one before the last replaces the
last one, so that a user can tell the revisions apart. KEPT revisions of a file are kept; times are seconds since the epoch,
UTC.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import revision

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
    """The revisions of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def save(self, file: str, text: str, *, digest: str, actor: str, step: bool = False) -> None:
        """Saves a revision of `file` by `actor`; `step`: never replaces the last one."""
        now = self._context.clock()
        values = {"at": now, "digest": digest, "words": len(text.split()), "text": text}

        def work(conn: Connection) -> None:
            advisory_lock(conn, f"drafts of {file}")
            last = conn.execute(_of(file).limit(2)).all()
            if last and last[0].digest == digest:
                return
            replaces_last = len(last) == 2 and now - last[1].at < APART and {each.actor for each in last} == {actor}
            if replaces_last and not step:
                conn.execute(update(revision).where(revision.c.id == last[0].id).values(**values))
                return
            conn.execute(insert(revision).values(file=file, actor=actor, **values))
            conn.execute(
                delete(revision).where(
                    revision.c.file == file,
                    revision.c.id.not_in(
                        select(revision.c.id).where(revision.c.file == file).order_by(revision.c.id.desc()).limit(KEPT)
                    ),
                )
            )

        self._context.writer.call(work).result()

    def rename(self, file: str, new: str) -> None:
        """Gives the revisions of `file` to the file `new`."""

        def work(conn: Connection) -> None:
            conn.execute(update(revision).where(revision.c.file == file).values(file=new))

        self._context.writer.call(work).result()

    def forget(self, file: str) -> None:
        """Deletes the revisions of `file`."""

        def work(conn: Connection) -> None:
            conn.execute(delete(revision).where(revision.c.file == file))

        self._context.writer.call(work).result()

    def versions(self, file: str) -> tuple[Revision, ...]:
        """Returns the revisions of `file`, the latest first."""
        with self._context.database.reading() as conn:
            return tuple(map(_revision, conn.execute(_of(file))))

    def text(self, file: str, version: int) -> str | None:
        """Returns the text of one revision of `file`."""
        query = select(revision.c.text).where(revision.c.file == file, revision.c.id == version)
        with self._context.database.reading() as conn:
            return conn.execute(query).scalar()


def _of(file: str) -> Any:
    columns = [column for column in revision.c if column.name != "text"]
    return select(*columns).where(revision.c.file == file).order_by(revision.c.id.desc())


def _revision(row: Row[Any]) -> Revision:
    return Revision(**row._asdict())
