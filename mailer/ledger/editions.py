"""Editions and their images, stored once however often they are sent, and what the archive shows of them."""

from sqlalchemy import Connection, Select, func, insert, select

from mailer.delivery.state import SendKind, SendState
from mailer.edition.model import Image
from mailer.ledger.core import Core
from mailer.ledger.records import ArchivedEdition, NewEdition, StoredEdition
from mailer.ledger.tables import edition, edition_media, media, send


def store_edition(conn: Connection, new: NewEdition, *, at: float) -> None:
    """Keep `new`; one of the same digest is the same edition."""
    if conn.execute(select(edition.c.digest).where(edition.c.digest == new.digest)).first():
        return
    conn.execute(
        insert(edition).values(
            digest=new.digest,
            slug=new.slug,
            title=new.title,
            subject=new.subject,
            language=new.language,
            json=new.json,
            created_at=at,
        )
    )
    for image in {image.name: image for image in new.images}.values():
        if not conn.execute(select(media.c.name).where(media.c.name == image.name)).first():
            conn.execute(
                insert(media).values(
                    name=image.name,
                    content_type=image.content_type,
                    width=image.width,
                    height=image.height,
                    data=image.data,
                )
            )
        conn.execute(insert(edition_media).values(digest=new.digest, name=image.name))


class Editions:
    """Questions about editions; see the module's page."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def get(self, digest: str) -> StoredEdition | None:
        with self._core.database.reading() as conn:
            row = conn.execute(select(edition).where(edition.c.digest == digest)).mappings().first()
        return StoredEdition(**row) if row else None

    def images(self, digest: str) -> tuple[Image, ...]:
        """The images of an edition, by name."""
        query = select(media).join(edition_media).where(edition_media.c.digest == digest).order_by(media.c.name)
        with self._core.database.reading() as conn:
            return tuple(Image(**row) for row in conn.execute(query).mappings())

    def image(self, name: str) -> Image | None:
        with self._core.database.reading() as conn:
            row = conn.execute(select(media).where(media.c.name == name)).mappings().first()
        return Image(**row) if row else None

    def archive(self) -> tuple[ArchivedEdition, ...]:
        """Every dispatch whose sending began, with its newest edition; the newest first."""
        with self._core.database.reading() as conn:
            rows = conn.execute(_archived().order_by(send.c.begun_at.desc(), send.c.id.desc())).mappings()
            newest: dict[str, ArchivedEdition] = {}
            for row in rows:
                newest.setdefault(row["slug"], ArchivedEdition(**row))
        return tuple(newest.values())

    def archived(self, slug: str) -> StoredEdition | None:
        """The newest edition of `slug` whose sending began."""
        newest = _archived().where(send.c.slug == slug).order_by(send.c.begun_at.desc(), send.c.id.desc()).limit(1)
        with self._core.database.reading() as conn:
            row = conn.execute(newest).first()
        return self.get(row.digest) if row else None

    def sent_titles(self) -> dict[str, str]:
        """Slug -> title of every dispatch whose sending began, for `[[slug]]`."""
        return {archived.slug: archived.title for archived in self.archive()}

    def approved(self, slug: str) -> StoredEdition | None:
        """The newest edition of `slug` that an editor sent or tested."""
        query = select(send.c.digest).where(
            send.c.slug == slug, send.c.kind != SendKind.WELCOME, send.c.state != SendState.CANCELLED
        )
        with self._core.database.reading() as conn:
            digest = conn.execute(query.order_by(send.c.id.desc()).limit(1)).scalar()
        return self.get(digest) if digest else None

    def last_tested(self, slug: str) -> str | None:
        """The digest of the edition that was last sent as a test."""
        query = select(send.c.digest).where(send.c.slug == slug, send.c.kind == SendKind.TEST)
        with self._core.database.reading() as conn:
            return conn.execute(query.order_by(send.c.id.desc()).limit(1)).scalar()

    def key_names(self) -> frozenset[str]:
        """The names of the secret keys that tokens out there were made with."""
        query = select(send.c.key_name).distinct().where(func.length(send.c.key_name) > 0)
        with self._core.database.reading() as conn:
            return frozenset(conn.execute(query).scalars())


def _archived() -> Select[tuple[str, str, str, str, str, float]]:
    return (
        select(
            edition.c.slug,
            edition.c.title,
            edition.c.subject,
            edition.c.language,
            edition.c.digest,
            send.c.begun_at.label("at"),
        )
        .join(send, send.c.digest == edition.c.digest)
        .where(send.c.begun_at.is_not(None), send.c.kind != SendKind.TEST)
    )
