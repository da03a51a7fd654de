"""Pages: templates of templates/pages, in the publication's language, and the headers that every answer carries.

The workspace's templates come first. One of them that is broken is logged and replaced by the packaged one: nobody is
kept from leaving by a template. Where a language has no catalogue the words are English, and the page says so to
screen readers.

No page needs a script, a cookie or anybody else's server; the headers forbid them.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from typing import IO, AnyStr
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.edition.templates import FallbackTemplates
from mailer.i18n.translations import effective_language
from mailer.service.page_context import page_context
from mailer.service.public_urls import PublicUrls

HTML = "text/html; charset=utf-8"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
NO_STORE = {"Cache-Control": "no-store"}
NO_CACHE = {"Cache-Control": "no-cache"}  # kept, but asked for each time; cheap with an ETag
NOT_INDEXED = "noindex, nofollow"  # X-Robots-Tag
_CHUNK = 64 * 1024  # octets, or characters
_EVERYWHERE = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def respond(
    content: str | bytes, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with the headers that all have; `headers` add to them or replace them."""
    return Response(content, status, {**_EVERYWHERE, **(headers or {})}, media_type=content_type)


def respond_cached(
    request: Request,
    content: str | bytes,
    content_type: str,
    headers: Mapping[str, str],
    *,
    changed: dt.datetime | None = None,
    etag: str = "",
) -> Response:
    """An answer that may be kept: with an ETag, and 304 for who has it already (RFC 9110 13.1.2, 13.1.3).

    `changed`: when it last changed, for who asks by the time; `etag`: its name, if not made of its content.
    """
    data = content.encode() if isinstance(content, str) else content
    etag = f'"{etag or hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag}
    if changed:
        headers["Last-Modified"] = format_datetime(changed, usegmt=True)
    if _has_it(request, etag, changed):
        return Response(None, 304, {**_EVERYWHERE, **headers})
    return respond(data, content_type, headers=headers)


def chunks_of(file: IO[AnyStr]) -> Iterator[AnyStr]:
    """Yields the rest of `file` in chunks, and closes it."""
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _has_it(request: Request, etag: str, changed: dt.datetime | None) -> bool:
    if "if-none-match" in request.headers:  # then the time is not to be looked at
        tags = {item.strip().removeprefix("W/") for item in request.headers["if-none-match"].split(",")}
        return bool(tags & {etag, "*"})
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    return changed is not None and since.tzinfo is not None and changed <= since


class PageRenderer:
    """The pages of a newsroom, in the publication's language or that of one list.

    `root` is the path of the site, without a slash at its end: "" on a host of its own.
    """

    def __init__(self, app: App, language: str = "") -> None:
        self._app = app
        self.root = urlsplit(app.publication.base_url).path.rstrip("/")
        self.language = effective_language(language or app.publication.language)
        self._templates = FallbackTemplates(app.workspace.templates)
        self.site = PublicUrls(f"{self.root}/")
        self._context = page_context(app, self.language, root=self.root, site=self.site)

    def in_language(self, language: str) -> "PageRenderer":
        """The same pages in `language`; these themselves where they speak it, or where it is ""."""
        return (
            self if not language or effective_language(language) == self.language else PageRenderer(self._app, language)
        )

    def say(self, message: str, **values: str) -> str:
        """`message` in the publication's language, each value isolated."""
        return str(self._context["say"](message, **values))

    def page(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] = NO_STORE, **context: object
    ) -> Response:
        """The page templates/pages/`template`.html.j2; `heading` is its title."""
        text = self.text(f"pages/{template}.html.j2", **context)
        return respond(text, HTML, status=status, headers={"Content-Language": self.language, **headers})

    def message(
        self, heading: str, *sentences: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A page that only says something, never kept by a browser; translated here."""
        return self.page(
            "message",
            status=status,
            headers={**NO_STORE, **(headers or {})},
            heading=self.say(heading),
            sentences=[self.say(sentence) for sentence in sentences],
        )

    def text(self, template: str, **context: object) -> str:
        """The template filled: the workspace's, or the packaged one if that is broken."""
        return self._templates.render(template, {**self._context, **context})
