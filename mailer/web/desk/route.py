"""The table of the desk's routes: method and path, and the role that is needed.

    ROUTES = (
        DeskRoute("GET", "/desk/sends/{id:int}", Role.WRITER, show),
        DeskRoute("POST", "/desk/sends/{id:int}/pause", Role.EDITOR, pause),
    )

An endpoint takes a Visit and returns a Response. A plain function runs in a thread, and may block, as the ledger does;
an `async` one runs on the event loop, and may not. A route that changes something is a POST. By the time an endpoint
runs, the visitor is signed in and has the role, and what was posted came from a page of ours.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from mailer.ledger.types.accounts import Role
from mailer.web.desk.request import DeskRequest

FORM = 2 * 1024 * 1024  # octets

Endpoint = Callable[[DeskRequest], Response] | Callable[[DeskRequest], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class DeskRoute:
    """One row. `largest` is how much may be posted, in octets."""

    method: str
    path: str
    role: Role
    endpoint: Endpoint
    largest: int = FORM

    def __post_init__(self) -> None:
        if self.method not in {"GET", "POST"} or not self.path.startswith("/desk"):
            raise ValueError(f"{self.method} {self.path} is no route of the desk")
