"""What anybody may read: the front page, the archive, the images of editions, and what robots and monitors ask for."""

import re

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.errors import MailerError
from mailer.service.archive import Archive
from mailer.service.newsroom import Newsroom
from mailer.web.page import ASK_AGAIN, EDITION_POLICY, FILE_POLICY, HTML, NOT_STORED, Pages, respond, respond_cached

_MEDIA_NAME = re.compile(r"[0-9a-f]{16,64}\.(jpg|png)")
_IMAGE_TYPES = frozenset({"image/jpeg", "image/png"})
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # the name is the content's hash


class Reading:
    """The endpoints of a newsroom."""

    def __init__(self, newsroom: Newsroom, pages: Pages) -> None:
        self._newsroom = newsroom
        self._pages = pages
        self._archive = Archive(newsroom, f"{pages.root}/media/")

    async def front(self, _request: Request) -> Response:
        return await run_in_threadpool(
            self._pages.page, "front", headers=ASK_AGAIN, heading=self._newsroom.publication.name
        )

    async def archive(self, _request: Request) -> Response:
        def make() -> Response:
            entries = self._archive.entries()
            return self._pages.page("archive", headers=ASK_AGAIN, heading=self._pages.say("Archive"), entries=entries)

        return await run_in_threadpool(make)

    async def edition(self, request: Request) -> Response:
        page = await run_in_threadpool(self._archive.page, request.path_params["slug"])
        if page is None:
            raise HTTPException(404)
        headers = {**ASK_AGAIN, "Content-Security-Policy": EDITION_POLICY, "Content-Language": page.language}
        return respond_cached(request, page.html, HTML, headers)

    async def media(self, request: Request) -> Response:
        name = request.path_params["name"]
        if not _MEDIA_NAME.fullmatch(name):
            raise HTTPException(404)
        image = await run_in_threadpool(self._newsroom.ledger.editions.image, name)
        if image is None or image.content_type not in _IMAGE_TYPES:
            raise HTTPException(404)
        headers = {
            **_FOR_EVER,
            "Content-Security-Policy": FILE_POLICY,
            "Cross-Origin-Resource-Policy": "cross-origin",  # a web mailer shows it
        }
        return respond_cached(request, image.data, image.content_type, headers)

    async def style(self, request: Request) -> Response:
        text = await run_in_threadpool(self._pages.text, "pages/style.css")
        return respond_cached(request, text, "text/css; charset=utf-8", ASK_AGAIN)

    async def health(self, _request: Request) -> Response:
        """Whether the ledger answers."""

        def ask() -> bool:
            try:
                self._newsroom.ledger.editions.get("")
            except MailerError:
                return False
            return True

        healthy = await run_in_threadpool(ask)
        content = '{"status":"ok"}' if healthy else '{"status":"unavailable"}'
        return respond(content, "application/json", status=200 if healthy else 503, headers=NOT_STORED)

    async def robots(self, request: Request) -> Response:
        return respond_cached(
            request, f"User-agent: *\nDisallow: {self._pages.root}/u/\n", "text/plain; charset=utf-8", ASK_AGAIN
        )

    async def favicon(self, _request: Request) -> Response:
        return respond(b"", "image/x-icon", status=204, headers={"Cache-Control": "public, max-age=86400"})
