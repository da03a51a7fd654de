"""Pages that sync a list: the pending changes of its file, applied or discarded; its history, and restoring a version."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.lists.sync import plan_sync, sync_list
from mailer.service.lists.undo import plan_undo, restorable_syncs, undo_list
from mailer.web.desk.lists.list_path import ONE, name_of, path_of
from mailer.web.desk.lists.overview import discard_to
from mailer.web.desk.lists.sync_plan_display import plan_summary, suppressions_of, with_desk_step
from mailer.web.desk.request import DeskRequest, actor
from mailer.web.desk.route import DeskRoute

_MAX_SYNCS = 100


def _plan(request: DeskRequest) -> Response:
    name = name_of(request)
    plan = plan_sync(request.app, name)
    return request.page(
        "sync",
        heading=f"Pending changes to “{name}”",
        name=name,
        plan=plan,
        suppressions=suppressions_of(request, plan),
        discard_to=discard_to(request.app, name),
    )


def _sync(request: DeskRequest) -> Response:
    name = name_of(request)
    with_removals = request.form.has("allow_removals")
    try:
        plan = sync_list(request.app, name, by=actor(request), allow_removals=with_removals)
    except NeedsConfirmationError as error:
        raise with_desk_step(error, with_removals=with_removals) from None
    request.record("list.sync", name, plan_summary(plan))
    return request.redirect(path_of(name), f"Changes applied: {plan_summary(plan)}")


def _history(request: DeskRequest) -> Response:
    name = name_of(request)
    return request.page(
        "list-history",
        heading=f"History of “{name}”",
        name=name,
        syncs=request.app.ledger.syncs.history(name)[:_MAX_SYNCS],
        found=restorable_syncs(request.app, name),
    )


def _plan_undo(request: DeskRequest) -> Response:
    """Shows what restoring a version would do."""
    name, to = name_of(request), _version(request.path["sync"])
    found = restorable_syncs(request.app, name)
    record = next((each for each in request.app.ledger.syncs.history(name) if each.sync == to), None)
    if record is None or to not in found.digests:
        raise HTTPException(404)
    plan = plan_undo(request.app, name, to=to)
    discards = to == found.last
    return request.page(
        "list-undo",
        heading=f"Discard the changes to {name}.csv?" if discards else f"Restore version {to} of “{name}”?",
        name=name,
        version=record,
        is_edited=found.is_edited,
        discards=discards,
        plan=plan,
        suppressions=suppressions_of(request, plan),
    )


def _undo(request: DeskRequest) -> Response:
    name, number = name_of(request), _version(request.form.text("to"))
    with_removals = request.form.has("allow_removals")
    try:
        plan = undo_list(request.app, name, to=number, by=actor(request), allow_removals=with_removals)
    except NeedsConfirmationError as error:
        raise with_desk_step(error, with_removals=with_removals) from None
    request.record("list.undo", name, f"version {number}")
    return request.redirect(f"{path_of(name)}/history", f"Version {number} of {name} is restored: {plan_summary(plan)}")


def _version(text: str) -> int:
    """Returns the number of a version; 0, which none has, for anything else."""
    return int(text) if text.isdecimal() and len(text) < 16 else 0


ROUTES = (
    DeskRoute("GET", f"{ONE}/sync", Role.ADMIN, _plan),
    DeskRoute("POST", f"{ONE}/sync", Role.ADMIN, _sync),
    DeskRoute("GET", f"{ONE}/history", Role.ADMIN, _history),
    DeskRoute("POST", f"{ONE}/history", Role.ADMIN, _undo),
    DeskRoute("GET", f"{ONE}/history/{{sync}}", Role.ADMIN, _plan_undo),
)
