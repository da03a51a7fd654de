"""What anybody may read: the front page, the archive, feeds, the images of editions, and what robots and monitors ask for."""

import re
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.errors import MailerError
from mailer.service.archive.feed import Feed, atom, json_feed, read_feed
from mailer.service.archive.pages import Archive, ArchivePage
from mailer.web.pages import (
    FILE_POLICY,
    HTML,
    NO_CACHE,
    NO_STORE,
    NOT_INDEXED,
    PageRenderer,
    respond,
    respond_cached,
)

_MEDIA_NAME = re.compile(r"[0-9a-f]{16,64}\.(jpg|png)")
_IMAGE_TYPES = frozenset({"image/jpeg", "image/png"})
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # the name is the content's hash


class PublicPages:
    """The endpoints of a newsroom."""

    def __init__(self, app: App, pages: PageRenderer) -> None:
        self._app = app
        self._pages = pages
        self._archive = Archive(app)

    async def front(self, _request: Request) -> Response:
        return await run_in_threadpool(self._pages.page, "front", headers=NO_CACHE, heading=self._app.publication.name)

    async def archive(self, _request: Request) -> Response:
        def make() -> Response:
            entries = self._archive.entries()
            return self._pages.page("archive", headers=NO_CACHE, heading=self._pages.say("Archive"), entries=entries)

        return await run_in_threadpool(make)

    async def edition(self, request: Request) -> Response:
        slug, digest = request.path_params["slug"], request.path_params.get("digest", "")
        page = await run_in_threadpool(self._archive.page, slug, self._pages.site, digest)
        if page is None:
            return await run_in_threadpool(
                self._pages.message,
                "This letter is not in the archive.",
                "It may not have been sent yet. What was sent is in the archive.",
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

    async def _feed(self, request: Request, write: Callable[[Feed], str | bytes], content_type: str) -> Response:
        def make() -> Response:
            feed = read_feed(self._app, self._archive)
            headers = {**NO_CACHE, "Content-Security-Policy": FILE_POLICY}
            return respond_cached(request, write(feed), content_type, headers, changed=feed.updated)

        return await run_in_threadpool(make)

    async def media(self, request: Request) -> Response:
        name = request.path_params["name"]
        if not _MEDIA_NAME.fullmatch(name):
            raise HTTPException(404)
        image = await run_in_threadpool(self._app.ledger.editions.image, name)
        if image is None or image.content_type not in _IMAGE_TYPES:
            raise HTTPException(404)
        headers = {
            **_FOR_EVER,
            "Content-Security-Policy": FILE_POLICY,
            "Cross-Origin-Resource-Policy": "cross-origin",  # a web mailer shows it
        }
        return respond_cached(request, image.data, image.content_type, headers)

    async def style(self, request: Request) -> Response:
        """The style sheet that is asked for: of the pages, or of what stands around an edition."""
        name = request.url.path.rpartition("/")[2]
        text = await run_in_threadpool(self._pages.text, f"pages/{name}")
        return respond_cached(request, text, "text/css; charset=utf-8", NO_CACHE)

    async def health(self, _request: Request) -> Response:
        """Whether the ledger answers."""

        def ask() -> bool:
            try:
                self._app.ledger.editions.get("")
            except MailerError:
                return False
            return True

        healthy = await run_in_threadpool(ask)
        content = '{"status":"ok"}' if healthy else '{"status":"unavailable"}'
        return respond(content, "application/json", status=200 if healthy else 503, headers=NO_STORE)

    async def robots(self, request: Request) -> Response:
        root, open_to_all = self._pages.root, self._app.settings.search_engines
        closed = [f"{root}/{each}/" for each in ("u", "confirm")] if open_to_all else ["/"]
        rules = "".join(f"Disallow: {path}\n" for path in closed)
        return respond_cached(request, f"User-agent: *\n{rules}", "text/plain; charset=utf-8", NO_CACHE)

    async def favicon(self, _request: Request) -> Response:
        return respond(b"", "image/x-icon", status=204, headers={"Cache-Control": "public, max-age=86400"})


def _policy(page: ArchivePage) -> str:
    """What the page of an edition may do: its own styles, images of this site and from where the editor took them."""
    images = " ".join(("'self'", *page.images))
    return (
        f"default-src 'none'; style-src 'self' {page.styles}; img-src {images}; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
