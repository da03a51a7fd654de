"""The shelf of dispatches: the list, a new one, an old text taken in."""

from starlette.responses import Response

from mailer.ledger.types.accounts import Role
from mailer.service.dispatches.files import LARGEST
from mailer.service.dispatches.new import import_text, start
from mailer.service.dispatches.overview import list_dispatches
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/dispatches"
ONE = f"{HERE}/{{name}}"
_AT_ONCE = 50
_PASTED = 4 * LARGEST + 64 * 1024  # octets: a character may take four


def _list(visit: DeskRequest) -> Response:
    words, page = visit.query.get("q", ""), visit.query.get("page", "")
    found = list_dispatches(visit.app, words)
    first = _AT_ONCE * (int(page) - 1) if page.isdecimal() and int(page[:6]) > 0 else 0
    return visit.page(
        "dispatches",
        heading="Dispatches",
        words=words,
        found=found[first : first + _AT_ONCE],
        count=len(found),
        number=first // _AT_ONCE + 1,
        pages=-(-len(found) // _AT_ONCE),
    )


def _new(visit: DeskRequest) -> Response:
    path = start(visit.app, visit.form.text("title"))
    visit.record("dispatch.new", path.stem)
    return visit.redirect(f"{HERE}/{path.stem}")


def _paste(visit: DeskRequest) -> Response:
    return visit.page("paste", heading="Take in an old dispatch")


def _take_in(visit: DeskRequest) -> Response:
    taken = import_text(visit.app, visit.form.raw("text"))
    visit.record("dispatch.import", taken.name)
    if not taken.doubts:
        return visit.redirect(f"{HERE}/{taken.name}", "Taken in; nothing in it was uncertain.")
    lines = visit.form.raw("text").replace("\r\n", "\n").split("\n")
    return visit.page("taken", heading="Taken in", taken=taken, lines=lines)


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _list),
    DeskRoute("POST", HERE, Role.WRITER, _new),
    DeskRoute("GET", f"{HERE}:paste", Role.WRITER, _paste),
    DeskRoute("POST", f"{HERE}:paste", Role.WRITER, _take_in, largest=_PASTED),
)
