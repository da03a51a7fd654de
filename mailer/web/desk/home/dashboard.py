"""The dashboard: what waits for a person, the next and the last dispatch, the growth of the lists, drafts, the first steps.

Every user sees numbers of lists and sends; what waits for a person is for who can do it, and the first steps are for admins
until the first dispatch was sent to readers. The page is made of few queries along indexes (`ledger.dashboard`).
"""

from starlette.responses import Response

from mailer.app import App
from mailer.delivery.states import DeliveryState, SendState
from mailer.ledger.reports.dashboard import ListGrowth, SendOutcome
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.dispatch_list import DispatchStatus, list_dispatches
from mailer.service.setup_checklist import SetupStepState, setup_steps
from mailer.web.desk.accounts.signin import HOME
from mailer.web.desk.charts import Step, draw_trend
from mailer.web.desk.home.open_tasks import COMPLAINT_DAYS, open_tasks
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_DAY = 86_400.0
_CHART_DAYS = 365
_CHANGE_DAYS = 30
_MAX_DRAFTS = 4
_UNSENT = {DispatchStatus.DRAFT, DispatchStatus.CHECKED, DispatchStatus.APPROVED}


def _show(request: DeskRequest) -> Response:
    app, now = request.app, request.app.clock()
    figures = app.ledger.dashboard
    growth, sends, last = figures.growth(now - _CHART_DAYS * _DAY), figures.open_sends(), figures.last_ended()
    complaints = figures.complaints(now - COMPLAINT_DAYS * _DAY)
    dispatches = list_dispatches(app)
    lists = [_list_row(app, name, growth, now) for name in app.workspace.list_names()]
    steps: tuple[SetupStepState, ...] = ()
    if request.may(Role.ADMIN) and last is None:
        steps = setup_steps(app, has_readers=any(each["readers"] for each in lists))
    return request.page(
        "dashboard",
        heading="Overview",
        tasks=open_tasks(
            request,
            sends=sends,
            dispatches=dispatches,
            lists=growth,
            complaints=sum(complaints.values()),
            is_being_set_up=bool(steps),
        ),
        steps=steps,
        scheduled=[each for each in sends if each.state is SendState.SCHEDULED],
        under_way=[each for each in sends if each.state in {SendState.RUNNING, SendState.WAITING}],
        last=_last(last, complaints),
        lists=lists,
        days=_CHANGE_DAYS,
        drafts=sorted(
            (each for each in dispatches if each.status in _UNSENT), key=lambda each: each.changed_at, reverse=True
        )[:_MAX_DRAFTS],
    )


def _last(outcome: SendOutcome | None, complaints: dict[int | None, int]) -> dict[str, object] | None:
    """Returns the figures of the last send. When a send has ended, no delivery is open, so the rest was accepted."""
    if outcome is None:
        return None
    return {
        "send": outcome.send,
        "recipients": outcome.recipients,
        "accepted": outcome.recipients - sum(outcome.not_reached.values()),
        "failed": outcome.not_reached.get(DeliveryState.FAILED, 0),
        "complaints": complaints.get(outcome.send.id, 0),
    }


def _list_row(app: App, name: str, growth: tuple[ListGrowth, ...], now: float) -> dict[str, object]:
    """Returns a list with its readers as of its last sync, the change within _CHANGE_DAYS, and the chart of a year.

    A list that was last synced by a version that did not store this number is counted.
    """
    found = next((each for each in growth if each.list == name), None)
    if found is None:
        return {"name": name, "readers": None, "change": None, "chart": ""}
    if not found.steps:
        return {"name": name, "readers": app.ledger.member_search.count(name).get("", 0), "change": None, "chart": ""}
    steps = [Step(at, readers) for at, readers in found.steps]
    earlier = [each for each in steps if each.at <= now - _CHANGE_DAYS * _DAY]
    before = (earlier[-1:] or steps[:1])[0].readers
    readers = steps[-1].readers
    return {
        "name": name,
        "readers": readers,
        "change": readers - before if len(steps) > 1 else None,
        "chart": draw_trend(steps, until=now),
    }


ROUTES = (DeskRoute("GET", HOME, Role.WRITER, _show),)
