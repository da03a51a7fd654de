"""A send that has not started: undoing it, giving it another time, and starting it if the server was not running in time."""

from urllib.parse import urlencode

from starlette.responses import Response

from mailer.delivery.states import SendState
from mailer.ledger.types.errors import SendStateError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.sends.start import start_scheduled
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.send_form import SendForm
from mailer.web.desk.sends.send_lookup import SEND, find_send, path_of


def _undo(request: DeskRequest) -> Response:
    send = find_send(request).send
    try:
        request.app.ledger.sends.undo(send.id)
    except SendStateError:
        message = "It is too late to undo this: sending has started. You can still pause or cancel it."
        return request.redirect(path_of(send.id), message, bad=True)
    request.record("send.take-back", f"{send.id} {send.slug}")
    return request.redirect(path_of(send.id), f"{'Undone' if send.undoable else 'Cancelled'}. Nothing was sent.")


def _start(request: DeskRequest) -> Response:
    send = find_send(request).send
    if send.state is not SendState.OVERDUE:
        return request.redirect(path_of(send.id))
    try:
        start_scheduled(request.app, send, carried=True)
    except SendStateError:  # another request started it
        return request.redirect(path_of(send.id))
    request.record("send.start", f"{send.id} {send.slug}", "overdue")
    return request.redirect(path_of(send.id), "Started.")


def _reschedule(request: DeskRequest) -> Response:
    """Gives a scheduled send another time. A time that is not valid comes back in its field."""
    send = find_send(request).send
    zone = request.form.text("zone")
    form = SendForm(lists=(), when="later", at=request.form.text("at"), zone=zone)
    start = form.start_time(request.app)
    if start.at is None:
        typed = urlencode({"at": form.at, "zone": zone})
        return request.redirect(f"{path_of(send.id)}?{typed}", start.error, bad=True)
    try:
        request.app.ledger.sends.reschedule(send.id, start.at)
    except SendStateError:
        return request.redirect(path_of(send.id), "It is too late: sending has started, or was cancelled.", bad=True)
    request.record("send.reschedule", f"{send.id} {send.slug}", f"{form.at} {zone}")
    return request.redirect(path_of(send.id), "The send has a new time.")


ROUTES = (
    DeskRoute("POST", f"{SEND}/take-back", Role.EDITOR, _undo),
    DeskRoute("POST", f"{SEND}/start", Role.EDITOR, _start),
    DeskRoute("POST", f"{SEND}/time", Role.EDITOR, _reschedule),
)
