"""The members of a list: looked through and searched, page by page; and one added by hand."""

from starlette.responses import Response

from mailer.addresses import mask_address, parse_address
from mailer.errors import NeedsConfirmationError
from mailer.ledger.subscribers.search import LONGEST, PAGE
from mailer.ledger.types.accounts import Role
from mailer.service.lists.members import add_member, editable_fields
from mailer.web.desk.lists.overview import ONE, by, confirmation_page, name_of, path_of
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

FIELD = "field:"  # what the name of a form's field of a list begins with
_COLUMNS = 3  # fields that the table shows


def _members(request: DeskRequest) -> Response:
    """A page of them; what a search goes on with comes as rows for the table that is there."""
    name, words = name_of(request), request.query.get("q", "")[:LONGEST]
    found = request.app.ledger.member_search.page(name, words, request.query.get("after", ""))
    fields = editable_fields(request.app, name)
    return request.page(
        "roll" if request.is_partial else "members",
        heading=f"Members of “{name}”",
        name=name,
        words=words,
        found=found,
        fields=fields,
        shown=fields[:_COLUMNS],
        goes_on=bool(words and found.next and len(found.members) < PAGE),
    )


def _add(request: DeskRequest) -> Response:
    name, address = name_of(request), parse_address(request.form.text("email"))
    try:
        add_member(request.app, name, address, typed_fields(request), by=by(request))
    except NeedsConfirmationError as error:
        return confirmation_page(request, name, error)
    request.record("list.add", name, mask_address(address.display))
    return request.redirect(f"{path_of(name)}/members", f"{address.display} is on the list.")


def typed_fields(request: DeskRequest) -> dict[str, str]:
    """What was filled in of a list's fields."""
    names = (each for each in request.form.fields if each.startswith(FIELD))
    return {each.removeprefix(FIELD): request.form.text(each) for each in names}


ROUTES = (
    DeskRoute("GET", f"{ONE}/members", Role.ADMIN, _members),
    DeskRoute("POST", f"{ONE}/members", Role.ADMIN, _add),
)
