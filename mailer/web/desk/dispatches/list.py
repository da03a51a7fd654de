"""The list of dispatches, creating a new one, and importing the plain text of an old one."""

from starlette.responses import Response

from mailer.ledger.types.accounts import Role
from mailer.service.dispatches.create import create_dispatch, import_text
from mailer.service.dispatches.files import LARGEST
from mailer.service.dispatches.status import list_dispatches
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/dispatches"
ONE = f"{HERE}/{{name}}"
_PAGE_SIZE = 50
_LARGEST_IMPORT = 4 * LARGEST + 64 * 1024  # octets: a character may take four


def _list(request: DeskRequest) -> Response:
    words, page = request.query.get("q", ""), request.query.get("page", "")
    found = list_dispatches(request.app, words)
    first = _PAGE_SIZE * (int(page) - 1) if page.isdecimal() and int(page[:6]) > 0 else 0
    return request.page(
        "dispatches",
        heading="Dispatches",
        words=words,
        found=found[first : first + _PAGE_SIZE],
        count=len(found),
        number=first // _PAGE_SIZE + 1,
        pages=-(-len(found) // _PAGE_SIZE),
    )


def _new(request: DeskRequest) -> Response:
    path = create_dispatch(request.app, request.form.text("title"))
    request.record("dispatch.new", path.stem)
    return request.redirect(f"{HERE}/{path.stem}")


def _import_form(request: DeskRequest) -> Response:
    return request.page("import", heading="Import a past issue")


def _import(request: DeskRequest) -> Response:
    imported = import_text(request.app, request.form.raw("text"))
    request.record("dispatch.import", imported.name)
    if not imported.doubts:
        return request.redirect(f"{HERE}/{imported.name}", "Imported. Everything was recognised.")
    lines = request.form.raw("text").replace("\r\n", "\n").split("\n")
    return request.page("imported", heading="Imported", imported=imported, lines=lines)


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _list),
    DeskRoute("POST", HERE, Role.WRITER, _new),
    DeskRoute("GET", f"{HERE}:paste", Role.WRITER, _import_form),
    DeskRoute("POST", f"{HERE}:paste", Role.WRITER, _import, largest=_LARGEST_IMPORT),
)
