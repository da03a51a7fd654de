"""Uploads of CSV files for a list: an upload is kept for a day, its plan is shown, then it is applied or discarded.

An upload resubscribes nobody who opted out. `base` identifies the file that the plan was made for: if the file
changed meanwhile, nothing is done.
"""

from io import BytesIO
from typing import Annotated

from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.lists.sync import sync_plan_object
from mailer.service.lists.uploads import (
    ImportMode,
    Upload,
    apply_upload,
    discard_upload,
    find_upload,
    keep_upload,
    plan_upload,
)
from mailer.web.api.lists import SyncResult, outcome
from mailer.web.api.request import FILE, ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Schema, ShortText


class UploadQuery(Schema):
    way: Annotated[
        ImportMode,
        Field(
            description="`add`: the rows are added to the list, or change its members. `whole`: the file replaces the list."
        ),
    ] = ImportMode.ADD
    file_name: Annotated[ShortText, Field(description="A name for the upload.")] = "upload.csv"


class UploadFacts(Schema):
    """An upload, and what it would do now. `columns`: new columns; `erased`: rows of erased people, which are left out."""

    upload: str
    file_name: str
    way: ImportMode
    base: str
    rows: int
    columns: tuple[str, ...]
    erased: int
    plan: SyncResult


class ApplyRequest(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"base": "9c1185a5c5e9fc54612808977ee8f548b2258d31" + "0" * 24}]}
    )

    base: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="The `base` of the plan that you accept.")]
    allow_removals: Annotated[
        bool, Field(description="Continue even if more than a tenth of the members are removed.")
    ] = False


class DiscardedUpload(Schema):
    """The number of the discarded upload."""

    upload: str


def _create(request: ApiRequest) -> ApiResponse:
    """Upload a CSV file for a list, and get the plan of the import. Nothing is changed yet."""
    wanted, name = request.query(UploadQuery), request.path["list"]
    upload = keep_upload(
        request.app, name, BytesIO(request.raw), file_name=wanted.file_name, way=wanted.way, by=request.actor
    )
    request.record("list.upload", name, upload.file_name)
    return _upload_response(request, upload, request.url_path(f"/lists/{name}/uploads/{upload.id}"))


def _plan(request: ApiRequest) -> ApiResponse:
    """Get the plan of an upload: what it would do now."""
    return _upload_response(request, _find(request))


def _upload_response(request: ApiRequest, upload: Upload, location: str = "") -> ApiResponse:
    found = plan_upload(request.app, upload)
    facts = UploadFacts(
        upload=upload.id,
        file_name=upload.file_name,
        way=upload.mode,
        base=found.base,
        rows=found.rows,
        columns=found.columns,
        erased=found.erased,
        plan=SyncResult.of(sync_plan_object(found.plan, planned=True)),
    )
    return ApiResponse(content=facts, location=location)


def _apply(request: ApiRequest) -> ApiResponse:
    """Apply an upload. This is a sync, and can be undone.

    If more than a tenth of the members would be removed, the answer is 409 unless `allow_removals` is true.
    """
    wanted, upload = request.body(ApplyRequest), _find(request)
    removals = wanted.allow_removals
    done = apply_upload(request.app, upload, base=wanted.base, by=request.actor, allow_removals=removals)
    request.record("list.apply", upload.list, upload.file_name)
    return outcome(done, planned=False)


def _discard(request: ApiRequest) -> ApiResponse:
    """Discard an upload. The list is not changed."""
    upload = _find(request)
    discard_upload(request.app, upload)
    return ApiResponse(content=DiscardedUpload(upload=upload.id))


def _find(request: ApiRequest) -> Upload:
    found = find_upload(request.app, request.path["list"], request.path["upload"])
    if found is None:
        raise HTTPException(404)
    return found


_ONE = "/lists/{list}/uploads/{upload}"
ROUTES = (
    ApiRoute(
        "POST",
        "/lists/{list}/uploads",
        Scope.LISTS_WRITE,
        _create,
        UploadFacts,
        query=UploadQuery,
        takes="text/csv",
        status=201,
        largest=FILE,
    ),
    ApiRoute("GET", _ONE, Scope.LISTS_WRITE, _plan, UploadFacts),
    ApiRoute("POST", f"{_ONE}/apply", Scope.LISTS_WRITE, _apply, SyncResult, body=ApplyRequest),
    ApiRoute("DELETE", _ONE, Scope.LISTS_WRITE, _discard, DiscardedUpload),
)
