"""Requests, responses and routes of the API.

    ROUTES = (
        ApiRoute("GET", "/sends/{send}", Scope.SENDS_READ, _show, SendFacts),
        ApiRoute("POST", "/sends", Scope.SENDS_WRITE, _start, SendFacts, body=NewSend, status=201, idempotent=True),
    )

An endpoint takes an ApiRequest and returns an ApiResponse; it runs in a thread and may block. Its docstring is its
description in the OpenAPI document. Before it runs, the guard has checked the token's scope, the query and the body.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException

from mailer.app import App
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.web.api.problem_details import PREFIX, NotAllowedError
from mailer.web.api.schema import NoQuery, S, Schema

SMALL, LARGE, FILE = 64 * 1024, 8 * 1024 * 1024, 64 * 1024 * 1024  # octets of a body
_LONGEST_NUMBER = 18  # digits; both databases can store such numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request with a valid token. `if_match`: the entity tags of If-Match, without quotes. `has_left`: whether the
    client has disconnected.

    `idempotency_digest` identifies the Idempotency-Key among those of all tokens; "" if the route needs none.
    """

    app: App
    token: ApiToken
    path: Mapping[str, str]
    query_values: Schema
    body_values: Schema | None
    address: str
    gate: CheckGate
    has_left: Callable[[], bool]
    if_match: tuple[str, ...] = ()
    idempotency_digest: str = ""
    raw: bytes = b""

    def check_turn(self, name: str) -> AbstractContextManager[Callable[[], None]]:
        """Waits for the turn of a check of the dispatch `name` (`CheckGate.turn`)."""
        return self.gate.turn(name, self.has_left)

    @property
    def actor(self) -> str:
        """The name of the token in the activity log."""
        return f"API ({self.token.name})"

    def url_path(self, path: str) -> str:
        """Returns the public path of `path`, which is relative to the API."""
        return f"{urlsplit(self.app.settings.base_url).path.rstrip('/')}{PREFIX}{quote(path)}"

    def require(self, scope: Scope) -> None:
        """Raises NotAllowedError if the token lacks `scope`, which only some requests of a route need."""
        if not self.token.may(scope):
            raise NotAllowedError(scope)

    def require_own(self, scope: Scope) -> None:
        """Raises NotAllowedError if the token has `scope` only because `sends:test` includes it."""
        if not any(each.covers(scope) for each in self.token.scopes if each is not Scope.SENDS_TEST):
            raise NotAllowedError(scope)

    def number(self, name: str) -> int:
        """Returns a path parameter that is a number. Raises HTTPException 404 for anything else."""
        text = self.path[name]
        if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_NUMBER:
            raise HTTPException(404)
        return int(text)

    def query(self, schema: type[S]) -> S:
        """Returns the query."""
        assert isinstance(self.query_values, schema), "the route declares another schema"
        return self.query_values

    def body(self, schema: type[S]) -> S:
        """Returns the body."""
        assert isinstance(self.body_values, schema), "the route declares another schema"
        return self.body_values

    def record_look(self, action: str, object: str = "", detail: str = "", *, reader: str = "") -> None:  # noqa: A002 - the audit log's own term
        """Adds an entry to the audit log: this token read data of readers, or of `reader`. The same one is added once an hour."""
        self.app.ledger.audit.record_look(self.actor, action, object, detail, reader=reader, address=self.address)

    def record(self, action: str, object: str = "", detail: str = "") -> None:  # noqa: A002 - the audit log's own term
        """Adds an entry to the audit log: this token did `action`."""
        self.app.ledger.audit.record(self.actor, action, object, detail, address=self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """`content` matches the route's schema, or is a file of `content_type`. `etag`: "" for a hash of the content."""

    content: Schema | IO[str]
    content_type: str = "application/json"
    location: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """`path` is relative to PREFIX. `idempotent`: an Idempotency-Key is required; `if_match_required`: If-Match is.

    `answer`: the schema of the response, None for a CSV file. `takes`: the content type of a raw body. `largest`: the size
    limit of a body, in octets.
    """

    method: str
    path: str
    scope: Scope
    endpoint: Callable[[ApiRequest], ApiResponse]
    answer: type[Schema] | None
    query: type[Schema] = NoQuery
    body: type[Schema] | None = None
    takes: str = ""
    status: int = 200
    idempotent: bool = False
    if_match_required: bool = False
    largest: int = SMALL

    def __post_init__(self) -> None:
        if self.method not in {"GET", "POST", "PUT", "PATCH", "DELETE"} or not self.path.startswith("/"):
            raise ValueError(f"{self.method} {self.path} is not a valid route of the API")
