"""The list of sends."""

from starlette.responses import Response

from mailer.ledger.types.roles_and_scopes import Role
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.send_lookup import HERE

_PAGE_SIZE = 25


def _list(request: DeskRequest) -> Response:
    before = request.query.get("before", "")
    below = int(before) if before.isdecimal() and len(before) < 10 else None
    found = request.app.ledger.sends.all(limit=_PAGE_SIZE + 1, before=below)
    shown = found[:_PAGE_SIZE]
    older = shown[-1].send.id if len(found) > _PAGE_SIZE else None
    return request.page("sends", heading="Sends", sends=shown, older=older, newer=below is not None)


ROUTES = (DeskRoute("GET", HERE, Role.WRITER, _list),)
