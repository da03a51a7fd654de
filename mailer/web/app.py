"""The site: the public pages, the API and the desk, as one ASGI application.

    GET  /  /archive/  /archive/SLUG  /archive/SLUG/DIGEST  /feed.xml  /feed.json  /media/NAME
         /style.css  /reading.css  /healthz  /robots.txt  /favicon.ico
    GET POST  /u/TOKEN  /subscribe/LIST  /confirm/TOKEN  /preferences  /preferences/TOKEN  /address/TOKEN  /desk/…
    POST /feedback/PROVIDER
    /api/v1/…

HEAD is answered wherever GET is; other methods are 405. If MAILER_BASE_URL has a path, links include it, and requests are
accepted with and without it, whether or not the proxy strips it. Every response, also that of an error, has the headers of
`responses`. Error pages give no details; the log does. Everything that may block runs in a thread.
"""

import asyncio
import logging
from collections.abc import Mapping

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
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.service.feedback.provider_webhooks import ProviderWebhooks
from mailer.web.api.routes import api_routes
from mailer.web.api.subscribe import SubscribeApi
from mailer.web.client_ip import ProxyCheckMiddleware
from mailer.web.desk.routes import desk_routes
from mailer.web.error_log_throttle import ErrorLog
from mailer.web.feedback_webhooks import FeedbackEndpoint
from mailer.web.public.archive import ArchivePages
from mailer.web.public.home_and_health import SitePages
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.public.preferences import PreferencesPages
from mailer.web.public.signup_guard import SignupGuard
from mailer.web.public.subscribe import SubscribePages
from mailer.web.public.unsubscribe import UnsubscribePages
from mailer.web.request_limits import RequestLimitsMiddleware
from mailer.web.responses import HSTS, NOT_INDEXED

_log = logging.getLogger(__name__)
_RETRY_AFTER = {"Retry-After": "60"}


def create_app(app: App, *, webhooks: ProviderWebhooks | None = None) -> Starlette:
    """Returns the site of `app` as an ASGI application. Setting its `state.ending` ends all event streams.

    `webhooks` take what mail providers report.
    """
    pages = PageRenderer(app)
    errors = _Errors(pages)
    asgi_app = Starlette(
        exception_handlers={
            HTTPException: errors.http_error,
            MailerError: errors.user_error,
            Exception: errors.server_error,
        },
    )
    asgi_app.state.ending = asyncio.Event()
    signup_guard, gate = SignupGuard(app), CheckGate()
    routes = [
        *_routes(app, pages, signup_guard),
        *_feedback_routes(webhooks or ProviderWebhooks(app)),
        *api_routes(app, gate, SubscribeApi(app, signup_guard).subscribe),
        *desk_routes(app, pages.root, gate),
    ]
    if pages.root:
        routes.append(Mount(pages.root, app=Router(list(routes), redirect_slashes=False)))
    asgi_app.router.routes.extend(routes)
    asgi_app.router.redirect_slashes = False
    if headers := _extra_headers(app):
        asgi_app.add_middleware(ExtraHeadersMiddleware, headers=headers)
    asgi_app.add_middleware(ProxyCheckMiddleware, trusted=app.settings.trusted_proxies)
    asgi_app.add_middleware(RequestLimitsMiddleware, root=pages.root, trusted=app.settings.trusted_proxies)
    return asgi_app


class ExtraHeadersMiddleware:
    """Adds `headers` to every response."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _extra_headers(app: App) -> dict[str, str]:
    """Returns the headers that depend on the settings: for search engines, and HSTS (RFC 6797) for a site over https."""
    headers = {} if app.settings.search_engines else {"X-Robots-Tag": NOT_INDEXED}
    if app.settings.base_url.startswith("https://"):
        headers["Strict-Transport-Security"] = HSTS
    return headers


def _routes(app: App, pages: PageRenderer, signup_guard: SignupGuard) -> list[BaseRoute]:
    site, archive = SitePages(app, pages), ArchivePages(app, pages)
    unsubscribe = UnsubscribePages(app, pages)
    preferences = PreferencesPages(app, pages, signup_guard)
    subscribe = SubscribePages(app, pages, signup_guard)

    return [
        Route("/", site.front),
        Route("/u/{token}", unsubscribe.page, methods=["GET", "POST"]),
        Route("/subscribe", subscribe.lists),
        Route("/subscribe/{list}", subscribe.subscribe, methods=["GET", "POST"]),
        Route("/confirm/{token}", subscribe.confirm, methods=["GET", "POST"]),
        Route("/preferences", subscribe.link, methods=["GET", "POST"]),
        Route("/preferences/{token}", preferences.page, methods=["GET", "POST"]),
        Route("/preferences/{token}/erase", preferences.erasure, methods=["GET", "POST"]),
        Route("/address/{token}", preferences.address, methods=["GET", "POST"]),
        Route("/archive", archive.index),
        Route("/archive/", archive.index),
        Route("/archive/{slug}", archive.edition),
        Route("/archive/{slug}/{digest}", archive.edition),
        Route("/feed.xml", archive.atom),
        Route("/feed.json", archive.json_feed),
        Route("/media/{name}", archive.media),
        Route("/style.css", site.style),
        Route("/reading.css", site.style),
        Route("/healthz", site.health),
        Route("/robots.txt", site.robots),
        Route("/favicon.ico", site.favicon),
    ]


def _feedback_routes(webhooks: ProviderWebhooks) -> list[BaseRoute]:
    endpoint = FeedbackEndpoint(webhooks)
    return [
        Route("/feedback/{provider}", endpoint.receive, methods=["POST"]),
        Route("/feedback/{provider}/{password}", endpoint.receive, methods=["POST"]),
    ]


class _Errors:
    """Error pages. No part of the request is logged, since its path may contain a token."""

    def __init__(self, pages: PageRenderer) -> None:
        self._pages = pages
        self._errors = ErrorLog(_log)

    async def http_error(self, _request: Request, error: Exception) -> Response:
        """Handles HTTP errors: not found, method not allowed, a body that is too long or too slow."""
        status = error.status_code if isinstance(error, HTTPException) else 400
        headers = error.headers if isinstance(error, HTTPException) else None
        if status == 404:
            return self._pages.message(
                "This page does not exist", "Please check that the link is complete.", status=404
            )
        return self._pages.message("This did not work", "Please go back and try again.", status=status, headers=headers)

    async def user_error(self, _request: Request, error: Exception) -> Response:
        """Handles errors that the operator can fix; those of the ledger are often temporary."""
        self._errors.write(error)
        return self._apology(503 if isinstance(error, LedgerError) else 500)

    async def server_error(self, _request: Request, _error: Exception) -> Response:
        """Handles defects. Starlette raises the exception again, so that the server logs it."""
        return self._apology(500)

    def _apology(self, status: int) -> Response:
        return self._pages.message(
            "Something went wrong on our side",
            "Please try again in a few minutes.",
            status=status,
            headers=_RETRY_AFTER if status == 503 else None,
        )
