"""Searches of the desk: a form is posted, and its fields are sealed in the URL of the page that shows what was found.

A form posts to /desk/search and names that page in its field `page`.
"""

import re

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sealed_query import seal_pairs

_PAGE = re.compile(r"/desk/[\w%.~:/-]+", re.ASCII)
_LONGEST = 4000  # characters of a query


def _search(request: DeskRequest) -> Response:
    """Redirects to the page that the form names; for one of our scripts, returns the query alone."""
    page, fields = request.form.text("page"), request.form.fields
    if not _PAGE.fullmatch(page):
        raise HTTPException(404)
    pairs = [(name, value) for name, values in fields.items() if name not in {"page", "csrf_token"} for value in values]
    query = seal_pairs(request.app.keys, pairs)
    if len(query) > _LONGEST:
        raise UsageError("This search is too long.", "Use fewer words.")
    return request.json({"query": query}) if request.wants_json else request.redirect(f"{page}?{query}")


ROUTES = (DeskRoute("POST", "/desk/search", Role.WRITER, _search),)
