"""The members of a list: looked through and searched, page by page; and one added by hand."""

from starlette.responses import Response

from mailer.addresses import parse_address
from mailer.errors import NeedsConfirmationError
from mailer.ledger.subscribers.search import LONGEST, PAGE
from mailer.ledger.types.accounts import Role
from mailer.service.lists.members import add_member, editable_fields
from mailer.service.subscribers.unsubscribe import mask
from mailer.web.desk.lists.overview import ONE, by, confirmation_page, name_of, path_of
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

FIELD = "field:"  # what the name of a form's field of a list begins with
_COLUMNS = 3  # fields that the table shows


def _members(visit: DeskRequest) -> Response:
    """A page of them; what a search goes on with comes as rows for the table that is there."""
    name, words = name_of(visit), visit.query.get("q", "")[:LONGEST]
    found = visit.app.ledger.member_search.page(name, words, visit.query.get("after", ""))
    fields = editable_fields(visit.app, name)
    return visit.page(
        "roll" if visit.is_partial else "members",
        heading=f"Members of “{name}”",
        name=name,
        words=words,
        found=found,
        fields=fields,
        shown=fields[:_COLUMNS],
        goes_on=bool(words and found.next and len(found.members) < PAGE),
    )


def _add(visit: DeskRequest) -> Response:
    name, address = name_of(visit), parse_address(visit.form.text("email"))
    try:
        add_member(visit.app, name, address, typed_fields(visit), by=by(visit))
    except NeedsConfirmationError as error:
        return confirmation_page(visit, name, error)
    visit.record("list.add", name, mask(address.display))
    return visit.redirect(f"{path_of(name)}/members", f"{address.display} is on the list.")


def typed_fields(visit: DeskRequest) -> dict[str, str]:
    """What was filled in of a list's fields."""
    names = (each for each in visit.form.fields if each.startswith(FIELD))
    return {each.removeprefix(FIELD): visit.form.text(each) for each in names}


ROUTES = (
    DeskRoute("GET", f"{ONE}/members", Role.ADMIN, _members),
    DeskRoute("POST", f"{ONE}/members", Role.ADMIN, _add),
)
