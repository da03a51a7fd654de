"""Lists: which there are, one of them in numbers, going back in its history, its file and the ledger brought together.

Everybody at the desk sees the numbers. Addresses, and whatever changes a list, are for admins.
"""

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.audience.listfile import ListError
from mailer.audience.listsettings import load_list_settings
from mailer.errors import UndecidedError
from mailer.ledger.types_accounts import Role
from mailer.ledger.types_subscribers import SyncPlan
from mailer.service.list_digest import digest_of
from mailer.service.lists import can_go_back_to, plan_sync, sync_list, undo_list
from mailer.service.newsroom import Newsroom
from mailer.service.unchanged import unchanged
from mailer.web.desk.charts import Step, draw_growth
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.visit import Visit

HERE = "/desk/lists"
ONE = f"{HERE}/{{name}}"
_HEADER = "email,first_name,last_name"
_STEPS_SHOWN = 12
_SYNCS_SHOWN = 100
_seen_digest = unchanged(maxsize=64)(digest_of)


def name_of(visit: Visit) -> str:
    """The list that the path names. Raises HTTPException 404 for none of ours."""
    name = visit.path["name"]
    if name not in visit.newsroom.workspace.list_names():
        raise HTTPException(404)
    return name


def path_of(name: str) -> str:
    """The path of a list's page."""
    return f"{HERE}/{quote(name)}"


def decide_first(visit: Visit, name: str, error: UndecidedError) -> Response:
    """Many would leave by what somebody did to the file by hand: that comes before anything else is done to it."""
    if "--allow-removals" not in error.next_step:
        raise error
    return visit.go(f"{path_of(name)}/sync", f"First decide about the file as it is: {error.message}", bad=True)


def by(visit: Visit) -> str:
    """How histories name who did it."""
    return f"{visit.user.name}, at the desk"


def told(plan: SyncPlan) -> str:
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


def _all(visit: Visit) -> Response:
    newsroom = visit.newsroom
    lists = [
        {
            "name": name,
            "counts": newsroom.ledger.roll.count(name),
            "syncs": newsroom.ledger.syncs.history(name)[:1],
            "waits": _waits(newsroom, name),
        }
        for name in newsroom.workspace.list_names()
    ]
    return visit.page("lists", heading="Lists", lists=lists)


def _new(visit: Visit) -> Response:
    name = visit.form.text("name").removesuffix(".csv")
    visit.newsroom.workspace.new_list(name, _HEADER)
    sync_list(visit.newsroom, name, by=by(visit))
    visit.record("list.new", name)
    return visit.go(f"{path_of(name)}/upload", f"The list {name} is there. Upload its readers, or add them one by one.")


def _show(visit: Visit) -> Response:
    newsroom, name = visit.newsroom, name_of(visit)
    counts, syncs = newsroom.ledger.roll.count(name), newsroom.ledger.syncs.history(name)
    steps = [Step(each.at, each.counts["people"] + each.counts["appended"]) for each in reversed(syncs)]
    settings = load_list_settings(newsroom.workspace.subscribers, name)
    return visit.page(
        "list",
        heading=name,
        settings=settings,
        name=name,
        counts=counts,
        why=newsroom.ledger.wishes.count_reasons(name),
        syncs=syncs[:_STEPS_SHOWN],
        waits=_waits(newsroom, name),
        chart=draw_growth(steps, until=newsroom.clock(), zone=newsroom.settings.timezone),
    )


def _waits(newsroom: Newsroom, name: str) -> str:
    """Why the ledger is not as the file says; "" where it is."""
    try:
        digest = _seen_digest(newsroom.workspace.list_file(name))
    except ListError as error:
        return str(error)
    if newsroom.ledger.syncs.is_current(name, digest):
        return ""
    state = newsroom.ledger.syncs.state(name)
    if state is None:
        return "It is counted with the first send, or when an admin has it read."
    return "The file was changed." if state.digest != digest else "Who left or joined since is not in the file yet."


def _plan(visit: Visit) -> Response:
    name = name_of(visit)
    plan = plan_sync(visit.newsroom, name)
    return visit.page(
        "sync", heading=f"What the file has to say to “{name}”", name=name, plan=plan, held=held(visit, plan)
    )


def held(visit: Visit, plan: SyncPlan) -> dict[str, object]:
    """What stands against mailing those who are blocked, by their address."""
    found = {each.identity: visit.newsroom.ledger.suppressions.get(each.identity) for each in plan.first_blocked}
    return {identity: suppression for identity, suppression in found.items() if suppression}


def _sync(visit: Visit) -> Response:
    name = name_of(visit)
    with_removals = visit.form.has("allow_removals")
    try:
        plan = sync_list(visit.newsroom, name, by=by(visit), allow_removals=with_removals)
    except UndecidedError as error:
        raise meant(error, with_removals=with_removals) from None
    visit.record("list.sync", name, told(plan))
    return visit.go(path_of(name), told(plan))


def meant(error: UndecidedError, *, with_removals: bool) -> UndecidedError:
    """Many would leave: the same with the step that there is at the desk."""
    if with_removals or "--allow-removals" not in error.next_step:
        return error
    return UndecidedError(
        error.message, "If that is meant, tick the box beneath the numbers, and press the button again."
    )


def _history(visit: Visit) -> Response:
    name = name_of(visit)
    syncs = visit.newsroom.ledger.syncs.history(name)[:_SYNCS_SHOWN]
    choices = can_go_back_to(visit.newsroom, name)
    return visit.page("listhistory", heading=f"History of “{name}”", name=name, syncs=syncs, choices=choices)


def _undo(visit: Visit) -> Response:
    name, to = name_of(visit), visit.form.text("to")
    number = int(to) if to.isdecimal() and len(to) < 16 else 0
    plan = undo_list(visit.newsroom, name, to=number, by=by(visit))
    visit.record("list.undo", name, f"back to sync {number}")
    return visit.go(f"{path_of(name)}/history", f"{name} is as sync {number} left it. {told(plan)}")


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _all),
    DeskRoute("POST", HERE, Role.ADMIN, _new),
    DeskRoute("GET", ONE, Role.WRITER, _show),
    DeskRoute("GET", f"{ONE}/sync", Role.ADMIN, _plan),
    DeskRoute("POST", f"{ONE}/sync", Role.ADMIN, _sync),
    DeskRoute("GET", f"{ONE}/history", Role.ADMIN, _history),
    DeskRoute("POST", f"{ONE}/history", Role.ADMIN, _undo),
)
