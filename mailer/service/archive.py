"""The archive: what was sent, as anybody may read it.

A dispatch is shown once its sending began, in its newest edition, frozen as it left: every field empty, the unsubscribe
link inert, the images from /media/ of this site, wherever the edition was frozen for. Blocking; raises LedgerError, and
EditionError for an edition that this version cannot read.
"""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from mailer.audience.token import INERT
from mailer.edition.model import Edition, Values, fill
from mailer.service.newsroom import Newsroom

_KEPT = 16  # pages in memory: what is mailed now is what is read now


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the archive; `date` is the day on which its sending began, in the publication's time zone."""

    slug: str
    title: str
    language: str
    date: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An edition for the browser: a whole HTML document."""

    language: str
    html: str


class Archive:
    """The archive of a newsroom. `media` is the path that its images stand under, with a slash at its end."""

    def __init__(self, newsroom: Newsroom, media: str) -> None:
        self._newsroom = newsroom
        self._page = lru_cache(maxsize=_KEPT)(lambda digest: self._make(digest, media))

    def entries(self) -> tuple[Entry, ...]:
        """What was sent, the newest first."""
        zone = self._newsroom.settings.timezone
        return tuple(
            Entry(
                slug=edition.slug,
                title=edition.title,
                language=edition.language,
                date=dt.datetime.fromtimestamp(edition.at, zone).date(),
            )
            for edition in self._newsroom.ledger.editions.archive()
        )

    def page(self, slug: str) -> Page | None:
        """The newest edition of `slug`; None while its sending has not begun."""
        stored = self._newsroom.ledger.editions.archived(slug)
        return self._page(stored.digest) if stored else None

    def _make(self, digest: str, media: str) -> Page | None:
        stored = self._newsroom.ledger.editions.get(digest)
        return anonymous_page(Edition.from_json(stored.json), media) if stored else None


def anonymous_page(edition: Edition, media: str) -> Page:
    """`edition` as nobody in particular reads it, its images under the path `media`."""
    nobody = Values(token=INERT)
    html = fill(edition.variant(edition.key(nobody), browser=True).html, nobody)
    for image in edition.images:
        html = html.replace(escape(edition.media_url + image.name), escape(media + image.name))
    return Page(language=edition.language, html=html)
