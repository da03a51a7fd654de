"""The live page of a send: its progress, and pausing, resuming, cancelling and resolving it.

The page consists of fragments, templates/desk/live/. It is complete when it is loaded; its script subscribes to events and
replaces each fragment that has changed. Only users who may send see addresses of recipients.
"""

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mailer.delivery.states import SendState
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.errors import SendStateError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.sends import control
from mailer.service.sends.eta import format_time
from mailer.service.sends.monitor import SendSnapshot
from mailer.web.desk import charts
from mailer.web.desk.plain_language import plain_text
from mailer.web.desk.render import DeskRenderer
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.delivery_charts import _S, domain_bar, legend, plots, summary_bar
from mailer.web.desk.sends.live_broadcast import Fragments
from mailer.web.desk.sends.send_form import local_time, send_zones
from mailer.web.desk.sends.send_lookup import SEND, path_of, seconds_left, send_number, source_of

FRAGMENTS: Mapping[str, tuple[str, ...]] = {
    "state": ("summary", "is_owned"),
    "actions": ("summary", "is_owned"),
    "counts": ("summary",),
    "progress": ("summary", "is_owned", "rate", "left", "delays"),
    "plot": ("pulse", "delays"),
    "rates": ("pulse",),
    "domains": ("domains", "summary"),
    "relays": ("relays",),
    "machines": ("shared", "summary"),
    "uncertain": ("uncertain", "summary"),
    "failed": ("failed", "suppressed", "summary"),
}
"""The fragments of the page by the id of their element, each with the attributes of SendSnapshot that it shows."""
_REFRESH_WITHIN = 3600  # seconds before a start
_ACTIVE = frozenset({SendState.RUNNING, SendState.WAITING})
_NOT_STARTED = frozenset({SendState.SCHEDULED, SendState.OVERDUE})


def render_fragments(
    pages: DeskRenderer,
    zone: ZoneInfo,
    snapshot: SendSnapshot,
    *,
    may_send: bool,
    before: tuple[SendSnapshot, Fragments] | None = None,
) -> Fragments:
    """Returns the HTML of each fragment; those that show the same as in the snapshot `before` are taken from there.

    The box of a send that has not started is rendered with the page only, since it has forms. Afterwards it is emptied.
    """
    previous, earlier = before or (None, {})
    changed = [
        name
        for name, attributes in FRAGMENTS.items()
        if previous is None or any(getattr(snapshot, each) != getattr(previous, each) for each in attributes)
    ]
    context = {
        "snapshot": snapshot,
        "send": snapshot.send,
        "legend": legend(snapshot.summary),
        "may_send": may_send,
        "base": f"{pages.root}{path_of(snapshot.send.id)}",
        "summary_bar": summary_bar(snapshot.summary),
        "plots": plots(snapshot.pulse, zone, _marks(snapshot)) if "plot" in changed else (),
        "domains": [(each, domain_bar(each.counts, each.total)) for each in snapshot.domains],
        "clock": lambda at: format_time(at, snapshot.at, zone),
        "amount": charts.amount,
        "is_active": snapshot.send.state in _ACTIVE,
    }
    rendered = {**earlier, **{name: pages.fragment(f"live/{name}", context) for name in changed}}
    return rendered if snapshot.send.state in _NOT_STARTED else {**rendered, "before": ""}


def _marks(snapshot: SendSnapshot) -> tuple[charts.Mark, ...]:
    """Returns a mark at the time when the domain that delays most recipients began to."""
    if not snapshot.delays or snapshot.pulse is None:
        return ()
    first = snapshot.delays[0]
    return (charts.Mark(first.since, f"{first.code or 'no answer'} from {first.domain or 'an erased address'}"),)


def _show(request: DeskRequest) -> Response:
    snapshot = request.broadcaster.snapshot(send_number(request))
    send = snapshot.send
    left = seconds_left(request, send) if send.state in _NOT_STARTED else None
    page = request.page(
        "live",
        heading=send.title,
        send=send,
        source=source_of(request, send),
        fragments=render_fragments(
            request.pages, request.app.settings.timezone, snapshot, may_send=request.may(Role.EDITOR)
        ),
        at=snapshot.at,
        left=left,
        zones=send_zones(request.app),
        typed_time=request.query.get("at") or local_time(request.app, send.scheduled_at),
        typed_zone=request.query.get("zone", ""),
        has_recipients=snapshot.summary.frozen > 0,
    )
    if send.state is SendState.SCHEDULED and left is not None and left < _REFRESH_WITHIN:
        page.headers["Refresh"] = f"{left + 1}"  # so that the page shows the start without a script, too
    return page


async def _events(request: DeskRequest) -> Response:
    send_id = send_number(request)
    await run_in_threadpool(request.app.ledger.sends.get, send_id)  # 404 before a stream begins
    return request.stream(request.broadcaster.subscribe(send_id, may_send=request.may(Role.EDITOR)))


def _pause(request: DeskRequest) -> Response:
    send_id, by = send_number(request), f"by {request.user.name}"
    return _perform(request, "send.pause", lambda: control.pause_send(request.app, send_id, by=by))


def _resume(request: DeskRequest) -> Response:
    send_id = send_number(request)
    return _perform(request, "send.resume", lambda: control.queue_for_server(request.app, send_id))


def _cancel(request: DeskRequest) -> Response:
    """Cancels a send, after a page that asks to confirm it: it cannot be undone."""
    send_id = send_number(request)
    if not request.form.has("sure"):
        summary = request.app.ledger.sends.summary(send_id)
        return request.page("cancel", heading="Cancel this send?", summary=summary, send=summary.send)
    return _perform(request, "send.cancel", lambda: request.app.ledger.sends.cancel(send_id), message="Cancelled.")


def _resolve(request: DeskRequest) -> Response:
    """Resolves uncertain deliveries. The field `again` or `sent` is the id of a delivery, or `all`."""
    send_id, ledger = send_number(request), request.app.ledger
    resend = request.form.has("again")
    which = request.form.text("again" if resend else "sent")
    identities = None
    if which != "all":
        found = ledger.report.delivery(int(which)) if which.isdecimal() and len(which) < 19 else None
        if found is None or found.send_id != send_id or found.state is not _S.UNCERTAIN:
            message = "Nothing was changed: this delivery has been decided already."
            return request.redirect(path_of(send_id), message, bad=True)
        identities = [found.identity]
    return _perform(
        request,
        "send.resolve-resend" if resend else "send.resolve-sent",
        lambda: control.resolve_uncertain(request.app, send_id, resend=resend, identities=identities),
        message="It will be sent again." if resend else "Counted as sent.",
        detail="all uncertain ones" if identities is None else f"delivery {which}",
    )


def _perform(
    request: DeskRequest, action: str, work: Callable[[], object], *, message: str = "", detail: str = ""
) -> Response:
    """Calls `work`, records `action` in the audit log, and redirects to the live page with `message`.

    If the state of the send does not allow the action any more, nothing is recorded and the page says so.
    """
    send_id = send_number(request)
    try:
        work()
    except (SendStateError, NeedsConfirmationError) as error:
        return request.redirect(path_of(send_id), plain_text(error.message), bad=True)
    request.record(action, str(send_id), detail)
    return request.redirect(path_of(send_id), message)


ROUTES = (
    DeskRoute("GET", SEND, Role.WRITER, _show),
    DeskRoute("GET", f"{SEND}/events", Role.WRITER, _events),
    DeskRoute("POST", f"{SEND}/pause", Role.EDITOR, _pause),
    DeskRoute("POST", f"{SEND}/resume", Role.EDITOR, _resume),
    DeskRoute("POST", f"{SEND}/cancel", Role.EDITOR, _cancel),
    DeskRoute("POST", f"{SEND}/resolve", Role.EDITOR, _resolve),
)
