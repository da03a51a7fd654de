"""The overview of all lists, creating one, and the page of one list with its counts and its growth.

Counts are for every user of the desk. Addresses, and everything that changes a list, are for admins.
"""

from starlette.responses import Response

from mailer.app import App
from mailer.audience.list_settings import load_list_settings
from mailer.csv.list_errors import ListError
from mailer.csv.rows import UnclearColumn
from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.syncs import PendingChanges
from mailer.service.file_cache import cache_by_mtime
from mailer.service.lists.file_digests import file_digest
from mailer.service.lists.sync import sync_list
from mailer.service.lists.unclear_columns import column_meanings
from mailer.service.lists.undo import restorable_syncs
from mailer.web.desk.charts import Step, draw_growth
from mailer.web.desk.lists.list_path import HERE, ONE, name_of, path_of
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest, actor
from mailer.web.desk.route import DeskRoute

_HEADER_ROW = "email,first_name"
_MAX_SYNCS = 12
_UNREAD = "Not read yet."
_NOT_IN_FILE = "not in the list file yet."
_cached_digest = cache_by_mtime(maxsize=64)(file_digest)


def discard_to(app: App, name: str) -> int | None:
    """Returns the version whose file replaces the edited one if the edit is discarded; None if there was no edit."""
    found = restorable_syncs(app, name)
    return found.last if found.last in found.digests else None


def _index(request: DeskRequest) -> Response:
    return _index_page(request)


def _index_page(request: DeskRequest, problem: str = "") -> Response:
    """`problem`: why the posted form was refused; it keeps what was typed."""
    app = request.app
    lists = [
        {
            "name": name,
            "counts": app.ledger.member_search.count(name),
            "syncs": app.ledger.syncs.history(name)[:1],
            "pending": _pending(app, name),
        }
        for name in app.workspace.list_names()
    ]
    return request.page(
        "lists",
        status=422 if problem else 200,
        heading="Lists",
        lists=lists,
        problem=problem,
        typed=request.form.text("name"),
    )


def _new(request: DeskRequest) -> Response:
    name = request.form.text("name").removesuffix(".csv")
    try:
        request.app.workspace.new_list(name, _HEADER_ROW)
    except UsageError as error:
        return _index_page(request, " ".join(filter(None, describe_error(error))))
    sync_list(request.app, name, by=actor(request))
    request.record("list.new", name)
    return request.redirect(
        f"{path_of(name)}/upload", f"The list {name} is created. Import a file, or add readers one by one."
    )


def _show(request: DeskRequest) -> Response:
    app, name = request.app, name_of(request)
    counts, syncs = app.ledger.member_search.count(name), app.ledger.syncs.history(name)
    steps = [Step(each.at, each.counts["people"] + each.counts["appended"]) for each in reversed(syncs)]
    settings = load_list_settings(app.workspace.subscribers, name)
    pending = _pending(app, name)
    return request.page(
        "list",
        heading=name,
        settings=settings,
        name=name,
        counts=counts,
        reasons=app.ledger.leaving_reasons.count(name),
        syncs=syncs[:_MAX_SYNCS],
        pending=pending,
        unclear=_unclear_columns(app, name),
        is_unread=pending == _UNREAD,
        is_in_ledger=pending.endswith(_NOT_IN_FILE),
        discard_to=discard_to(app, name) if pending else None,
        chart=draw_growth(steps, until=app.clock(), zone=app.settings.timezone),
    )


def _pending(app: App, name: str) -> str:
    """Returns how file and ledger differ, in words; "" if they are in sync."""
    try:
        digest = _cached_digest(app.workspace.list_file(name))
    except ListError as error:
        return str(error)
    meanings = column_meanings(app, name)
    if app.ledger.syncs.is_current(name, digest, meanings):
        return ""
    state = app.ledger.syncs.state(name)
    if state is None:
        return _UNREAD
    if state.digest != digest:
        return "The file has changed."
    if state.meanings != meanings:
        return "The file must be read again."
    return _describe_pending(app.ledger.syncs.pending(name))


def _unclear_columns(app: App, name: str) -> tuple[UnclearColumn, ...]:
    """Returns the columns of which somebody must still say what they mean."""
    state = app.ledger.syncs.state(name)
    meanings = column_meanings(app, name)
    return tuple(each for each in state.unclear if each.name not in meanings) if state else ()


def _describe_pending(pending: PendingChanges) -> str:
    """Describes what is not in the file yet: `1 sign-up and 2 departures are not in the list file yet.`"""
    counts = (
        (pending.sign_ups, "sign-up", "s"),
        (pending.departures, "departure", "s"),
        (pending.returns, "return", "s"),
        (pending.statuses, "change of status, such as a bounce,", ""),
    )
    parts = [
        f"{count:,} {noun if count == 1 else noun.replace('change', 'changes')}{ending if count > 1 else ''}"
        for count, noun, ending in counts
        if count
    ]
    if not parts:
        return ""
    listed = " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
    is_one = sum(count for count, _, _ in counts) == 1
    return f"{listed} {'is' if is_one else 'are'} {_NOT_IN_FILE}"


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _index),
    DeskRoute("POST", HERE, Role.ADMIN, _new),
    DeskRoute("GET", ONE, Role.WRITER, _show),
)
