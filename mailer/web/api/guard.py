"""The guard of the API: the checks in front of every endpoint, and idempotency.

A request needs a valid token, a share of the token's rate limit, and the scope of the route; then its query and its body
must match the route's schemas. A route that must act only once requires an Idempotency-Key: a repeated request with the
same key gets the stored response. Every refusal is a problem document (`problem`).
"""

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, get_origin

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mailer.app import App
from mailer.errors import MailerError
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.accounts.idempotency_keys import StoredResponse
from mailer.ledger.types.errors import LedgerError
from mailer.service.accounts.api_tokens import find_api_token
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.web.api.problem_details import PREFIX, NotAllowedError, problem
from mailer.web.api.request import ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Schema, format_errors
from mailer.web.client_disconnect import disconnect_check
from mailer.web.client_ip import address_of
from mailer.web.rate_limit import Rate, RateLimiter
from mailer.web.request_body import media_type, read_body
from mailer.web.responses import NO_STORE, chunks_of, respond, respond_cached

BY_TOKEN = Rate(burst=300, every=0.2)
BY_ALL_TOKENS = Rate(burst=10_000, every=0.01)  # all tokens together
_KEY_CHARACTERS = frozenset(map(chr, range(0x21, 0x7F)))
_MAX_KEY = 255
_PRIVATE = {"Cache-Control": "private, no-cache"}
_TIMEOUT = 60.0  # seconds for a body
_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Awaitable[Response]]


class ApiGuard:
    """Wraps endpoints in the checks of this module."""

    def __init__(self, app: App, gate: CheckGate) -> None:
        self._app = app
        self._gate = gate
        self._limits = RateLimiter(time.monotonic, each=BY_TOKEN, together=BY_ALL_TOKENS)

    async def protected(self, route: ApiRoute, request: Request) -> Response:
        """Answers `request` by the endpoint of `route`, behind all the checks of this module."""
        token = await self._token(request)
        if token is None:
            return _unauthorized(request)
        key = str(token.id)
        retry_after = self._limits.retry_after(key)
        request.state.rate = _rate_headers(self._limits.remaining(key), retry_after)
        if retry_after:
            detail, headers = "The rate limit of this token is reached.", {"Retry-After": str(retry_after)}
            return problem(429, detail, next_step=f"Repeat the request in {retry_after} seconds.", headers=headers)
        return await self._answer(route, request, token)

    async def _token(self, request: Request) -> ApiToken | None:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        address = address_of(request, self._app.settings.trusted_proxies)
        return await run_in_threadpool(find_api_token, self._app, secret.strip(), address=address)

    async def _answer(self, route: ApiRoute, request: Request, token: ApiToken) -> Response:
        if not token.may(route.scope):
            raise NotAllowedError(route.scope)
        query = _query(route.query, request)
        if isinstance(query, Response):
            return query
        key = request.headers.get("idempotency-key", "")
        if route.idempotent and not (0 < len(key) <= _MAX_KEY and set(key) <= _KEY_CHARACTERS):
            return problem(
                400,
                "The request needs a header Idempotency-Key of 1 to 255 visible ASCII characters.",
                next_step="Use a new key, such as a UUID, for each send.",
            )
        tags = tuple(tag.strip().strip('"') for tag in ",".join(request.headers.getlist("if-match")).split(","))
        if route.if_match_required and not any(tags):
            return problem(
                428,
                "The request needs a header If-Match.",
                next_step="Set it to the ETag of the version that you read.",
            )
        raw, body = b"", None
        if route.body is not None or route.takes:
            if media_type(request) != (route.takes or "application/json"):
                return problem(415, f"The content type of the body must be {route.takes or 'application/json'}.")
            raw = await read_body(request, route.largest, patience=_TIMEOUT)
        if route.body is not None:
            body = _body(route.body, raw)
            if isinstance(body, Response):
                return body
        api_request = ApiRequest(
            app=self._app,
            token=token,
            path=request.path_params,
            query_values=query,
            body_values=body,
            address=address_of(request, self._app.settings.trusted_proxies),
            gate=self._gate,
            has_left=disconnect_check(request),
            if_match=tags,
            raw=raw if route.takes else b"",
            idempotency_digest=hashlib.sha256(f"API {token.id} {key}".encode()).hexdigest() if route.idempotent else "",
        )
        if route.idempotent:
            fingerprint = hashlib.sha256(b"\0".join([request.url.path.encode(), raw])).hexdigest()
            return await run_in_threadpool(_idempotent, route, api_request, key, fingerprint)
        answer = await run_in_threadpool(route.endpoint, api_request)
        return _respond(route, request, answer)


def _idempotent(route: ApiRoute, api_request: ApiRequest, key: str, fingerprint: str) -> Response:
    """Calls the endpoint unless `key` was used before, and stores the response. A refused request releases its key."""
    keys, token = api_request.app.ledger.idempotency, api_request.token.id
    earlier = keys.reserve(token, key, fingerprint)
    if earlier is not None:
        return _replay(earlier, fingerprint)
    try:
        answer = route.endpoint(api_request)
    except LedgerError:  # it is unknown whether the work was done
        raise
    except (MailerError, HTTPException):
        keys.release(token, key)
        raise
    assert isinstance(answer.content, Schema), "only responses with a schema are stored"
    stored = StoredResponse(
        fingerprint=fingerprint,
        status=route.status,
        body=answer.content.model_dump_json(),
        location=answer.location,
    )
    keys.store(token, key, stored)
    return _stored_response(stored)


def _replay(earlier: StoredResponse, fingerprint: str) -> Response:
    if earlier.fingerprint != fingerprint:
        return problem(
            422,
            "This Idempotency-Key was used for a different request.",
            next_step="Use a new key for each send.",
        )
    if earlier.status is None:
        return problem(
            409,
            "A request with this Idempotency-Key is in progress, or was interrupted.",
            next_step=f"GET {PREFIX}/sends shows whether the send was created; check that before you use a new key.",
        )
    return _stored_response(earlier, replayed=True)


def _stored_response(stored: StoredResponse, *, replayed: bool = False) -> Response:
    headers = {**NO_STORE, "Location": stored.location}
    headers |= {"Idempotency-Replayed": "true"} if replayed else {}
    return respond(stored.body, "application/json", status=stored.status or 200, headers=headers)


def _respond(route: ApiRoute, request: Request, answer: ApiResponse) -> Response:
    content = answer.content
    if not isinstance(content, Schema):
        headers = {**NO_STORE, "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(chunks_of(content), media_type=answer.content_type, headers=headers)
    text = content.model_dump_json()
    if route.method == "GET":
        return respond_cached(request, text, answer.content_type, _PRIVATE, etag=answer.etag)
    headers = {**NO_STORE, **({"Location": answer.location} if answer.location else {})}
    headers |= {"ETag": f'"{answer.etag}"'} if answer.etag else {}
    return respond(text, answer.content_type, status=route.status, headers=headers)


def _query(schema: type[Schema], request: Request) -> Any:
    """Returns the query, validated by `schema`, or a problem document."""
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(value)
    values: dict[str, object] = {}
    for name, items in given.items():
        field = schema.model_fields.get(name)
        many = field is not None and get_origin(field.annotation) is tuple
        if len(items) > 1 and not many:
            return problem(422, "A parameter of the query is given twice.", next_step="Give each parameter once.")
        values[name] = tuple(items) if many else items[0]
    try:
        return schema.model_validate(values, strict=False)
    except ValidationError as error:
        return problem(
            422, format_errors(error, schema), next_step=f"GET {PREFIX}/openapi.json describes the parameters."
        )


def _body(schema: type[Schema], raw: bytes) -> Any:
    """Returns the body, validated by `schema`, or a problem document."""
    try:
        return schema.model_validate_json(raw)
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors(include_input=False, include_context=False)):
            return problem(400, "The body is not JSON.")
        return problem(422, format_errors(error, schema), next_step=f"GET {PREFIX}/openapi.json describes the body.")


def _unauthorized(request: Request) -> Response:
    has_token = "authorization" in request.headers
    return problem(
        401,
        "The token is unknown or was revoked." if has_token else "The request needs a token.",
        next_step="Send the header “Authorization: Bearer TOKEN”. An admin creates tokens.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"' if has_token else "Bearer"},
    )


def _rate_headers(remaining: int, retry_after: int) -> dict[str, str]:
    """Returns the headers of draft-ietf-httpapi-ratelimit-headers."""
    window = round(BY_TOKEN.burst * BY_TOKEN.every)
    refill = retry_after or round((BY_TOKEN.burst - remaining) * BY_TOKEN.every)
    return {
        "RateLimit-Policy": f'"token";q={BY_TOKEN.burst};w={window}',
        "RateLimit": f'"token";r={remaining};t={refill}',
    }
