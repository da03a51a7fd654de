"""The archive: sent editions as public web pages.

    entries()                     every dispatch whose sending has begun, for the list; not those sent as welcomes alone
    page(slug, places)            the page of a dispatch in its newest edition
    page(slug, places, digest)    one edition of it, as it was sent
    edition(digest)               an edition with all fields empty

Editions are frozen as they were sent: every field empty, a placeholder as unsubscribe link, the images of this site, whatever
site the edition was made for. A correction is an edition of the archive only, and is marked. Pages are in the language of the
edition. Blocking; raises LedgerError, and EditionError for an edition that this version cannot read.
"""

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from markupsafe import Markup

from mailer.app import App
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition, EditionError
from mailer.edition.template_loader import FallbackTemplates
from mailer.edition.web_version import AddressMap, WebPage, to_web_page
from mailer.i18n.bcp47 import primary_subtag
from mailer.i18n.bidi import text_direction
from mailer.ledger.types.editions_and_archive import ArchivedEdition
from mailer.link_tokens import PLACEHOLDER
from mailer.service.page_context import page_context
from mailer.service.public_urls import SHORT_DIGEST, PublicUrls, language_query

_CACHED = 32  # editions and pages in memory; readers want the latest ones


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """A line of the archive's list. `date` is that of the dispatch, as its page shows it; `corrected`, of the last correction."""

    slug: str
    title: str
    language: str
    date: dt.date
    corrected: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedIssue:
    """An edition with all fields empty: a whole document as it was sent. `base_url` is that of the site it was made for."""

    slug: str
    language: str
    from_address: str
    html: str
    base_url: str
    image_names: tuple[str, ...]

    @property
    def reader_urls(self) -> tuple[str, ...]:
        """The links of a reader, which belong to nobody here: to unsubscribe, and to the preferences."""
        return f"{self.base_url}/u/{PLACEHOLDER}", f"{self.base_url}/preferences/{PLACEHOLDER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePage:
    """A whole HTML document for the browser. Its content security policy has to allow `styles` and `images`.

    `media` are the names of the images of this site that it shows.
    """

    language: str
    html: str
    styles: str
    images: tuple[str, ...]
    media: tuple[str, ...]
    indexed: bool


class Archive:
    """The archive of an installation."""

    def __init__(self, app: App, templates: FallbackTemplates | None = None) -> None:
        self._app = app
        self._templates = templates or FallbackTemplates(app.workspace.templates)
        self._dates: dict[str, dt.date] = {}  # by digest
        self._edition = lru_cache(maxsize=_CACHED)(self._read)
        self._content = lru_cache(maxsize=_CACHED)(self._read_content)

    def editions(self) -> tuple[ArchivedEdition, ...]:
        """Returns what was sent, the newest first, also what is not listed."""
        return self._app.ledger.editions.archive()

    def listed(self) -> tuple[ArchivedEdition, ...]:
        """Returns what the list and the feeds have, the newest first."""
        return tuple(each for each in self.editions() if each.is_listed)

    def entries(self) -> tuple[ArchiveEntry, ...]:
        """Returns the lines of the archive's list."""
        listed = self.listed()
        dates = self._dates_of([each.digest for each in listed])
        return tuple(
            ArchiveEntry(
                slug=each.slug,
                title=each.title,
                language=each.language,
                date=dates[each.digest],
                corrected=self._date(each.corrections[-1].at) if each.corrections else None,
            )
            for each in listed
        )

    def page(self, slug: str, places: PublicUrls, digest: str = "") -> ArchivePage | None:
        """Returns the page of `slug`; None while its sending has not begun, and for a `digest` that was never sent."""
        archived = self.editions()
        shown, sent = next((each for each in archived if each.slug == slug), None), ""
        if shown is None:
            return None
        if digest:
            sent = next((each for each in shown.sent if each[:SHORT_DIGEST] == digest), "")
            if not sent:
                return None
        newer, older = _neighbours(shown, archived)
        content = self._content(sent or shown.digest, quote(slug), places, tuple(each.slug for each in archived))
        return self._write(shown, sent, content, places, older=older, newer=newer)

    def edition(self, digest: str) -> ArchivedIssue:
        """Returns the edition `digest`. Raises EditionError if it is missing."""
        return self._edition(digest)

    def url_rewriter(self, issue: ArchivedIssue, places: PublicUrls, slugs: Sequence[str] = ()) -> AddressMap:
        """Returns a function that rewrites the URLs of `issue`: images to this site's, links to `slugs` and to the archive to
        their pages.
        """
        images = {f"{issue.base_url}/media/{name}": f"{places.media}{name}" for name in issue.image_names}
        editions = {f"{issue.base_url}/archive/{slug}": places.edition(slug) for slug in slugs}
        index = {f"{issue.base_url}/archive/": places.archive} if slugs else {}
        known = images | editions | index
        return lambda given: known.get(given, given)

    def _dates_of(self, digests: Sequence[str]) -> Mapping[str, dt.date]:
        """Returns the dates of editions; each edition is read once, since it never changes."""
        if unknown := [digest for digest in digests if digest not in self._dates]:
            self._dates.update(self._app.ledger.editions.dates(unknown))
        return self._dates

    def _read(self, digest: str) -> ArchivedIssue:
        stored = self._app.ledger.editions.get(digest)
        if stored is None:
            raise EditionError(f"the ledger has no edition {digest}", "Restore the database from a backup.")
        return anonymous_edition(Edition.from_json(stored.json))

    def _read_content(self, digest: str, slug: str, places: PublicUrls, slugs: tuple[str, ...]) -> WebPage:
        issue = self.edition(digest)
        return to_web_page(
            issue.html,
            self.url_rewriter(issue, places, slugs),
            left_out=(f"{issue.base_url}/archive/{slug}", *issue.reader_urls),
        )

    def _write(
        self,
        shown: ArchivedEdition,
        sent: str,
        content: WebPage,
        places: PublicUrls,
        *,
        older: ArchivedEdition | None,
        newer: ArchivedEdition | None,
    ) -> ArchivePage:
        """Renders the page of `shown`, or of its edition `sent`."""
        app, issue = self._app, self.edition(sent or shown.digest)
        base = app.publication.base_url
        picture = content.picture
        root = base if places.are_files else places.base.rstrip("/")
        indexed = app.settings.search_engines and not sent and shown.is_listed
        is_other = bool(sent) and sent != shown.digest
        if not places.are_files:
            places = replace(places, query=language_query(issue.language, app.publication.language))
        context = {
            **page_context(app, issue.language, root=root, site=places),
            "indexed": indexed,
            "edition_language": issue.language,
            "edition_direction": text_direction(issue.language),
            "title": shown.title,
            "description": content.description,
            "canonical": app.publication.archive_url(shown.slug),
            "picture": picture,
            "picture_url": _absolute(picture.address, places, base) if picture else "",
            "published": self._instant(shown.first_at),
            "modified": self._instant(shown.changed_at),
            "css": Markup(content.css),  # noqa: S704 - the edition's own style elements and attributes
            "body_class": content.body_class,
            "content": Markup(content.content),  # noqa: S704 - the edition, as it was sent
            "corrections": [(self._date(each.at), each.note) for each in reversed(shown.corrections)],
            "as_sent": self._date(shown.at) if is_other else None,
            "current_url": places.edition(shown.slug),
            "sent_url": places.sent(shown.slug, shown.sent[-1]) if shown.digest != shown.sent[-1] else "",
            "neighbours": {"older": older, "newer": newer},
        }
        return ArchivePage(
            language=issue.language,
            html=self._templates.render("pages/edition.html.j2", context),
            styles=f"'sha256-{base64.b64encode(sha256(content.css.encode()).digest()).decode()}'",
            images=content.origins,
            media=issue.image_names,
            indexed=indexed,
        )

    def _date(self, at: float) -> dt.date:
        return dt.datetime.fromtimestamp(at, self._app.settings.timezone).date()

    def _instant(self, at: float) -> str:
        """Returns `at` as RFC 3339, in the publication's time zone."""
        return dt.datetime.fromtimestamp(int(at), self._app.settings.timezone).isoformat()


def _neighbours(
    shown: ArchivedEdition, archived: Sequence[ArchivedEdition]
) -> tuple[ArchivedEdition | None, ArchivedEdition | None]:
    """Returns the next and the previous listed issue in the language of `shown`; None if it is not listed itself."""
    language = primary_subtag(shown.language)
    same = [each for each in archived if each.is_listed and primary_subtag(each.language) == language]
    if shown not in same:
        return None, None
    number = same.index(shown)
    return same[number - 1] if number else None, same[number + 1] if number + 1 < len(same) else None


def anonymous_edition(edition: Edition) -> ArchivedIssue:
    """Returns `edition` with all fields empty."""
    nobody = ReaderValues(token=PLACEHOLDER)
    return ArchivedIssue(
        slug=edition.slug,
        language=edition.language,
        from_address=edition.from_address,
        html=fill(edition.variant(edition.key_for(nobody), browser=True).html, nobody),
        base_url=edition.media_url.removesuffix("/media/"),
        image_names=tuple(image.name for image in edition.images),
    )


def _absolute(address: str, places: PublicUrls, base: str) -> str:
    """Returns the absolute URL of an image."""
    return f"{base}/media/{address.removeprefix(places.media)}" if address.startswith(places.media) else address
