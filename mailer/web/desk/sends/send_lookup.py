"""What the pages of one send share: its path, its number, and the send itself."""

from starlette.exceptions import HTTPException

from mailer.errors import UsageError
from mailer.ledger.types.errors import UnknownSendError
from mailer.ledger.types.sends import Send, Summary
from mailer.web.desk.request import DeskRequest

HERE = "/desk/sends"
SEND = f"{HERE}/{{id:number}}"
_LARGEST_ID = 2**31 - 1


def path_of(send_id: int) -> str:
    """Returns the path of a send's live page."""
    return f"{HERE}/{send_id}"


def send_number(request: DeskRequest) -> int:
    """Returns the id in the path. Raises HTTPException 404 for a number that cannot be the id of a send."""
    number = int(request.path["id"])
    if number > _LARGEST_ID:
        raise HTTPException(404)
    return number


def find_send(request: DeskRequest) -> Summary:
    """Returns the send that the path names, with its counts. Raises HTTPException 404."""
    try:
        return request.app.ledger.sends.summary(send_number(request))
    except UnknownSendError:
        raise HTTPException(404) from None


def source_of(request: DeskRequest, send: Send) -> str:
    """Returns the name of the dispatch that was sent; "" if its file is gone."""
    try:
        return request.app.workspace.find_dispatch(send.slug).stem
    except UsageError:
        return ""


def seconds_left(request: DeskRequest, send: Send) -> int:
    """Returns for how many seconds a send can still be undone; 0 if it starts at any moment."""
    return max(0, round((send.scheduled_at or 0.0) - request.app.clock()))
