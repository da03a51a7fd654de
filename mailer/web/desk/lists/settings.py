"""What a list is to its readers, as subscribers/NAME.toml says; and the list as a file to take along."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from mailer.audience.list_settings import MAX_FIELDS, load_list_settings, write_list_settings
from mailer.ledger.types.accounts import Role
from mailer.service.lists.export import export_list
from mailer.service.lists.members import editable_fields
from mailer.web.desk.lists.overview import ONE, name_of, path_of
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_BLOCK = 1 << 18  # characters


def _settings(request: DeskRequest) -> Response:
    name = name_of(request)
    settings = load_list_settings(request.app.workspace.subscribers, name)
    fields = dict.fromkeys((*editable_fields(request.app, name), *settings.own_fields))
    return request.page(
        "listsettings",
        heading=f"Settings of “{name}”",
        name=name,
        settings=settings,
        fields=tuple(fields),
        most=MAX_FIELDS,
        dispatches=[path.stem for path in request.app.workspace.dispatch_files()][::-1],
    )


def _save(request: DeskRequest) -> Response:
    name, form = name_of(request), request.form
    values = {
        "title": form.text("title"),
        "description": form.text("description"),
        "public": form.has("public"),
        "own_fields": list(form.texts("own_fields")),
        "welcome": form.text("welcome"),
        "language": form.text("language"),
    }
    write_list_settings(request.app.workspace.subscribers, name, values)
    request.record("list.settings", name)
    return request.redirect(path_of(name), f"Saved in {name}.toml.")


def _export(request: DeskRequest) -> Response:
    """The members as they stand, as a download."""
    name, spool = name_of(request), TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed by `_told`
    try:
        count = export_list(request.app, name, spool, raw=request.form.has("raw"))
        request.record("list.export", name, f"{count} members")
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    headers = {**HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}-now.csv"}
    return StreamingResponse(_told(spool), media_type="text/csv; charset=utf-8", headers=headers)


def _told(spool: IO[str]) -> Iterator[str]:
    with spool:
        while block := spool.read(_BLOCK):
            yield block


ROUTES = (
    DeskRoute("GET", f"{ONE}/settings", Role.ADMIN, _settings),
    DeskRoute("POST", f"{ONE}/settings", Role.ADMIN, _save),
    DeskRoute("POST", f"{ONE}/export", Role.ADMIN, _export),
)
