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
from mailer.service.sends.plan import start_scheduled
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/sends"
SEND = f"{HERE}/{{id:int}}"
_AT_ONCE = 25
_LARGEST_ID = 2**31 - 1


def send_number(visit: DeskRequest) -> int:
    """The number in the path, if it can be that of a send. Raises HTTPException 404."""
    number = int(visit.path["id"])
    if number > _LARGEST_ID:
        raise HTTPException(404)
    return number


def find_send(visit: DeskRequest) -> Summary:
    """The send that the path names, with its counts. Raises HTTPException 404."""
    try:
        return visit.app.ledger.sends.summary(send_number(visit))
    except UnknownSendError:
        raise HTTPException(404) from None


def source_of(visit: DeskRequest, send: Send) -> str:
    """The name of the dispatch that was sent; "" when its file is gone."""
    try:
        return visit.app.workspace.find_dispatch(send.slug).stem
    except UsageError:
        return ""


def seconds_left(visit: DeskRequest, send: Send) -> int:
    """For how many seconds a send can still be taken back before it starts; 0: it starts at any moment."""
    return max(0, round((send.at or 0.0) - visit.app.clock()))


def _list(visit: DeskRequest) -> Response:
    before = visit.query.get("before", "")
    below = int(before) if before.isdecimal() and len(before) < 10 else None
    found = visit.app.ledger.sends.all(limit=_AT_ONCE + 1, before=below)
    shown = found[:_AT_ONCE]
    older = shown[-1].send.id if len(found) > _AT_ONCE else None
    return visit.page("sends", heading="Sends", sends=shown, older=older, newer=below is not None)


def _take_back(visit: DeskRequest) -> Response:
    send = find_send(visit).send
    try:
        visit.app.ledger.sends.undo(send.id)
    except SendStateError as error:
        return visit.redirect(f"{HERE}/{send.id}", f"{error.message} {error.next_step}", bad=True)
    visit.record("send.take-back", f"{send.id} {send.slug}")
    return visit.redirect(f"{HERE}/{send.id}", "Taken back. Nothing of it has left.")


def _start(visit: DeskRequest) -> Response:
    send = find_send(visit).send
    if send.state is not SendState.OVERDUE:
        return visit.redirect(f"{HERE}/{send.id}")
    try:
        start_scheduled(visit.app, send, carried=True)
    except SendStateError:  # somebody else was quicker
        return visit.redirect(f"{HERE}/{send.id}")
    visit.record("send.start", f"{send.id} {send.slug}", "overdue")
    return visit.redirect(f"{HERE}/{send.id}", "It starts now.")


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _list),
    DeskRoute("POST", f"{SEND}/take-back", Role.EDITOR, _take_back),
    DeskRoute("POST", f"{SEND}/start", Role.EDITOR, _start),
)
