"""A send while it goes: what there is to see of it, and what can be done.

The page is made of pieces, `templates/desk/live/`. It stands complete as it is loaded; its script asks for events and puts
in each piece that has changed. Names of readers are for those who may send.
"""

from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mailer.delivery.states import DeliveryState, SendState
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.accounts import Role
from mailer.ledger.types.errors import SendStateError
from mailer.ledger.types.sends import Summary
from mailer.service.sends import control
from mailer.service.sends.eta import format_time
from mailer.service.sends.monitor import SendSnapshot, Throughput
from mailer.web.desk import charts
from mailer.web.desk.render import DeskRenderer
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.broadcast import Pieces
from mailer.web.desk.sends.list import HERE, SEND, seconds_left, send_number, source_of
from mailer.web.sse import sse_response

PIECES: Mapping[str, tuple[str, ...]] = {
    "state": ("summary", "is_owned"),
    "actions": ("summary", "is_owned"),
    "proof": ("summary",),
    "course": ("summary", "is_owned", "rate", "left", "delays"),
    "plot": ("pulse", "delays"),
    "beats": ("pulse",),
    "domains": ("domains", "summary"),
    "relays": ("relays",),
    "uncertain": ("uncertain", "summary"),
    "failed": ("failed", "suppressed", "summary"),
}
"""The pieces of the page, and what of a look each is made of."""
_SOON = 3600  # seconds
WIDE, NARROW = 560, 330  # the widths that a plot is drawn at
_S = DeliveryState
_GOING = frozenset({SendState.RUNNING, SendState.WAITING})
_FOR_LATER = frozenset({SendState.SCHEDULED, SendState.OVERDUE})


def fragments(
    pages: DeskRenderer,
    zone: ZoneInfo,
    look: SendSnapshot,
    *,
    may_send: bool,
    before: tuple[SendSnapshot, Pieces] | None = None,
) -> Pieces:
    """The HTML of each piece; what is made of the same as `before` is taken from there.

    What stands before a start, on the page as it was loaded, has forms of its own, and only goes.
    """
    then, drawn = before or (None, {})
    stale = [
        name
        for name, parts in PIECES.items()
        if then is None or any(getattr(look, part) != getattr(then, part) for part in parts)
    ]
    context = {
        "look": look,
        "send": look.send,
        "sum": legend(look.summary),
        "may_send": may_send,
        "base": f"{pages.root}{HERE}/{look.send.id}",
        "proof_bar": summary_bar(look.summary),
        "plots": plots(look.pulse, zone, _marks(look)) if "plot" in stale else (),
        "domains": [(each, domain_bar(each.counts, each.total)) for each in look.domains],
        "clock": lambda at: format_time(at, look.at, zone),
        "amount": charts.amount,
        "is_going": look.send.state in _GOING,
    }
    made = {**drawn, **{name: pages.fragment(f"live/{name}", context) for name in stale}}
    return made if look.send.state in _FOR_LATER else {**made, "before": ""}


def legend(summary: Summary) -> tuple[charts.ChartPart, ...]:
    """The sum that always holds: what the frozen ones are, each with its colour."""
    parts = (
        ("accepted", summary.count(_S.ACCEPTED), "good"),
        ("waiting", summary.count(_S.PENDING, _S.CLAIMED, _S.SENDING), "quiet"),
        ("deferred", summary.count(_S.DEFERRED), "warn"),
        ("failed", summary.count(_S.FAILED), "bad"),
        ("skipped", summary.count(_S.SKIPPED), "faint"),
        ("uncertain", summary.count(_S.UNCERTAIN), "doubt"),
    )
    ended = summary.send.is_ended
    return tuple(charts.ChartPart(*each) for each in parts if not ended or each[1] or each[0] in {"accepted", "failed"})


def summary_bar(summary: Summary) -> Markup:
    """All frozen ones, those who wait as the empty rest."""
    order = ("accepted", "uncertain", "failed", "deferred", "skipped")
    parts = {part.name: part for part in legend(summary)}
    shown = [parts[name] for name in order if name in parts]
    words = ", ".join(f"{part.value:,} {part.name}" for part in shown) or "nobody yet"
    return charts.stack(shown, summary.frozen, words=f"Of {summary.frozen:,}: {words}")


def domain_bar(counts: Mapping[DeliveryState, int], total: int) -> Markup:
    tones = (
        (_S.ACCEPTED, "good"),
        (_S.UNCERTAIN, "doubt"),
        (_S.FAILED, "bad"),
        (_S.DEFERRED, "warn"),
        (_S.SKIPPED, "faint"),
    )
    return charts.stack([charts.ChartPart(state.value, counts.get(state, 0), tone) for state, tone in tones], total)


def plots(pulse: Throughput | None, zone: ZoneInfo, marks: Sequence[charts.Mark] = ()) -> tuple[Markup, ...]:
    """The same plot twice, for a desk and for a phone; none before anything was tried."""
    if pulse is None:
        return ()
    points = [charts.Point(at, rate) for at, rate in pulse.rates]
    words = (
        f"Messages a second, {len(points)} stretches of {pulse.width:.0f} seconds: "
        f"at most {charts.amount(max(point.value for point in points))}, {charts.amount(points[-1].value)} at the end"
    )
    return tuple(charts.plot(points, zone=zone, words=words, marks=marks, width=width) for width in (WIDE, NARROW))


def _marks(look: SendSnapshot) -> tuple[charts.Mark, ...]:
    """When the domain that keeps most of them waiting first did so."""
    if not look.delays or look.pulse is None:
        return ()
    first = look.delays[0]
    return (charts.Mark(first.since, f"{first.code or 'no answer'} from {first.domain or 'an erased one'}"),)


def _show(request: DeskRequest) -> Response:
    look = request.broadcaster.look(send_number(request))
    made = fragments(request.pages, request.app.settings.timezone, look, may_send=request.may(Role.EDITOR))
    left = seconds_left(request, look.send) if look.send.state in _FOR_LATER else None
    page = request.page(
        "live",
        heading=look.send.title,
        send=look.send,
        source=source_of(request, look.send),
        pieces=made,
        at=look.at,
        left=left,
        never_left=look.summary.frozen == 0,
    )
    if look.send.state is SendState.SCHEDULED and left is not None and left < _SOON:
        page.headers["Refresh"] = f"{left + 1}"  # without a script it shows by itself that it has begun
    return page


async def _events(request: DeskRequest) -> Response:
    send_id = send_number(request)
    await run_in_threadpool(request.app.ledger.sends.get, send_id)  # 404 before a stream begins
    return sse_response(request.request, request.broadcaster.subscribe(send_id, may_send=request.may(Role.EDITOR)))


def _pause(request: DeskRequest) -> Response:
    return _do(
        request,
        "send.pause",
        lambda: control.pause_send(request.app, send_number(request), by=f"by {request.user.name}"),
    )


def _resume(request: DeskRequest) -> Response:
    return _do(request, "send.resume", lambda: control.queue_for_server(request.app, send_number(request)))


def _cancel(request: DeskRequest) -> Response:
    """Asks first, for this cannot be taken back."""
    send_id = send_number(request)
    if not request.form.has("sure"):
        summary = request.app.ledger.sends.summary(send_id)
        return request.page("cancel", heading="Cancel this send?", summary=summary, send=summary.send)
    return _do(request, "send.cancel", lambda: request.app.ledger.sends.cancel(send_id), "Cancelled.")


def _resolve(request: DeskRequest) -> Response:
    """`again` or `sent` is the id of a delivery, or `all`."""
    send_id, ledger = send_number(request), request.app.ledger
    resend = request.form.has("again")
    which = request.form.text("again" if resend else "sent")
    identities = None
    if which != "all":
        found = ledger.report.delivery(int(which)) if which.isdecimal() and len(which) < 19 else None
        if found is None or found.send_id != send_id or found.state is not _S.UNCERTAIN:
            return request.redirect(
                _path(send_id), "Nothing was changed: this one is not uncertain any more.", bad=True
            )
        identities = [found.identity]
    said = "To be sent again." if resend else "Counted as sent."
    action = "send.resolve-resend" if resend else "send.resolve-sent"
    return _do(
        request,
        action,
        lambda: control.resolve_uncertain(request.app, send_id, resend=resend, identities=identities),
        said,
        "all uncertain ones" if identities is None else f"delivery {which}",
    )


def _do(request: DeskRequest, action: str, work: Callable[[], object], said: str = "", detail: str = "") -> Response:
    """Do it and write it down; what is not possible any more is said on the page of the send, which shows all else itself."""
    send_id = send_number(request)
    try:
        work()
    except (SendStateError, NeedsConfirmationError) as error:
        return request.redirect(_path(send_id), error.message, bad=True)
    request.record(action, str(send_id), detail)
    return request.redirect(_path(send_id), said)


def _path(send_id: int) -> str:
    return f"{HERE}/{send_id}"


ROUTES = (
    DeskRoute("GET", SEND, Role.WRITER, _show),
    DeskRoute("GET", f"{SEND}/events", Role.WRITER, _events),
    DeskRoute("POST", f"{SEND}/pause", Role.EDITOR, _pause),
    DeskRoute("POST", f"{SEND}/resume", Role.EDITOR, _resume),
    DeskRoute("POST", f"{SEND}/cancel", Role.EDITOR, _cancel),
    DeskRoute("POST", f"{SEND}/resolve", Role.EDITOR, _resolve),
)
