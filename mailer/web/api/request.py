"""The table of the API's routes: method and path, the scope that is needed, and the shapes of both sides.

    ROUTES = (
        ApiRoute("GET", "/sends/{send}", Scope.SENDS_READ, show, answer=SendFacts),
        ApiRoute("POST", "/sends", Scope.SENDS_WRITE, start, answer=SendFacts, body=NewSend, status=201, once=True),
    )

An endpoint takes a Call and returns an Answer; it runs in a thread and may block. Its docstring is what the OpenAPI
document says of it. By the time it runs, the token has the scope, and query and body have their shapes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException

from mailer.app import App
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.types.accounts import Scope
from mailer.web.api.problem import NotAllowedError
from mailer.web.api.schema import NoQuery, S, Schema

PREFIX = "/api/v1"
SMALL, LARGE, FILE = 64 * 1024, 8 * 1024 * 1024, 64 * 1024 * 1024  # octets of a body
_LONGEST_NUMBER = 18  # digits that both databases hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request of a token that may make it. `if_match`: the entity tags of If-Match, without quotes.

    `once` names what is to happen once, also beyond this token: a digest of the Idempotency-Key.
    """

    app: App
    token: ApiToken
    path: Mapping[str, str]
    asked: Schema
    said: Schema | None
    address: str
    if_match: tuple[str, ...] = ()
    idempotent: str = ""
    raw: bytes = b""

    @property
    def actor(self) -> str:
        """Who does it, as histories name them."""
        return f"API ({self.token.name})"

    def place(self, path: str) -> str:
        """Where `path` of the API is found, from the outside."""
        return f"{urlsplit(self.app.settings.base_url).path.rstrip('/')}{PREFIX}{quote(path)}"

    def require(self, scope: Scope) -> None:
        """Refuse where the token lacks `scope`, which only some requests of this route need."""
        if not self.token.may(scope):
            raise NotAllowedError(scope)

    def number(self, name: str) -> int:
        """A part of the path that is a number. Raises HTTPException 404 for what is none."""
        text = self.path[name]
        if not (text.isascii() and text.isdecimal()) or len(text) > _LONGEST_NUMBER:
            raise HTTPException(404)
        return int(text)

    def query(self, shape: type[S]) -> S:
        """What was asked for by the query."""
        assert isinstance(self.asked, shape), "the route has another shape"
        return self.asked

    def body(self, shape: type[S]) -> S:
        """What was said in the body."""
        assert isinstance(self.said, shape), "the route has another shape"
        return self.said

    def record(self, action: str, object: str = "", detail: str = "") -> None:  # noqa: A002 - the audit's name
        """Write down that this token did it."""
        self.app.ledger.audit.record(self.actor, action, object, detail, address=self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """`content` is of the route's shape, or a file of `content_type`. `etag`: else it is made of the content."""

    content: Schema | IO[str]
    content_type: str = "application/json"
    location: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One row. `path` is under HERE. `once`: it needs an Idempotency-Key; `matched`: it needs If-Match.

    `answer` None: a CSV file; `takes`: a body of this type, as it is. `largest` is how much may be said, in octets.
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
            raise ValueError(f"{self.method} {self.path} is no route of the API")
