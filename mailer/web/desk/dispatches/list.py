"""The shelf: the list of dispatches, the last touched first, in tabs by their state, with search in the full text."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.dispatch_list import list_dispatches
from mailer.service.shelf.bin import list_bin
from mailer.service.shelf.copies import list_templates
from mailer.web.desk.plain_language import dispatch_state
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/dispatches"
ONE = f"{HERE}/{{name}}"
_PAGE_SIZE = 50
_TABS: Mapping[str, tuple[str, frozenset[str]]] = {
    "": ("All", frozenset()),
    "draft": ("Draft", frozenset({"Draft"})),
    "ready": ("Ready", frozenset({"Ready", "Approved"})),
    "scheduled": ("Scheduled", frozenset({"Scheduled", "Sending"})),
    "sent": ("Sent", frozenset({"Sent"})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfTab:
    """A tab of the shelf, with the number of dispatches in it."""

    key: str
    name: str
    count: int


def _list(request: DeskRequest) -> Response:
    return shelf_page(request)


def shelf_page(request: DeskRequest, *, title: str = "", problem: str = "") -> Response:
    """Shows the list. `problem`: why a dispatch with the typed `title` was not created."""
    words, page = request.query.get("q", ""), request.query.get("page", "")
    state = request.query.get("state", "")
    state = state if state in _TABS else ""
    all_found = list_dispatches(request.app, words)
    tabs = [
        ShelfTab(key=key, name=name, count=sum(not states or dispatch_state(each) in states for each in all_found))
        for key, (name, states) in _TABS.items()
    ]
    states = _TABS[state][1]
    found = [each for each in all_found if not states or dispatch_state(each) in states]
    first = _PAGE_SIZE * (int(page) - 1) if page.isdecimal() and len(page) < 7 and int(page) > 0 else 0
    return request.page(
        "dispatches",
        status=422 if problem else 200,
        typed=title,
        problem=problem,
        heading="Dispatches",
        words=words,
        state=state,
        tabs=tabs,
        templates=list_templates(request.app),
        chosen_template=request.form.text("template"),
        deleted=len(list_bin(request.app)),
        found=found[first : first + _PAGE_SIZE],
        count=len(found),
        number=first // _PAGE_SIZE + 1,
        pages=-(-len(found) // _PAGE_SIZE),
    )


ROUTES = (DeskRoute("GET", HERE, Role.WRITER, _list),)
