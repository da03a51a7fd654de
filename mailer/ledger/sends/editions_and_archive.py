"""Editions and their images, stored once however often they are sent, and the archive.

A correction is an edition for the archive alone: it was never sent, and what was sent is not changed.
"""

import datetime as dt
import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, func, insert, or_, select

from mailer.delivery.states import SendKind, SendState
from mailer.edition.model import Image
from mailer.ledger.store.advisory_lock import CREATE_SEND, advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import approval, correction, desk_user, edition, edition_media, media, send
from mailer.ledger.types.editions_and_archive import ArchivedEdition, Correction, NewEdition, StoredEdition
from mailer.ledger.types.roles_and_scopes import Role


def store_edition(conn: Connection, new: NewEdition, *, at: float) -> None:
    """Stores `new`, unless there is an edition of the same digest."""
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
    """The editions of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def get(self, digest: str) -> StoredEdition | None:
        with self._context.database.reading() as conn:
            row = conn.execute(select(edition).where(edition.c.digest == digest)).mappings().first()
        return StoredEdition(**row) if row else None

    def dates(self, digests: Collection[str]) -> dict[str, dt.date]:
        """Returns the date of each edition, as its dispatch has it."""
        query = select(edition.c.digest, edition.c.json).where(edition.c.digest.in_(digests))
        with self._context.database.reading() as conn:
            return {row.digest: dt.date.fromisoformat(json.loads(row.json)["date"]) for row in conn.execute(query)}

    def images(self, digest: str) -> tuple[Image, ...]:
        """Returns the images of an edition, by name."""
        query = select(media).join(edition_media).where(edition_media.c.digest == digest).order_by(media.c.name)
        with self._context.database.reading() as conn:
            return tuple(Image(**row) for row in conn.execute(query).mappings())

    def image(self, name: str) -> Image | None:
        with self._context.database.reading() as conn:
            row = conn.execute(select(media).where(media.c.name == name)).mappings().first()
        return Image(**row) if row else None

    def archive(self) -> tuple[ArchivedEdition, ...]:
        """Returns every dispatch whose sending began, as the archive shows it; the last sent first."""
        with self._context.database.reading() as conn:
            return _archive(conn)

    def archived(self, slug: str) -> ArchivedEdition | None:
        """Returns one dispatch of the archive."""
        with self._context.database.reading() as conn:
            return next(iter(_archive(conn, slug)), None)

    def correct(self, new: NewEdition, note: str) -> ArchivedEdition | None:
        """Makes the archive show `new` from now on, with `note`. Returns None if its sending never began."""

        def work(conn: Connection) -> ArchivedEdition | None:
            advisory_lock(conn, CREATE_SEND)
            if not _archive(conn, new.slug):
                return None
            at = self._context.clock()
            store_edition(conn, new, at=at)
            conn.execute(insert(correction).values(slug=new.slug, digest=new.digest, note=note, at=at))
            return _archive(conn, new.slug)[0]

        return self._context.writer.call(work).result()

    def sent_titles(self) -> dict[str, str]:
        """Returns slug -> title of every dispatch whose sending began, for `[[slug]]`."""
        return {archived.slug: archived.title for archived in self.archive()}

    def approved(self, slug: str, *, by_another: bool = False) -> StoredEdition | None:
        """Returns the newest edition of `slug` that was sent, or tested by an editor, an admin or the command line.

        `by_another`: a tested one counts only if a user other than the tester has approved it.
        """
        if by_another:
            qualifies: ColumnElement[bool] = exists().where(
                approval.c.digest == send.c.digest, approval.c.by != send.c.created_by
            )
        else:
            may_send = select(desk_user.c.name).where(desk_user.c.role != Role.WRITER)
            qualifies = or_(send.c.created_by == "", send.c.created_by.in_(may_send))
        query = select(send.c.digest).where(
            send.c.slug == slug,
            send.c.kind != SendKind.WELCOME,
            send.c.state != SendState.CANCELLED,
            or_(send.c.kind != SendKind.TEST, qualifies),
        )
        with self._context.database.reading() as conn:
            digest = conn.execute(query.order_by(send.c.id.desc()).limit(1)).scalar()
        return self.get(digest) if digest else None

    def last_tested(self, slug: str) -> str | None:
        """Returns the digest of the edition that was last sent as a test."""
        query = select(send.c.digest).where(send.c.slug == slug, send.c.kind == SendKind.TEST)
        with self._context.database.reading() as conn:
            return conn.execute(query.order_by(send.c.id.desc()).limit(1)).scalar()

    def key_names(self) -> frozenset[str]:
        """Returns the names of the secret keys with which the tokens of all sends were made."""
        query = select(send.c.key_name).distinct().where(func.length(send.c.key_name) > 0)
        with self._context.database.reading() as conn:
            return frozenset(conn.execute(query).scalars())


def _archive(conn: Connection, slug: str = "") -> tuple[ArchivedEdition, ...]:
    shown = (edition.c.slug, edition.c.title, edition.c.subject, edition.c.language, edition.c.digest)
    sent = (
        select(*shown, send.c.begun_at.label("at"), send.c.kind)
        .join(send, send.c.digest == edition.c.digest)
        .where(send.c.begun_at.is_not(None), send.c.kind != SendKind.TEST)
        .order_by(send.c.begun_at, send.c.id)
    )
    corrected = (
        select(*shown, correction.c.note, correction.c.at)
        .join(correction, correction.c.digest == edition.c.digest)
        .order_by(correction.c.id)
    )
    sendings = _by_slug(conn, sent.where(edition.c.slug == slug) if slug else sent)
    corrections = _by_slug(conn, corrected.where(edition.c.slug == slug) if slug else corrected)
    archived = [_archived(rows, corrections.get(name, [])) for name, rows in reversed(sendings.items())]
    return tuple(sorted(archived, key=lambda each: each.at, reverse=True))


def _by_slug(conn: Connection, query: Select[Any]) -> dict[str, list[RowMapping]]:
    rows: dict[str, list[RowMapping]] = {}
    for row in conn.execute(query).mappings():
        rows.setdefault(row["slug"], []).append(row)
    return rows


def _archived(sendings: Sequence[RowMapping], corrections: Sequence[RowMapping]) -> ArchivedEdition:
    """Returns one dispatch from its rows of `_archive`; sending the same edition again does not change what is shown.

    Its dates are those of the sends to lists, if there was one: a welcome does not make an issue newer.
    """
    shown = sendings[0]
    dated = [row for row in sendings if row["kind"] is not SendKind.WELCOME]
    begun = dated or sendings
    for row in sorted((*sendings[1:], *corrections), key=lambda row: float(row["at"])):
        shown = row if row["digest"] != shown["digest"] else shown
    return ArchivedEdition(
        slug=shown["slug"],
        title=shown["title"],
        subject=shown["subject"],
        language=shown["language"],
        digest=shown["digest"],
        first_at=begun[0]["at"],
        at=begun[-1]["at"],
        changed_at=shown["at"],
        first=sendings[0]["digest"],
        sent=tuple(reversed(dict.fromkeys(row["digest"] for row in reversed(sendings)))),
        corrections=tuple(Correction(digest=row["digest"], note=row["note"], at=row["at"]) for row in corrections),
        is_listed=bool(dated),
    )
