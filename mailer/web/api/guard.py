"""The API: its routes put together, and the guard in front of them.

    POST /api/v1/subscribe        for anybody: mailer.web.api.subscribe
    GET  /api/v1/openapi.json     for anybody: what there is
    what ROUTES holds             for who shows a token (RFC 6750) that has the scope

The guard: a token that holds good, a share of its rate, the scope; then query and body in their shapes. What must happen
once has an Idempotency-Key, and is answered the same whenever it is asked again. Every refusal is a problem (problem.py).
No other site's script may read the answers: there is no CORS.
"""

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, get_origin

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from mailer.app import App
from mailer.errors import MailerError
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.accounts.idempotency import StoredResponse
from mailer.ledger.types.errors import LedgerError
from mailer.service.accounts.api_tokens import find_api_token
from mailer.web.api import dispatches, lists, send_requests, sends, subscribers, uploads
from mailer.web.api.openapi import document
from mailer.web.api.problem import NotAllowedError, problem, problem_of, refusal
from mailer.web.api.request import PREFIX, ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Schema, format_errors
from mailer.web.client_ip import address_of
from mailer.web.forms import media_type, read_body
from mailer.web.pages import NO_CACHE, NO_STORE, chunks_of, respond, respond_cached
from mailer.web.rate_limit import Rate, RateLimiter

ROUTES: tuple[ApiRoute, ...] = (
    *dispatches.ROUTES,
    *send_requests.ROUTES,
    *sends.ROUTES,
    *lists.ROUTES,
    *uploads.ROUTES,
    *subscribers.ROUTES,
)
"""All that needs a token."""

BY_TOKEN = Rate(burst=300, every=0.2)
BY_ALL_TOKENS = Rate(burst=10_000, every=0.01)  # what all tokens together may ask
_KEY = frozenset(map(chr, range(0x21, 0x7F)))
_LONGEST_KEY = 255
_OWN = {"Cache-Control": "private, no-cache"}  # kept by who asked alone
_PATIENCE = 60.0  # seconds for a body
_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Awaitable[Response]]


def api_routes(app: App, subscribe: _Handler) -> list[BaseRoute]:
    """The API of `newsroom`, whose door for sign-ups is `subscribe`."""
    guard = Guard(app)

    places: dict[str, dict[str, _Handler]] = {
        "/subscribe": {"POST": subscribe},
        "/openapi.json": {"GET": guard.openapi},
    }
    for route in ROUTES:
        places.setdefault(route.path, {})[route.method] = partial(guard.protected, route)
    return [
        *(Route(f"{PREFIX}{path}", _Endpoint(handlers)) for path, handlers in places.items()),
        Route(f"{PREFIX}/{{rest:path}}", _Endpoint({})),
    ]


@cache
def _document(base_url: str) -> bytes:
    return document(ROUTES, base_url).encode()


class _Endpoint:
    """One address, with what answers each of its methods; whatever goes wrong there is answered by a problem."""

    def __init__(self, handlers: Mapping[str, _Handler]) -> None:
        self._handlers = handlers
        self._allowed = ", ".join(sorted({*handlers, *(["HEAD"] if "GET" in handlers else [])}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        response.headers.update(getattr(request.state, "rate", {}))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        handler = self._handlers.get("GET" if request.method == "HEAD" else request.method)
        if not self._handlers or any("\0" in part for part in request.path_params.values()):
            return refusal(HTTPException(404))
        if handler is None:
            return problem(405, f"This address is for {self._allowed}.", headers={"Allow": self._allowed})
        try:
            return await handler(request)
        except HTTPException as error:
            return refusal(error)
        except MailerError as error:
            if isinstance(error, LedgerError):
                _log.error("%s", error)
            return problem_of(error)
        except Exception:  # noqa: BLE001 - a bug of ours is no page of HTML
            _log.exception("the API failed")
            return problem(500, "Something went wrong on our side.", next_step="Try again in a few minutes.")


class Guard:
    """What stands in front of each route of a newsroom's API."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._limits = RateLimiter(time.monotonic, each=BY_TOKEN, together=BY_ALL_TOKENS)

    async def openapi(self, request: Request) -> Response:
        written = _document(self._app.settings.base_url)
        return respond_cached(request, written, "application/json", NO_CACHE)

    async def protected(self, route: ApiRoute, request: Request) -> Response:
        """Answers `request` by the endpoint of `route`, behind all the checks of this module."""
        token = await self._token(request)
        if token is None:
            return _unauthorized(request)
        key = str(token.id)
        wait = self._limits.retry_after(key)
        request.state.rate = _rate(self._limits.remaining(key), wait)
        if wait:
            detail, headers = "This token asks too often.", {"Retry-After": str(wait)}
            return problem(429, detail, next_step=f"Ask again in {wait} s.", headers=headers)
        return await self._answer(route, request, token)

    async def _token(self, request: Request) -> ApiToken | None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        return await run_in_threadpool(find_api_token, self._app, secret.strip())

    async def _answer(self, route: ApiRoute, request: Request, token: ApiToken) -> Response:
        if not token.may(route.scope):
            raise NotAllowedError(route.scope)
        asked = _query(route.query, request)
        if isinstance(asked, Response):
            return asked
        key = request.headers.get("idempotency-key", "")
        if route.idempotent and not (0 < len(key) <= _LONGEST_KEY and set(key) <= _KEY):
            return problem(
                400,
                "This needs a header Idempotency-Key of 1 to 255 visible ASCII characters.",
                next_step="Make up a new one for each thing that is to happen once, such as a UUID.",
            )
        tags = tuple(tag.strip().strip('"') for tag in ",".join(request.headers.getlist("if-match")).split(","))
        if route.if_match_required and not any(tags):
            return problem(428, "This needs a header If-Match.", next_step="Put there the ETag of what you read.")
        raw, said = b"", None
        if route.body is not None or route.takes:
            if media_type(request) != (route.takes or "application/json"):
                return problem(415, f"The body should be {route.takes or 'application/json'}.")
            raw = await read_body(request, route.largest, patience=_PATIENCE)
        if route.body is not None:
            said = _body(route.body, raw)
            if isinstance(said, Response):
                return said
        call = ApiRequest(
            app=self._app,
            token=token,
            path=request.path_params,
            asked=asked,
            said=said,
            address=address_of(request, self._app.settings.trusted_proxies),
            if_match=tags,
            raw=raw if route.takes else b"",
            idempotent=hashlib.sha256(f"API {token.id} {key}".encode()).hexdigest() if route.idempotent else "",
        )
        if route.idempotent:
            fingerprint = hashlib.sha256(b"\0".join([request.url.path.encode(), raw])).hexdigest()
            return await run_in_threadpool(_idempotent, route, call, key, fingerprint)
        answer = await run_in_threadpool(route.endpoint, call)
        return _respond(route, request, answer)


def _idempotent(route: ApiRoute, call: ApiRequest, key: str, fingerprint: str) -> Response:
    """Do it, if it was not done; else answer as then. What was refused was not done, and may be asked anew."""
    answers, token = call.app.ledger.idempotency, call.token.id
    earlier = answers.reserve(token, key, fingerprint)
    if earlier is not None:
        return _replay(earlier, fingerprint)
    try:
        answer = route.endpoint(call)
    except LedgerError:  # whether it was done is not known
        raise
    except (MailerError, HTTPException):
        answers.release(token, key)
        raise
    assert isinstance(answer.content, Schema), "only what has a shape is kept"
    kept = StoredResponse(
        fingerprint=fingerprint,
        status=route.status,
        body=answer.content.model_dump_json(),
        location=answer.location,
    )
    answers.store(token, key, kept)
    return _kept_answer(kept)


def _replay(earlier: StoredResponse, fingerprint: str) -> Response:
    if earlier.fingerprint != fingerprint:
        return problem(
            422,
            "This Idempotency-Key was used for another request.",
            next_step="Make up a new key for each thing that is to happen once.",
        )
    if earlier.status is None:
        return problem(
            409,
            "A request with this Idempotency-Key is under way, or was interrupted.",
            next_step="See under /sends whether it was done, before you ask with another key.",
        )
    return _kept_answer(earlier, replayed=True)


def _kept_answer(kept: StoredResponse, *, replayed: bool = False) -> Response:
    headers = {**NO_STORE, "Location": kept.location}
    headers |= {"Idempotency-Replayed": "true"} if replayed else {}
    return respond(kept.body, "application/json", status=kept.status or 200, headers=headers)


def _respond(route: ApiRoute, request: Request, answer: ApiResponse) -> Response:
    content = answer.content
    if not isinstance(content, Schema):
        headers = {**NO_STORE, "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(chunks_of(content), media_type=answer.content_type, headers=headers)
    text = content.model_dump_json()
    if route.method == "GET":
        return respond_cached(request, text, answer.content_type, _OWN, etag=answer.etag)
    headers = {**NO_STORE, **({"Location": answer.location} if answer.location else {})}
    headers |= {"ETag": f'"{answer.etag}"'} if answer.etag else {}
    return respond(text, answer.content_type, status=route.status, headers=headers)


def _query(shape: type[Schema], request: Request) -> Any:
    """The query in its shape, or the problem with it."""
    given: dict[str, object] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        field = shape.model_fields.get(name)
        many = field is not None and get_origin(field.annotation) is tuple
        if len(values) > 1 and not many:
            return problem(422, "A name stands in the query twice.", next_step="Say it once.")
        given[name] = tuple(values) if many else values[0]
    try:
        return shape.model_validate(given, strict=False)
    except ValidationError as error:
        return problem(422, format_errors(error, shape), next_step="See /api/v1/openapi.json for what may be asked.")


def _body(shape: type[Schema], raw: bytes) -> Any:
    """The body in its shape, or the problem with it."""
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors(include_input=False, include_context=False)):
            return problem(400, "The body is not JSON.")
        return problem(422, format_errors(error, shape), next_step="See /api/v1/openapi.json for what may be said.")


def _unauthorized(request: Request) -> Response:
    shown = "authorization" in request.headers
    return problem(
        401,
        "This token is not known, or was revoked." if shown else "This needs a token.",
        next_step="Send the header Authorization: Bearer TOKEN; a token is made by: mailer token add NAME --scope SCOPE",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"' if shown else "Bearer"},
    )


def _rate(left: int, wait: int) -> dict[str, str]:
    """What is left, as draft-ietf-httpapi-ratelimit-headers tells it."""
    window = round(BY_TOKEN.burst * BY_TOKEN.every)
    refill = wait or round((BY_TOKEN.burst - left) * BY_TOKEN.every)
    return {"RateLimit-Policy": f'"token";q={BY_TOKEN.burst};w={window}', "RateLimit": f'"token";r={left};t={refill}'}
