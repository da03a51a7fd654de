"""A list uploaded: the file kept aside, what it would do, and the word that it is to be done."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import UndecidedError, UsageError
from mailer.ledger.types_accounts import Role
from mailer.service.uploads import (
    LARGEST,
    ChangedListError,
    Upload,
    Way,
    apply_upload,
    find_upload,
    forget_upload,
    keep_upload,
    plan_upload,
)
from mailer.web.desk.lists import ONE, by, decide_first, held, meant, name_of, path_of, told
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.visit import Visit

_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def _form(visit: Visit) -> Response:
    name = name_of(visit)
    return visit.page("upload", heading=f"Upload to “{name}”", name=name, most=LARGEST // 1024**2)


def _keep(visit: Visit) -> Response:
    name, file = name_of(visit), visit.form.upload("file")
    if file is None:
        raise UsageError("No file was chosen.", "Choose a CSV file; a spreadsheet can save one.")
    way = Way.WHOLE if visit.form.text("way") == Way.WHOLE else Way.ADD
    try:
        kept = keep_upload(visit.newsroom, name, file.file, file_name=file.name, way=way, by=by(visit))
    except UndecidedError as error:
        return decide_first(visit, name, error)
    visit.record("list.upload", name, kept.file_name)
    return visit.go(f"{path_of(name)}/upload/{kept.id}")


def _plan(visit: Visit) -> Response:
    upload = _upload(visit)
    found = plan_upload(visit.newsroom, upload)
    encoding = _ENCODINGS.get(found.encoding, "UTF-16")
    return visit.page(
        "plan",
        heading=f"What this file would do to “{upload.list}”",
        name=upload.list,
        upload=upload,
        found=found,
        plan=found.plan,
        held=held(visit, found.plan),
        shape=f"{_DELIMITERS[found.delimiter]}, {encoding}",
        whole=upload.way is Way.WHOLE,
    )


def _apply(visit: Visit) -> Response:
    upload = _upload(visit)
    here = path_of(upload.list)
    with_removals = visit.form.has("allow_removals")
    try:
        plan = apply_upload(
            visit.newsroom, upload, base=visit.form.text("base"), by=by(visit), allow_removals=with_removals
        )
    except ChangedListError as error:
        return visit.go(f"{here}/upload/{upload.id}", str(error), bad=True)
    except UndecidedError as error:
        raise meant(error, with_removals=with_removals) from None
    visit.record("list.apply", upload.list, f"{upload.file_name}: {told(plan)}")
    return visit.go(f"{here}/history", told(plan))


def _leave(visit: Visit) -> Response:
    upload = _upload(visit)
    forget_upload(visit.newsroom, upload)
    return visit.go(path_of(upload.list), "The file was left; nothing was changed.")


def _upload(visit: Visit) -> Upload:
    found = find_upload(visit.newsroom, name_of(visit), visit.path["id"])
    if found is None:
        raise HTTPException(404)
    return found


ROUTES = (
    DeskRoute("GET", f"{ONE}/upload", Role.ADMIN, _form),
    DeskRoute("POST", f"{ONE}/upload", Role.ADMIN, _keep, largest=LARGEST + 64 * 1024),
    DeskRoute("GET", f"{ONE}/upload/{{id}}", Role.ADMIN, _plan),
    DeskRoute("POST", f"{ONE}/upload/{{id}}", Role.ADMIN, _apply),
    DeskRoute("POST", f"{ONE}/upload/{{id}}/leave", Role.ADMIN, _leave),
)
