"""Creating dispatches: a new one by its title, and a past issue by its plain text."""

from starlette.responses import Response

from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.create import create_dispatch, import_text
from mailer.service.dispatches.files import LARGEST
from mailer.service.shelf.copies import create_from_template
from mailer.web.desk.dispatches.list import HERE, shelf_page
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_LARGEST_IMPORT = 4 * LARGEST + 64 * 1024  # octets: a character may take four


def _new(request: DeskRequest) -> Response:
    title, template = request.form.text("title"), request.form.text("template")
    try:
        if template:
            name = create_from_template(request.app, template, title, by=request.user.name)
        else:
            name = create_dispatch(request.app, title, by=request.user.name).stem
    except UsageError as error:
        return shelf_page(request, title=title, problem=" ".join(filter(None, describe_error(error))))
    request.record("dispatch.new", name)
    return request.redirect(f"{HERE}/{name}")


def _import_form(request: DeskRequest) -> Response:
    return request.page("import", heading="Import a past issue", typed="", problem="")


def _import(request: DeskRequest) -> Response:
    typed = request.form.raw("text")
    try:
        imported = import_text(request.app, typed, by=request.user.name)
    except UsageError as error:
        problem = " ".join(filter(None, describe_error(error)))
        return request.page("import", status=422, heading="Import a past issue", typed=typed, problem=problem)
    request.record("dispatch.import", imported.name)
    if not imported.doubts:
        return request.redirect(f"{HERE}/{imported.name}", "Imported. Everything was recognised.")
    lines = typed.replace("\r\n", "\n").split("\n")
    return request.page("imported", heading="Imported", imported=imported, lines=lines)


ROUTES = (
    DeskRoute("POST", HERE, Role.WRITER, _new),
    DeskRoute("GET", f"{HERE}:paste", Role.WRITER, _import_form),
    DeskRoute("POST", f"{HERE}:paste", Role.WRITER, _import, largest=_LARGEST_IMPORT),
)
