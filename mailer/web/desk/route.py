"""One route of the desk: method, path, the role that it needs, and its endpoint.

    ROUTES = (
        DeskRoute("GET", "/desk/sends/{id:number}", Role.WRITER, _show),
        DeskRoute("POST", "/desk/sends/{id:number}/pause", Role.EDITOR, _pause),
    )

An endpoint takes a DeskRequest and returns a Response. A plain function runs in a thread and may block, as the ledger does;
an `async` one runs on the event loop and must not. `{id:number}` is a number that a database can hold. A route that changes
something is a POST. Before an endpoint runs, the guard has checked that the user is signed in and has the role, and that a
posted form came from a page of the desk.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.responses import Response

from mailer.ledger.types.roles_and_scopes import Role
from mailer.web.desk.request import DeskRequest

_LARGEST_FORM = 2 * 1024 * 1024  # octets


class NumberConvertor(IntegerConvertor):
    """Numbers in paths, of at most 18 digits. Starlette's `int` raises ValueError for more than 4,300 digits."""

    regex = "[0-9]{1,18}"


register_url_convertor("number", NumberConvertor())

Endpoint = Callable[[DeskRequest], Response] | Callable[[DeskRequest], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class DeskRoute:
    """`largest` is the size limit of a posted body, in octets."""

    method: str
    path: str
    role: Role
    endpoint: Endpoint
    largest: int = _LARGEST_FORM

    def __post_init__(self) -> None:
        if self.method not in {"GET", "POST"} or not self.path.startswith("/desk") or ":int}" in self.path:
            raise ValueError(f"{self.method} {self.path} is not a valid route of the desk")
