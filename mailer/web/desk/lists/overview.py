"""Lists: which there are, one of them in numbers, going back in its history, its file and the ledger brought together.

Everybody at the desk sees the numbers. Addresses, and whatever changes a list, are for admins.
"""

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.app import App
from mailer.audience.list_settings import load_list_settings
from mailer.csv.reader import ListError
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.accounts import Role
from mailer.ledger.types.subscribers import SyncPlan
from mailer.service.file_cache import cache_by_mtime
from mailer.service.lists.file_digests import file_digest
from mailer.service.lists.sync import plan_sync, sync_list, undo_list, undoable_syncs
from mailer.web.desk.charts import Step, draw_growth
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/lists"
ONE = f"{HERE}/{{name}}"
_HEADER = "email,first_name,last_name"
_STEPS_SHOWN = 12
_SYNCS_SHOWN = 100
_seen_digest = cache_by_mtime(maxsize=64)(file_digest)


def name_of(request: DeskRequest) -> str:
    """The list that the path names. Raises HTTPException 404 for none of ours."""
    name = request.path["name"]
    if name not in request.app.workspace.list_names():
        raise HTTPException(404)
    return name


def path_of(name: str) -> str:
    """The path of a list's page."""
    return f"{HERE}/{quote(name)}"


def confirmation_page(request: DeskRequest, name: str, error: NeedsConfirmationError) -> Response:
    """Many would leave by what somebody did to the file by hand: that comes before anything else is done to it."""
    if "--allow-removals" not in error.next_step:
        raise error
    return request.redirect(f"{path_of(name)}/sync", f"First decide about the file as it is: {error.message}", bad=True)


def by(request: DeskRequest) -> str:
    """How histories name who did it."""
    return f"{request.user.name}, at the desk"


def plan_summary(plan: SyncPlan) -> str:
    """What a sync did, as a sentence for the next page."""
    counts = [
        (plan.joined, "joined"),
        (plan.changed, "changed"),
        (plan.moved, "got another status"),
        (plan.removed, "left"),
        (plan.blocked, "stayed out"),
        (plan.rejected, "could not be read"),
    ]
    words = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    encoding = " The file is UTF-8 now: its encoding could not hold a reader." if plan.encoding_changed else ""
    return f"Done: {words or 'no reader changed'}.{encoding}"


def _all(request: DeskRequest) -> Response:
    app = request.app
    lists = [
        {
            "name": name,
            "counts": app.ledger.member_search.count(name),
            "syncs": app.ledger.syncs.history(name)[:1],
            "waits": _waits(app, name),
        }
        for name in app.workspace.list_names()
    ]
    return request.page("lists", heading="Lists", lists=lists)


def _new(request: DeskRequest) -> Response:
    name = request.form.text("name").removesuffix(".csv")
    request.app.workspace.new_list(name, _HEADER)
    sync_list(request.app, name, by=by(request))
    request.record("list.new", name)
    return request.redirect(
        f"{path_of(name)}/upload", f"The list {name} is there. Upload its readers, or add them one by one."
    )


def _show(request: DeskRequest) -> Response:
    app, name = request.app, name_of(request)
    counts, syncs = app.ledger.member_search.count(name), app.ledger.syncs.history(name)
    steps = [Step(each.at, each.counts["people"] + each.counts["appended"]) for each in reversed(syncs)]
    settings = load_list_settings(app.workspace.subscribers, name)
    return request.page(
        "list",
        heading=name,
        settings=settings,
        name=name,
        counts=counts,
        why=app.ledger.preferences.count_reasons(name),
        syncs=syncs[:_STEPS_SHOWN],
        waits=_waits(app, name),
        chart=draw_growth(steps, until=app.clock(), zone=app.settings.timezone),
    )


def _waits(app: App, name: str) -> str:
    """Why the ledger is not as the file says; "" where it is."""
    try:
        digest = _seen_digest(app.workspace.list_file(name))
    except ListError as error:
        return str(error)
    if app.ledger.syncs.is_current(name, digest):
        return ""
    state = app.ledger.syncs.state(name)
    if state is None:
        return "It is counted with the first send, or when an admin has it read."
    return "The file was changed." if state.digest != digest else "Who left or joined since is not in the file yet."


def _plan(request: DeskRequest) -> Response:
    name = name_of(request)
    plan = plan_sync(request.app, name)
    return request.page(
        "sync", heading=f"What the file has to say to “{name}”", name=name, plan=plan, held=held(request, plan)
    )


def held(request: DeskRequest, plan: SyncPlan) -> dict[str, object]:
    """What stands against mailing those who are blocked, by their address."""
    found = {each.identity: request.app.ledger.suppressions.get(each.identity) for each in plan.first_blocked}
    return {identity: suppression for identity, suppression in found.items() if suppression}


def _sync(request: DeskRequest) -> Response:
    name = name_of(request)
    with_removals = request.form.has("allow_removals")
    try:
        plan = sync_list(request.app, name, by=by(request), allow_removals=with_removals)
    except NeedsConfirmationError as error:
        raise confirmed(error, with_removals=with_removals) from None
    request.record("list.sync", name, plan_summary(plan))
    return request.redirect(path_of(name), plan_summary(plan))


def confirmed(error: NeedsConfirmationError, *, with_removals: bool) -> NeedsConfirmationError:
    """Many would leave: the same with the step that there is at the desk."""
    if with_removals or "--allow-removals" not in error.next_step:
        return error
    return NeedsConfirmationError(
        error.message, "If that is meant, tick the box beneath the numbers, and press the button again."
    )


def _history(request: DeskRequest) -> Response:
    name = name_of(request)
    syncs = request.app.ledger.syncs.history(name)[:_SYNCS_SHOWN]
    choices = undoable_syncs(request.app, name)
    return request.page("listhistory", heading=f"History of “{name}”", name=name, syncs=syncs, choices=choices)


def _undo(request: DeskRequest) -> Response:
    name, to = name_of(request), request.form.text("to")
    number = int(to) if to.isdecimal() and len(to) < 16 else 0
    plan = undo_list(request.app, name, to=number, by=by(request))
    request.record("list.undo", name, f"back to sync {number}")
    return request.redirect(f"{path_of(name)}/history", f"{name} is as sync {number} left it. {plan_summary(plan)}")


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _all),
    DeskRoute("POST", HERE, Role.ADMIN, _new),
    DeskRoute("GET", ONE, Role.WRITER, _show),
    DeskRoute("GET", f"{ONE}/sync", Role.ADMIN, _plan),
    DeskRoute("POST", f"{ONE}/sync", Role.ADMIN, _sync),
    DeskRoute("GET", f"{ONE}/history", Role.ADMIN, _history),
    DeskRoute("POST", f"{ONE}/history", Role.ADMIN, _undo),
)
