"""What a site has besides its features: the front page, style sheets, robots.txt, the favicon, and the health check."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.errors import MailerError
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.responses import NO_CACHE, NO_STORE, respond, respond_cached


class SitePages:
    """Endpoints that belong to no feature."""

    def __init__(self, app: App, pages: PageRenderer) -> None:
        self._app = app
        self._pages = pages

    async def front(self, _request: Request) -> Response:
        return await run_in_threadpool(self._pages.page, "front", headers=NO_CACHE, heading=self._app.publication.name)

    async def style(self, request: Request) -> Response:
        """Returns the style sheet of the pages (style.css), or that of the frame around an edition (reading.css)."""
        name = request.url.path.rpartition("/")[2]
        text = await run_in_threadpool(self._pages.text, f"pages/{name}")
        return respond_cached(request, text, "text/css; charset=utf-8", NO_CACHE)

    async def health(self, _request: Request) -> Response:
        """Reports whether the ledger can be read."""

        def can_read_ledger() -> bool:
            try:
                self._app.ledger.editions.get("")
            except MailerError:
                return False
            return True

        healthy = await run_in_threadpool(can_read_ledger)
        content = '{"status":"ok"}' if healthy else '{"status":"unavailable"}'
        return respond(content, "application/json", status=200 if healthy else 503, headers=NO_STORE)

    async def robots(self, request: Request) -> Response:
        root, open_to_all = self._pages.root, self._app.settings.search_engines
        closed = [f"{root}/{each}/" for each in ("u", "confirm")] if open_to_all else ["/"]
        rules = "".join(f"Disallow: {path}\n" for path in closed)
        return respond_cached(request, f"User-agent: *\n{rules}", "text/plain; charset=utf-8", NO_CACHE)

    async def favicon(self, _request: Request) -> Response:
        return respond(b"", "image/x-icon", status=204, headers={"Cache-Control": "public, max-age=86400"})
