"""The shelf of dispatches: the list, a new one, an old text taken in."""

from starlette.responses import Response

from mailer.ledger.types.accounts import Role
from mailer.service.dispatches.create import create_dispatch, import_text
from mailer.service.dispatches.files import LARGEST
from mailer.service.dispatches.status import list_dispatches
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/dispatches"
ONE = f"{HERE}/{{name}}"
_AT_ONCE = 50
_PASTED = 4 * LARGEST + 64 * 1024  # octets: a character may take four


def _list(request: DeskRequest) -> Response:
    words, page = request.query.get("q", ""), request.query.get("page", "")
    found = list_dispatches(request.app, words)
    first = _AT_ONCE * (int(page) - 1) if page.isdecimal() and int(page[:6]) > 0 else 0
    return request.page(
        "dispatches",
        heading="Dispatches",
        words=words,
        found=found[first : first + _AT_ONCE],
        count=len(found),
        number=first // _AT_ONCE + 1,
        pages=-(-len(found) // _AT_ONCE),
    )


def _new(request: DeskRequest) -> Response:
    path = create_dispatch(request.app, request.form.text("title"))
    request.record("dispatch.new", path.stem)
    return request.redirect(f"{HERE}/{path.stem}")


def _paste(request: DeskRequest) -> Response:
    return request.page("paste", heading="Take in an old dispatch")


def _take_in(request: DeskRequest) -> Response:
    taken = import_text(request.app, request.form.raw("text"))
    request.record("dispatch.import", taken.name)
    if not taken.doubts:
        return request.redirect(f"{HERE}/{taken.name}", "Taken in; nothing in it was uncertain.")
    lines = request.form.raw("text").replace("\r\n", "\n").split("\n")
    return request.page("taken", heading="Taken in", taken=taken, lines=lines)


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _list),
    DeskRoute("POST", HERE, Role.WRITER, _new),
    DeskRoute("GET", f"{HERE}:paste", Role.WRITER, _paste),
    DeskRoute("POST", f"{HERE}:paste", Role.WRITER, _take_in, largest=_PASTED),
)
