"""The archive: its index, the pages of editions, their images, and the feeds."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.ledger.types.editions_and_archive import ArchivedEdition
from mailer.service.archive.feed import Feed, atom, json_feed, read_feed
from mailer.service.archive.pages import Archive, ArchivePage
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.responses import FILE_POLICY, HTML, NO_CACHE, NOT_INDEXED, respond_cached

_MEDIA_NAME = re.compile(r"[0-9a-f]{16,64}\.(jpg|png)")
_IMAGE_TYPES = frozenset({"image/jpeg", "image/png"})
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}  # the name is the content's hash


@dataclass(frozen=True, slots=True, kw_only=True)
class _SerializedFeed:
    """A feed, valid while the archive has these `editions`."""

    editions: tuple[ArchivedEdition, ...]
    content: str | bytes
    updated: dt.datetime


class ArchivePages:
    """Endpoints of the archive."""

    def __init__(self, app: App, pages: PageRenderer) -> None:
        self._app = app
        self._pages = pages
        self._archive = Archive(app)
        self._feeds: dict[str, _SerializedFeed] = {}  # by content type

    async def index(self, request: Request) -> Response:
        def render() -> Response:
            entries, pages = self._archive.entries(), self._pages.for_request(request)
            return pages.page("archive", headers=NO_CACHE, heading=pages.gettext("Archive"), entries=entries)

        return await run_in_threadpool(render)

    async def edition(self, request: Request) -> Response:
        slug, digest = request.path_params["slug"], request.path_params.get("digest", "")
        page = await run_in_threadpool(self._archive.page, slug, self._pages.site, digest)
        if page is None:
            return await run_in_threadpool(
                self._pages.message,
                "This issue is not in the archive",
                "It may not have been sent yet. The archive has all past issues.",
                status=404,
            )
        headers = {**NO_CACHE, "Content-Security-Policy": _policy(page), "Content-Language": page.language}
        if not page.indexed:
            headers["X-Robots-Tag"] = NOT_INDEXED
        return respond_cached(request, page.html, HTML, headers)

    async def atom(self, request: Request) -> Response:
        return await self._feed(request, atom, "application/atom+xml; charset=utf-8")

    async def json_feed(self, request: Request) -> Response:
        return await self._feed(request, json_feed, "application/feed+json; charset=utf-8")

    async def _feed(self, request: Request, serialize: Callable[[Feed], str | bytes], content_type: str) -> Response:
        def render() -> Response:
            editions = self._archive.listed()
            kept = self._feeds.get(content_type)
            if kept is None or kept.editions != editions:
                feed = read_feed(self._app, self._archive)
                kept = _SerializedFeed(editions=editions, content=serialize(feed), updated=feed.updated)
                self._feeds[content_type] = kept
            headers = {**NO_CACHE, "Content-Security-Policy": FILE_POLICY}
            return respond_cached(request, kept.content, content_type, headers, changed=kept.updated)

        return await run_in_threadpool(render)

    async def media(self, request: Request) -> Response:
        name = request.path_params["name"]
        if not _MEDIA_NAME.fullmatch(name):
            raise HTTPException(404)
        image = await run_in_threadpool(self._app.ledger.editions.image, name)
        if image is None or image.content_type not in _IMAGE_TYPES:
            raise HTTPException(404)
        headers = {
            **_IMMUTABLE,
            "Content-Security-Policy": FILE_POLICY,
            "Cross-Origin-Resource-Policy": "cross-origin",  # webmail embeds it
        }
        return respond_cached(request, image.data, image.content_type, headers)


def _policy(page: ArchivePage) -> str:
    """Returns the Content-Security-Policy of an edition's page: its own styles, images of this site and of linked hosts."""
    images = " ".join(("'self'", *page.images))
    return (
        f"default-src 'none'; style-src 'self' {page.styles}; img-src {images}; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
