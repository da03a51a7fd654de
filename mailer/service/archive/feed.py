"""Feeds of the archive's newest dispatches, in full.

    read_feed(app, archive)  -> Feed, the same for both kinds
    atom(feed)               -> Atom, RFC 4287
    json_feed(feed)          -> JSON Feed 1.1

An entry's id is a tag URI (RFC 4151) of the domain that the dispatch was first sent from, the day on which that began and its
slug. So it stays the same when it is sent again or corrected, and when the site moves. All links are absolute; times are UTC.
`read_feed` is blocking and raises LedgerError and EditionError; the others are pure.
"""

import datetime as dt
import json
from dataclasses import dataclass
from urllib.parse import quote, urljoin
from zoneinfo import ZoneInfo

from lxml import etree
from markupsafe import Markup

from mailer.addresses import AddressError, parse_address
from mailer.app import App
from mailer.edition.web_version import WebImage, to_feed_content, to_web_page
from mailer.i18n.date_format import long_date
from mailer.i18n.translations import effective_language, gettext
from mailer.ledger.types.editions_and_archive import ArchivedEdition
from mailer.service.archive.pages import Archive, ArchivedIssue
from mailer.service.public_urls import PublicUrls

ENTRIES = 20
_ATOM = "http://www.w3.org/2005/Atom"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    id: str
    url: str
    title: str
    language: str
    summary: str
    content: str  # HTML
    picture: WebImage | None
    published: dt.datetime
    updated: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """`entries` the newest first; `updated` is when any of them last changed, the epoch where there is none."""

    id: str
    title: str
    author: str
    language: str
    home: str
    atom: str
    json: str
    entries: tuple[FeedEntry, ...]
    updated: dt.datetime


def read_feed(app: App, archive: Archive) -> Feed:
    """Returns the present content of the feeds."""
    publication, everything = app.publication, archive.listed()
    site = PublicUrls(f"{publication.base_url}/")
    entries = tuple(_entry(archive, site, each, app.settings.timezone) for each in everything[:ENTRIES])
    first = min(everything, key=lambda each: each.first_at, default=None)
    return Feed(
        id=_tag(archive, first, "archive") if first else site.atom,
        title=publication.name,
        author=publication.from_name or publication.name,
        language=effective_language(publication.language),
        home=site.archive,
        atom=site.atom,
        json=site.json_feed,
        entries=entries,
        updated=max((each.updated for each in entries), default=_instant(0.0)),
    )


def atom(feed: Feed) -> bytes:
    """Returns the feed as Atom."""
    root = etree.Element(f"{{{_ATOM}}}feed", {_XML_LANG: feed.language}, nsmap={None: _ATOM})

    def add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
        element = etree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
        element.text = text or None
        return element

    add(root, "id", feed.id)
    add(root, "title", feed.title)
    add(root, "updated", _rfc3339(feed.updated))
    add(add(root, "author"), "name", feed.author)
    add(root, "link", rel="self", type="application/atom+xml", href=feed.atom)
    add(root, "link", rel="alternate", type="text/html", href=feed.home)
    for each in feed.entries:
        entry = add(root, "entry")
        entry.set(_XML_LANG, each.language)
        add(entry, "id", each.id)
        add(entry, "title", each.title)
        add(entry, "link", rel="alternate", type="text/html", href=each.url)
        add(entry, "published", _rfc3339(each.published))
        add(entry, "updated", _rfc3339(each.updated))
        if each.summary:
            add(entry, "summary", each.summary)
        add(entry, "content", each.content, type="html")
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def json_feed(feed: Feed) -> str:
    """Returns the feed as JSON Feed."""
    items = []
    for each in feed.entries:
        item = {
            "id": each.id,
            "url": each.url,
            "title": each.title,
            "content_html": each.content,
            "date_published": _rfc3339(each.published),
            "date_modified": _rfc3339(each.updated),
            "language": each.language,
        }
        if each.summary:
            item["summary"] = each.summary
        if each.picture:
            item["image"] = each.picture.address
        items.append(item)
    content = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.json,
        "language": feed.language,
        "authors": [{"name": feed.author}],
        "items": items,
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _entry(archive: Archive, site: PublicUrls, archived: ArchivedEdition, zone: ZoneInfo) -> FeedEntry:
    issue, url = archive.edition(archived.digest), site.edition(archived.slug)
    known = archive.url_rewriter(issue, site)

    def absolute(given: str) -> str:
        try:
            return urljoin(url, known(given))
        except ValueError:
            return given

    page = to_web_page(issue.html, absolute)
    return FeedEntry(
        id=_tag(archive, archived, f"archive/{archived.slug}"),
        url=url,
        title=archived.title,
        language=archived.language,
        summary=page.description,
        content=_correction_notes(archived, zone) + to_feed_content(issue.html, absolute, left_out=issue.reader_urls),
        picture=page.picture,
        published=_instant(archived.first_at),
        updated=_instant(archived.changed_at),
    )


def _correction_notes(archived: ArchivedEdition, zone: ZoneInfo) -> str:
    """Returns the notes of corrections with their dates, to stand above the text."""
    language = archived.language
    written = []
    for each in reversed(archived.corrections):
        date = long_date(dt.datetime.fromtimestamp(each.at, zone).date(), effective_language(language))
        written.append(
            Markup("<p><strong>{}</strong> {}</p>\n").format(
                gettext(language, "Corrected on %(date)s:", date=date), each.note
            )
        )
    return "".join(written)


def _tag(archive: Archive, archived: ArchivedEdition, name: str) -> str:
    """Returns a tag URI, from the domain and date of the first send of `archived`."""
    return f"tag:{_domain(archive.edition(archived.first))},{_instant(archived.first_at):%Y-%m-%d}:{quote(name)}"


def _domain(issue: ArchivedIssue) -> str:
    """Returns the domain that it was sent from, in ASCII."""
    try:
        return parse_address(issue.from_address).identity.rpartition("@")[2]
    except AddressError:
        return "invalid"


def _instant(at: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(at), dt.UTC)


def _rfc3339(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
