"""The sends: all of them, and what can be done with one that has not started.

take-back   it never starts
start       one that is overdue, for nobody was there to start it, starts now
"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.delivery.states import SendState
from mailer.errors import UsageError
from mailer.ledger.types.accounts import Role
from mailer.ledger.types.errors import SendStateError, UnknownSendError
from mailer.ledger.types.sends import Send, Summary
from mailer.service.sends.start import start_scheduled
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/sends"
SEND = f"{HERE}/{{id:int}}"
_AT_ONCE = 25
_LARGEST_ID = 2**31 - 1


def send_number(request: DeskRequest) -> int:
    """The number in the path, if it can be that of a send. Raises HTTPException 404."""
    number = int(request.path["id"])
    if number > _LARGEST_ID:
        raise HTTPException(404)
    return number


def find_send(request: DeskRequest) -> Summary:
    """The send that the path names, with its counts. Raises HTTPException 404."""
    try:
        return request.app.ledger.sends.summary(send_number(request))
    except UnknownSendError:
        raise HTTPException(404) from None


def source_of(request: DeskRequest, send: Send) -> str:
    """The name of the dispatch that was sent; "" when its file is gone."""
    try:
        return request.app.workspace.find_dispatch(send.slug).stem
    except UsageError:
        return ""


def seconds_left(request: DeskRequest, send: Send) -> int:
    """For how many seconds a send can still be taken back before it starts; 0: it starts at any moment."""
    return max(0, round((send.at or 0.0) - request.app.clock()))


def _list(request: DeskRequest) -> Response:
    before = request.query.get("before", "")
    below = int(before) if before.isdecimal() and len(before) < 10 else None
    found = request.app.ledger.sends.all(limit=_AT_ONCE + 1, before=below)
    shown = found[:_AT_ONCE]
    older = shown[-1].send.id if len(found) > _AT_ONCE else None
    return request.page("sends", heading="Sends", sends=shown, older=older, newer=below is not None)


def _take_back(request: DeskRequest) -> Response:
    send = find_send(request).send
    try:
        request.app.ledger.sends.undo(send.id)
    except SendStateError as error:
        return request.redirect(f"{HERE}/{send.id}", f"{error.message} {error.next_step}", bad=True)
    request.record("send.take-back", f"{send.id} {send.slug}")
    return request.redirect(f"{HERE}/{send.id}", "Taken back. Nothing of it has left.")


def _start(request: DeskRequest) -> Response:
    send = find_send(request).send
    if send.state is not SendState.OVERDUE:
        return request.redirect(f"{HERE}/{send.id}")
    try:
        start_scheduled(request.app, send, carried=True)
    except SendStateError:  # somebody else was quicker
        return request.redirect(f"{HERE}/{send.id}")
    request.record("send.start", f"{send.id} {send.slug}", "overdue")
    return request.redirect(f"{HERE}/{send.id}", "It starts now.")


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _list),
    DeskRoute("POST", f"{SEND}/take-back", Role.EDITOR, _take_back),
    DeskRoute("POST", f"{SEND}/start", Role.EDITOR, _start),
)
