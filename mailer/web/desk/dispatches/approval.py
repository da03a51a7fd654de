"""Approving an edition of a dispatch, and withdrawing an approval, where a second person must approve before a send."""

from starlette.responses import Response

from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.approvals import approve_edition
from mailer.service.dispatches.check_and_compile import DispatchError
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute


def _approve(request: DeskRequest) -> Response:
    name, digest = request.path["name"], request.form.text("digest")
    send_page = f"{ONE.format(name=name)}/send"
    if request.form.has("no_longer"):
        request.app.ledger.approvals.withdraw(digest, request.user.name)
        request.record("dispatch.disapprove", name, digest[:16])
        return request.redirect(send_page, "Approval withdrawn.")
    try:
        approve_edition(request.app, name, digest, by=request.user.name)
    except DispatchError:
        raise UsageError("The dispatch has errors; nothing was approved.", "Fix them first.") from None
    request.record("dispatch.approve", name, digest[:16])
    return request.redirect(send_page, "Approved. Any change to the dispatch cancels the approval.")


ROUTES = (DeskRoute("POST", f"{ONE}/approve", Role.EDITOR, _approve),)
