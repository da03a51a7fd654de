"""Undoing a send that has not started, and starting one that is overdue because the server was not running."""

from starlette.responses import Response

from mailer.delivery.states import SendState
from mailer.ledger.types.errors import SendStateError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.sends.start import start_scheduled
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
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


ROUTES = (
    DeskRoute("POST", f"{SEND}/take-back", Role.EDITOR, _undo),
    DeskRoute("POST", f"{SEND}/start", Role.EDITOR, _start),
)
