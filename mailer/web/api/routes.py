"""The routes of the API: those of its modules behind the guard, and the two that need no token.

    POST /api/v1/subscribe        without a token: `subscribe`
    GET  /api/v1/openapi.json     without a token: the OpenAPI document
    ROUTES                        requests with a token (RFC 6750) that has the scope of the route

Every error is a problem document (`problem`). There is no CORS: scripts of other sites cannot read the responses.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from mailer.app import App
from mailer.errors import MailerError
from mailer.ledger.types.errors import LedgerError
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.web.api import dispatches, feedback, list_uploads, lists, new_sends, sends, subscribers
from mailer.web.api.guard import ApiGuard
from mailer.web.api.openapi import document
from mailer.web.api.problem_details import PREFIX, http_problem, mailer_problem, problem
from mailer.web.api.request import ApiRoute
from mailer.web.error_log_throttle import ErrorLog
from mailer.web.responses import NO_CACHE, respond_cached

ROUTES: tuple[ApiRoute, ...] = (
    *dispatches.ROUTES,
    *new_sends.ROUTES,
    *sends.ROUTES,
    *lists.ROUTES,
    *list_uploads.ROUTES,
    *subscribers.ROUTES,
    *feedback.ROUTES,
)
"""Every route that needs a token."""
_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Awaitable[Response]]


def api_routes(app: App, gate: CheckGate, subscribe: _Handler) -> list[BaseRoute]:
    """Returns the routes of the API; `gate` has the turns of checks, `subscribe` is the endpoint for sign-ups."""
    guard = ApiGuard(app, gate)

    async def openapi(request: Request) -> Response:
        return respond_cached(request, _document(app.settings.base_url), "application/json", NO_CACHE)

    handlers: dict[str, dict[str, _Handler]] = {"/subscribe": {"POST": subscribe}, "/openapi.json": {"GET": openapi}}
    for route in ROUTES:
        handlers.setdefault(route.path, {})[route.method] = partial(guard.protected, route)
    return [
        *(Route(f"{PREFIX}{path}", _Endpoint(by_method)) for path, by_method in handlers.items()),
        Route(f"{PREFIX}/{{rest:path}}", _Endpoint({})),
    ]


@cache
def _document(base_url: str) -> bytes:
    return document(ROUTES, base_url).encode()


class _Endpoint:
    """A path of the API with a handler for each method. Every error of a handler becomes a problem document."""

    def __init__(self, handlers: Mapping[str, _Handler]) -> None:
        self._handlers = handlers
        self._errors = ErrorLog(_log)
        self._allowed = ", ".join(sorted({*handlers, *(["HEAD"] if "GET" in handlers else [])}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        response.headers.update(getattr(request.state, "rate", {}))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        handler = self._handlers.get("GET" if request.method == "HEAD" else request.method)
        if not self._handlers or any("\0" in part for part in request.path_params.values()):
            return http_problem(HTTPException(404))
        if handler is None:
            return problem(405, f"This path supports only {self._allowed}.", headers={"Allow": self._allowed})
        try:
            return await handler(request)
        except HTTPException as error:
            return http_problem(error)
        except MailerError as error:
            if isinstance(error, LedgerError):
                self._errors.write(error)
            return mailer_problem(error, request.path_params)
        except Exception:  # noqa: BLE001 - a defect must not be answered with HTML
            _log.exception("the API failed")
            return problem(500, "An internal error occurred.", next_step="Try again in a few minutes.")
