"""What a site has besides its features: the front page, style sheets, robots.txt, the favicon, and the health check.

`/healthz` answers 503 when unsubscribing would fail: it reads the ledger and writes to it, at most once in CHECK_EVERY seconds,
however often it is asked. It also names sends that make no progress; why, only to a client on this machine, because the reasons
name relays and lists.
"""

import asyncio
import json
import time
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.errors import MailerError
from mailer.service.subscribers.signup import open_lists
from mailer.web.client_ip import is_from_here
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.responses import NO_CACHE, NO_STORE, respond, respond_cached

if TYPE_CHECKING:
    from mailer.ledger.types.sends import Send

CHECK_EVERY = 5.0  # seconds
CHECK_PATIENCE = 10.0  # seconds


class SitePages:
    """Endpoints that belong to no feature."""

    def __init__(self, app: App, pages: PageRenderer) -> None:
        self._app = app
        self._pages = pages
        self._checking = asyncio.Lock()
        self._checked_at = float("-inf")
        self._is_healthy = False
        self._hindered: tuple[Send, ...] = ()

    async def front(self, request: Request) -> Response:
        pages = self._pages.for_request(request)

        def render() -> Response:
            has_several = len(open_lists(self._app)) > 1
            return pages.page("front", headers=NO_CACHE, heading=self._app.publication.name, has_several=has_several)

        return await run_in_threadpool(render)

    async def style(self, request: Request) -> Response:
        """Returns the style sheet of the pages (style.css), or that of the frame around an edition (reading.css)."""
        name = request.url.path.rpartition("/")[2]
        text = await run_in_threadpool(self._pages.text, f"pages/{name}")
        return respond_cached(request, text, "text/css; charset=utf-8", NO_CACHE)

    async def health(self, request: Request) -> Response:
        """Reports whether the ledger can be read and written, and which sends make no progress."""
        async with self._checking:
            if time.monotonic() >= self._checked_at + CHECK_EVERY:
                self._is_healthy = await self._check()
                self._checked_at = time.monotonic()
        found: dict[str, object] = {"status": "ok" if self._is_healthy else "unavailable"}
        if self._is_healthy and self._hindered:
            with_reasons = is_from_here(request)
            found["sends"] = [
                {"send": each.id, "state": each.state, **({"reason": each.reason} if with_reasons else {})}
                for each in self._hindered
            ]
        status = 200 if self._is_healthy else 503
        content = json.dumps(found, separators=(",", ":"), ensure_ascii=False)
        return respond(content, "application/json", status=status, headers=NO_STORE)

    async def _check(self) -> bool:
        ledger = self._app.ledger
        try:
            async with asyncio.timeout(CHECK_PATIENCE):
                await asyncio.shield(asyncio.wrap_future(ledger.try_write()))
                self._hindered = await run_in_threadpool(ledger.sends.hindered)
        except (MailerError, TimeoutError):
            return False
        return True

    async def robots(self, request: Request) -> Response:
        root, open_to_all = self._pages.root, self._app.settings.search_engines
        closed = [f"{root}/{each}/" for each in ("u", "confirm")] if open_to_all else ["/"]
        rules = "".join(f"Disallow: {path}\n" for path in closed)
        return respond_cached(request, f"User-agent: *\n{rules}", "text/plain; charset=utf-8", NO_CACHE)

    async def favicon(self, _request: Request) -> Response:
        return respond(b"", "image/x-icon", status=204, headers={"Cache-Control": "public, max-age=86400"})
