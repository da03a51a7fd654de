"""The activity log: what users did at the desk and at the command line. A page for admins."""

from starlette.responses import Response

from mailer.ledger.accounts.audit_log import PAGE
from mailer.ledger.types.roles_and_scopes import Role
from mailer.web.desk.accounts.activity_labels import describe_action
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute


def _show(request: DeskRequest) -> Response:
    actor, before = request.query.get("who", ""), request.query.get("before", "")
    log = request.app.ledger.audit
    entries = log.entries(actor=actor, before=int(before) if before.isdecimal() and len(before) < 16 else None)
    older = entries[-1].id if len(entries) == PAGE else None
    return request.page(
        "audit",
        heading="Activity log",
        entries=entries,
        actors=log.actors(),
        actor=actor,
        older=older,
        describe=describe_action,
    )


ROUTES = (DeskRoute("GET", "/desk/settings/audit", Role.ADMIN, _show),)
