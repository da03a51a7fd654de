"""What the shelf does with a dispatch as a whole: duplicate, rename, delete and restore it, and keep it as a template."""

from starlette.responses import Response

from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.shelf.bin import delete_dispatch, list_bin, restore_dispatch
from mailer.service.shelf.copies import duplicate_dispatch, remove_template, rename_dispatch, save_template
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_BIN = f"{HERE}:bin"


def _duplicate(request: DeskRequest) -> Response:
    name = request.path["name"]
    copy = duplicate_dispatch(request.app, name, by=request.user.name)
    request.record("dispatch.copy", copy, f"of {name}")
    return request.redirect(f"{HERE}/{copy}", "This is the copy, with the date of today.")


def _rename(request: DeskRequest) -> Response:
    name = request.path["name"]
    try:
        renamed = rename_dispatch(request.app, name, request.form.text("title"), by=request.user.name)
    except UsageError as error:
        return _refused(request, error)
    request.record("dispatch.rename", renamed, f"was {name}")
    return request.redirect(HERE, "Renamed.")


def _delete(request: DeskRequest) -> Response:
    name = request.path["name"]
    try:
        delete_dispatch(request.app, name)
    except UsageError as error:
        return _refused(request, error)
    request.record("dispatch.delete", name)
    return request.redirect(HERE, "Deleted. It stays in the bin for 30 days.")


def _keep_as_template(request: DeskRequest) -> Response:
    try:
        template = save_template(request.app, request.path["name"], request.form.text("template"))
    except UsageError as error:
        return _refused(request, error)
    request.record("dispatch.template", template, f"from {request.path['name']}")
    return request.redirect(HERE, f"Saved as the template “{template}”. New dispatches can start from it.")


def _remove_template(request: DeskRequest) -> Response:
    template = request.form.text("template")
    remove_template(request.app, template)
    request.record("dispatch.template-remove", template)
    return request.redirect(HERE, f"The template “{template}” is removed.")


def _refused(request: DeskRequest, error: UsageError) -> Response:
    return request.redirect(HERE, " ".join(filter(None, describe_error(error))), bad=True)


def _bin(request: DeskRequest) -> Response:
    return request.page("bin", heading="Bin", deleted=list_bin(request.app))


def _restore(request: DeskRequest) -> Response:
    try:
        name = restore_dispatch(request.app, request.form.text("id"))
    except UsageError as error:
        return request.redirect(_BIN, " ".join(filter(None, describe_error(error))), bad=True)
    request.record("dispatch.undelete", name)
    return request.redirect(HERE, "Restored.")


ROUTES = (
    DeskRoute("POST", f"{ONE}/duplicate", Role.WRITER, _duplicate),
    DeskRoute("POST", f"{ONE}/rename", Role.WRITER, _rename),
    DeskRoute("POST", f"{ONE}/delete", Role.WRITER, _delete),
    DeskRoute("POST", f"{ONE}/template", Role.WRITER, _keep_as_template),
    DeskRoute("POST", f"{HERE}:template/remove", Role.WRITER, _remove_template),
    DeskRoute("GET", _BIN, Role.WRITER, _bin),
    DeskRoute("POST", _BIN, Role.WRITER, _restore),
)
