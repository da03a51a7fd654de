"""The list of dispatches, with search."""

from starlette.responses import Response

from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.dispatch_list import list_dispatches
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/dispatches"
ONE = f"{HERE}/{{name}}"
_PAGE_SIZE = 50


def _list(request: DeskRequest) -> Response:
    return shelf_page(request)


def shelf_page(request: DeskRequest, *, title: str = "", problem: str = "") -> Response:
    """Shows the list. `problem`: why a dispatch with the typed `title` was not created."""
    words, page = request.query.get("q", ""), request.query.get("page", "")
    found = list_dispatches(request.app, words)
    first = _PAGE_SIZE * (int(page) - 1) if page.isdecimal() and len(page) < 7 and int(page) > 0 else 0
    return request.page(
        "dispatches",
        status=422 if problem else 200,
        typed=title,
        problem=problem,
        heading="Dispatches",
        words=words,
        found=found[first : first + _PAGE_SIZE],
        count=len(found),
        number=first // _PAGE_SIZE + 1,
        pages=-(-len(found) // _PAGE_SIZE),
    )


ROUTES = (DeskRoute("GET", HERE, Role.WRITER, _list),)
