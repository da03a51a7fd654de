"""URLs of the public pages, as they link to each other: on a site, or as files in a folder.

A site links by absolute paths. Files link relatively, so that they work on any host, below any path, and from a disk.
"""

from dataclasses import dataclass
from urllib.parse import quote

from mailer.i18n.bcp47 import primary_subtag
from mailer.i18n.translations import effective_language

LANGUAGE = "lang"  # the query parameter
SHORT_DIGEST = 16  # characters of an edition's digest in its address: 64 bits


def language_query(language: str, publication_language: str) -> str:
    """Returns the query of links from a page in `language`, so that the next page is in it, too."""
    subtag = primary_subtag(effective_language(language))
    return "" if subtag == primary_subtag(effective_language(publication_language)) else f"?{LANGUAGE}={subtag}"


@dataclass(frozen=True, slots=True)
class PublicUrls:
    """`base` is the URL of the home page's folder, with a slash at its end if it is not empty: `/`, `/news/`, `../`.

    `query` is the query of links to pages that exist in several languages, on a site: `?lang=de`, or nothing.
    """

    base: str
    are_files: bool = False
    query: str = ""

    @property
    def home(self) -> str:
        return f"{self.base}index.html" if self.are_files else f"{self.base}{self.query}"

    @property
    def archive(self) -> str:
        return self.home if self.are_files else f"{self.base}archive/{self.query}"

    @property
    def style(self) -> str:
        """The style sheet of the pages."""
        return f"{self.base}style.css"

    @property
    def reading(self) -> str:
        """The style sheet of what surrounds an edition."""
        return f"{self.base}reading.css"

    @property
    def atom(self) -> str:
        return f"{self.base}feed.xml"

    @property
    def json_feed(self) -> str:
        return f"{self.base}feed.json"

    @property
    def media(self) -> str:
        """The prefix of an image's name."""
        return f"{self.base}media/"

    def edition(self, slug: str) -> str:
        """Returns the URL of a dispatch."""
        return f"{self.base}archive/{quote(slug)}{self._suffix}"

    def sent(self, slug: str, digest: str) -> str:
        """Returns the URL of one of its editions, as it was sent."""
        return f"{self.base}archive/{quote(slug)}/{digest[:SHORT_DIGEST]}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return ".html" if self.are_files else ""
