"""The page of one send: where it stands, and what can be done before it starts. It loads itself anew while something goes on."""

from starlette.responses import Response

from mailer.delivery.state import SendState
from mailer.ledger.role import Role
from mailer.service.course import outlook
from mailer.service.result import proof_line
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends import SEND, find_send, seconds_left
from mailer.web.desk.visit import Visit

_AGAIN = 3  # seconds


def _show(visit: Visit) -> Response:
    summary = find_send(visit)
    send = summary.send
    left = seconds_left(visit, send)
    response = visit.page(
        "sending",
        heading=send.title,
        send=send,
        left=left,
        proof=proof_line(summary),
        outlook=outlook(visit.newsroom, summary),
    )
    if send.state is SendState.SCHEDULED and left < 3600:
        response.headers["Refresh"] = str(left + 1)
    elif send.state in {SendState.RUNNING, SendState.WAITING}:
        response.headers["Refresh"] = str(_AGAIN)
    return response


ROUTES = (DeskRoute("GET", SEND, Role.WRITER, _show),)
