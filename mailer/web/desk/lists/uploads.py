"""Importing an uploaded CSV file into a list: the upload is kept, its plan is shown, then it is applied or discarded.

The imports of a list stay on a page of their own, with their numbers and their rejected rows.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.lists.uploads import (
    LARGEST,
    ChangedListError,
    ImportMode,
    UnappliedChangesError,
    Upload,
    apply_upload,
    discard_upload,
    find_upload,
    keep_upload,
    list_imports,
    list_uploads,
    plan_upload,
    rejected_rows_file,
    write_rejected_rows,
)
from mailer.web.desk.lists.list_path import ONE, name_of, path_of
from mailer.web.desk.lists.sync_plan_display import import_counts, plan_summary, suppressions_of, with_desk_step
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest, actor
from mailer.web.desk.route import DeskRoute
from mailer.web.responses import respond

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def _form(request: DeskRequest) -> Response:
    return _form_page(request, ImportMode.ADD)


def _form_page(request: DeskRequest, way: ImportMode, error: UsageError | None = None) -> Response:
    """`error`: why the posted form was refused; it keeps the chosen `way`, since no page can fill in a file again."""
    name = name_of(request)
    return request.page(
        "upload",
        status=422 if error else 200,
        heading=f"Import into “{name}”",
        name=name,
        most=LARGEST // 1024**2,
        replaces=way is ImportMode.WHOLE,
        problem=" ".join(filter(None, describe_error(error))) if error else "",
    )


def _upload_file(request: DeskRequest) -> Response:
    name, file = name_of(request), request.form.upload("file")
    way = ImportMode.WHOLE if request.form.text("way") == ImportMode.WHOLE else ImportMode.ADD
    if file is None:
        return _form_page(
            request, way, UsageError("No file was chosen.", "Choose a CSV file. Spreadsheets can save one.")
        )
    try:
        upload = keep_upload(request.app, name, file.file, file_name=file.name, way=way, by=actor(request))
    except UnappliedChangesError as error:
        return request.redirect(f"{path_of(name)}/sync", f"{error.message} Review them here first.", bad=True)
    except UsageError as error:
        return _form_page(request, way, error)
    request.record("list.upload", name, upload.file_name)
    return request.redirect(f"{path_of(name)}/upload/{upload.id}")


def _plan(request: DeskRequest) -> Response:
    upload = _upload(request)
    try:
        plan = plan_upload(request.app, upload)
    except UnappliedChangesError as error:
        return request.redirect(f"{path_of(upload.list)}/sync", f"{error.message} Review them here first.", bad=True)
    return request.page(
        "upload-plan",
        heading=f"Review import into “{upload.list}”",
        name=upload.list,
        upload=upload,
        upload_plan=plan,
        plan=plan.plan,
        counts=import_counts(plan.counts),
        suppressions=suppressions_of(request, plan.plan),
        shape=f"{_DELIMITERS[plan.delimiter]}, {plan.encoding}",
        replaces=upload.mode is ImportMode.WHOLE,
    )


def _apply(request: DeskRequest) -> Response:
    upload = _upload(request)
    here = path_of(upload.list)
    with_removals = request.form.has("allow_removals")
    try:
        plan = apply_upload(
            request.app, upload, base=request.form.text("base"), by=actor(request), allow_removals=with_removals
        )
    except ChangedListError as error:
        return request.redirect(f"{here}/upload/{upload.id}", str(error), bad=True)
    except NeedsConfirmationError as error:
        raise with_desk_step(error, with_removals=with_removals) from None
    request.record("list.apply", upload.list, f"{upload.file_name}: {plan_summary(plan)}")
    return request.redirect(f"{here}/imports", f"Imported: {plan_summary(plan)} You can undo it under “History”.")


def _discard(request: DeskRequest) -> Response:
    upload = _upload(request)
    discard_upload(request.app, upload)
    return request.redirect(path_of(upload.list), "Import cancelled. Nothing was changed.")


def _imports(request: DeskRequest) -> Response:
    """Shows the uploads that wait for a decision, and the imports that were made, with their numbers."""
    name = name_of(request)
    imports = [
        {
            "record": each,
            "counts": import_counts(each.counts),
            "is_kept": rejected_rows_file(request.app, name, each.id),
        }
        for each in list_imports(request.app, name)
    ]
    waiting = list_uploads(request.app, name)
    return request.page("imports", heading=f"Imports into “{name}”", name=name, imports=imports, waiting=waiting)


def _rejected_now(request: DeskRequest) -> Response:
    """Downloads the rejected rows of an upload that waits."""
    upload = _upload(request)
    with TemporaryDirectory() as folder:
        target = Path(folder) / "rejected.csv"
        write_rejected_rows(request.app, upload, target)
        if not target.is_file():
            raise HTTPException(404)
        return _download(target, upload.list)


def _rejected(request: DeskRequest) -> Response:
    """Downloads the rejected rows of an import."""
    name = name_of(request)
    file = rejected_rows_file(request.app, name, request.path["id"])
    if file is None:
        raise HTTPException(404)
    return _download(file, name)


def _download(file: Path, name: str) -> Response:
    headers = {**HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}-rejected.csv"}
    return respond(file.read_bytes(), "text/csv; charset=utf-8", headers=headers)


def _upload(request: DeskRequest) -> Upload:
    found = find_upload(request.app, name_of(request), request.path["id"])
    if found is None:
        raise HTTPException(404)
    return found


ROUTES = (
    DeskRoute("GET", f"{ONE}/upload", Role.ADMIN, _form),
    DeskRoute("POST", f"{ONE}/upload", Role.ADMIN, _upload_file, largest=LARGEST + 64 * 1024),
    DeskRoute("GET", f"{ONE}/upload/{{id}}", Role.ADMIN, _plan),
    DeskRoute("POST", f"{ONE}/upload/{{id}}", Role.ADMIN, _apply),
    DeskRoute("POST", f"{ONE}/upload/{{id}}/leave", Role.ADMIN, _discard),
    DeskRoute("GET", f"{ONE}/upload/{{id}}/rejected", Role.ADMIN, _rejected_now),
    DeskRoute("GET", f"{ONE}/imports", Role.ADMIN, _imports),
    DeskRoute("GET", f"{ONE}/imports/{{id}}/rejected", Role.ADMIN, _rejected),
)
