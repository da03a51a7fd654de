"""The site: what readers see (the door out, the archive, the images, a front page), and the desk.

    GET  /  /archive/  /archive/SLUG  /archive/SLUG/DIGEST  /feed.xml  /feed.json  /media/NAME
         /style.css  /reading.css  /healthz  /robots.txt  /favicon.ico
    GET POST  /u/TOKEN  /subscribe/LIST  /confirm/TOKEN  /preferences  /desk/…
    /api/v1/…

HEAD goes wherever GET goes; anything else is 405. Where MAILER_BASE_URL has a path, links have it, and requests are
understood with it and without, whether or not the proxy in front takes it away. Each answer, an error's too, is a page
with the headers of `page`; errors say nothing about what happened inside, the log does. Everything that may block runs
in a thread.
"""

import asyncio
import logging

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.app import App
from mailer.errors import MailerError
from mailer.ledger.types.errors import LedgerError
from mailer.web.api.guard import api_routes
from mailer.web.api.subscribe import SubscribeApi
from mailer.web.desk.guard import desk_routes
from mailer.web.pages import NOT_INDEXED, PageRenderer
from mailer.web.public.archive import PublicPages
from mailer.web.public.preferences import PreferencesPages
from mailer.web.public.subscribe import SignupGuard, SubscribePages
from mailer.web.public.unsubscribe import UnsubscribePages

_log = logging.getLogger(__name__)
_RETRY = {"Retry-After": "60"}


def create_app(app: App) -> Starlette:
    """The site of `newsroom`, as an ASGI application. Setting its `state.ending` ends what would go on for ever."""
    pages = PageRenderer(app)
    errors = _Errors(pages)
    asgi_app = Starlette(
        exception_handlers={
            HTTPException: errors.refused,
            MailerError: errors.hindered,
            Exception: errors.failed,
        },
    )
    asgi_app.state.ending = asyncio.Event()
    door = SignupGuard(app)
    routes = [
        *_routes(app, pages, door),
        *api_routes(app, SubscribeApi(app, door).subscribe),
        *desk_routes(app, pages.root),
    ]
    if pages.root:
        routes.append(Mount(pages.root, app=Router(list(routes), redirect_slashes=False)))
    asgi_app.router.routes.extend(routes)
    asgi_app.router.redirect_slashes = False
    if not app.settings.search_engines:
        asgi_app.add_middleware(NoIndexMiddleware)
    return asgi_app


class NoIndexMiddleware:
    """Every answer asks search engines to forget it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Robots-Tag"] = NOT_INDEXED
            await send(message)

        await self._app(scope, receive, marked)


def _routes(app: App, pages: PageRenderer, door: SignupGuard) -> list[BaseRoute]:
    reading, unsubscribe = PublicPages(app, pages), UnsubscribePages(app, pages)
    preferences = PreferencesPages(app, pages, door)
    subscribe = SubscribePages(app, pages, door)

    return [
        Route("/", reading.front),
        Route("/u/{token}", unsubscribe.page, methods=["GET", "POST"]),
        Route("/subscribe/{list}", subscribe.subscribe, methods=["GET", "POST"]),
        Route("/confirm/{token}", subscribe.confirm, methods=["GET", "POST"]),
        Route("/preferences", subscribe.link, methods=["GET", "POST"]),
        Route("/preferences/{token}", preferences.page, methods=["GET", "POST"]),
        Route("/preferences/{token}/erase", preferences.erasure, methods=["GET", "POST"]),
        Route("/address/{token}", preferences.address, methods=["GET", "POST"]),
        Route("/archive", reading.archive),
        Route("/archive/", reading.archive),
        Route("/archive/{slug}", reading.edition),
        Route("/archive/{slug}/{digest}", reading.edition),
        Route("/feed.xml", reading.atom),
        Route("/feed.json", reading.json_feed),
        Route("/media/{name}", reading.media),
        Route("/style.css", reading.style),
        Route("/reading.css", reading.style),
        Route("/healthz", reading.health),
        Route("/robots.txt", reading.robots),
        Route("/favicon.ico", reading.favicon),
    ]


class _Errors:
    """What is answered instead of a page. Nothing of the request, above all no token, goes into the log."""

    def __init__(self, pages: PageRenderer) -> None:
        self._pages = pages

    async def refused(self, _request: Request, error: Exception) -> Response:
        """By us: no such page, a method that is not for it, a body that is too long or too slow."""
        status = error.status_code if isinstance(error, HTTPException) else 400
        headers = error.headers if isinstance(error, HTTPException) else None
        if status == 404:
            return self._pages.message(
                "This page does not exist.", "Please check that the link is complete.", status=404
            )
        return self._pages.message("This request cannot be answered.", status=status, headers=headers)

    async def hindered(self, _request: Request, error: Exception) -> Response:
        """By something that a person can mend; the ledger's troubles often pass."""
        _log.error("%s", error)
        return self._sorry(503 if isinstance(error, LedgerError) else 500)

    async def failed(self, _request: Request, _error: Exception) -> Response:
        """By a bug of ours; Starlette raises it again, so that the server logs it."""
        return self._sorry(500)

    def _sorry(self, status: int) -> Response:
        return self._pages.message(
            "Something went wrong on our side.",
            "Please try again in a few minutes.",
            status=status,
            headers=_RETRY if status == 503 else None,
        )
