"""Sending a dispatch: to whom and when, approval, and the last page before it.

    GET  …/send          choose; what it would come to stands beside it, counted anew with every change
    GET  …/send/count    that part alone, for htmx
    GET  …/send/last     what will happen, in words
    POST …/send          do it: ten seconds later, or at its time
    POST …/approve       find the edition good, or no longer

To look changes nothing. While somebody chooses, lists are counted as they were synced last, so that a recount holds up no
send that is under way; the last page counts them as their files are, without a sync. What is sent is the edition that the last
page showed, by its digest, and only when the number typed is that of the readers as they are then.
"""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from mailer.app import App
from mailer.dispatch.model import Dispatch
from mailer.errors import UsageError
from mailer.ledger.types.accounts import Role
from mailer.ledger.types.sends import AlreadySentError, Send
from mailer.lint.findings import RULEBOOK
from mailer.service.dispatches.approvals import approve_edition
from mailer.service.dispatches.compile import DispatchError, check_dispatch
from mailer.service.dispatches.files import dispatch_path
from mailer.service.sends.eta import format_days
from mailer.service.sends.plan import SendPlan
from mailer.service.sends.progress import warmup_schedule
from mailer.service.sends.start import SendOrder, start_send
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.form_tokens import new_token, ordered
from mailer.web.desk.render import Flash
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.form import TAKE_BACK, UTC, SendForm, day_ahead, read_send_form
from mailer.web.desk.sends.preview import SendPreview, blocker, is_ready, preview_send


def _choose(request: DeskRequest) -> Response:
    return _choosing(request, read_send_form(request, _first_lists(request)))


def _count(request: DeskRequest) -> Response:
    choice = read_send_form(request)
    return request.page("count", **_context(request, choice, preview_send(request, choice, rehearse=False)))


def _last(request: DeskRequest) -> Response:
    choice = read_send_form(request, _first_lists(request))
    outlook = preview_send(request, choice)
    if not is_ready(outlook) or _time_trouble(request, choice):
        return _choosing(request, choice, outlook, said=blocker(choice, outlook))
    return _last_page(request, choice, outlook, new_token())


def _send(request: DeskRequest) -> Response:
    """Make the send, once: a form that made one already leads there."""
    choice = read_send_form(request)
    order = ordered(request, take_back=not choice.is_later)
    if made := request.app.ledger.sends.by_form_token(order.token):
        return request.redirect(f"/desk/sends/{made.id}")
    if _time_trouble(request, choice):
        return _choosing(request, choice, status=422)
    outlook = preview_send(request, choice, record=True)
    if outlook.earlier and not outlook.earlier.is_ended:
        return _lead(request, outlook.earlier, order)
    if not is_ready(outlook) or outlook.plan is None:
        return _choosing(request, choice, outlook, status=422, said=blocker(choice, outlook))
    if wrong := _not_yet(request, outlook, outlook.plan):
        return _last_page(request, choice, outlook, order.token, wrong=wrong)
    try:
        send = start_send(request.app, outlook.plan, at=choice.time(request.app), ordered=order)
    except AlreadySentError as error:
        return _lead(request, error.send, order)
    readers = f"{outlook.plan.head.to_mail:,} of {', '.join(outlook.plan.lists)}"
    request.record("send.schedule" if choice.is_later else "send.start", f"{send.id} {send.slug}", readers)
    return request.redirect(f"/desk/sends/{send.id}")


def _lead(request: DeskRequest, send: Send, order: SendOrder) -> Response:
    """To the send that was made meanwhile: by the first press of a double click, or by somebody else."""
    mine = request.app.ledger.sends.by_form_token(order.token)
    return request.redirect(
        f"/desk/sends/{send.id}", "" if mine else "It is being sent already: this is the send.", bad=True
    )


def _approve(request: DeskRequest) -> Response:
    name, digest = request.path["name"], request.form.text("digest")
    if request.form.has("no_longer"):
        request.app.ledger.approvals.take_back(digest, request.user.name)
        request.record("dispatch.disapprove", name, digest[:16])
        return request.redirect(_path(request), "You approve it no longer.")
    try:
        approve_edition(request.app, name, digest, by=request.user.name)
    except DispatchError:
        raise UsageError("The dispatch has errors; nothing was approved.", "Have them mended first.") from None
    request.record("dispatch.approve", name, digest[:16])
    return request.redirect(_path(request), "Approved. A change of the letter voids it.")


def _path(request: DeskRequest) -> str:
    return f"{ONE.format(name=request.path['name'])}/send"


def _time_trouble(request: DeskRequest, choice: SendForm) -> str:
    """What is wrong with the time that was chosen; "" when nothing is."""
    if not choice.is_later:
        return ""
    try:
        choice.time(request.app)
    except UsageError as error:
        advice = " Give it in UTC." if "the clocks change" in error.message else " Choose another time."
        return error.message + advice
    return ""


def _not_yet(request: DeskRequest, outlook: SendPreview, plan: SendPlan) -> str:
    """Why the last page is shown once more; "" when all is said."""
    if request.form.text("digest") != plan.edition.digest:
        return "The letter was changed since you saw this page. Look at it as it is now."
    typed = "".join(each for each in request.form.text("number") if each not in ",.’' \u00a0\u202f")
    if typed != str(plan.head.to_mail):
        if typed == request.form.text("counted"):
            return f"The lists were changed meanwhile: it is {plan.head.to_mail:,} readers now."
        return f"The number that you typed is not that of the readers, {plan.head.to_mail:,}."
    if outlook.must_accept and not request.form.has("accept"):
        return "Say that you send it all the same."
    return ""


def _choosing(
    request: DeskRequest,
    choice: SendForm,
    outlook: SendPreview | None = None,
    *,
    status: int = 200,
    said: Flash | None = None,
) -> Response:
    outlook = outlook or preview_send(request, choice, rehearse=False)
    workspace = request.app.workspace
    return request.page(
        "send",
        status=status,
        said=said or request.flash,
        lists=workspace.list_names(),
        zones=tuple(dict.fromkeys((request.app.settings.timezone.key, UTC))),
        morning=day_ahead(request.app),
        time_trouble=_time_trouble(request, choice),
        **_context(request, choice, outlook),
    )


def _last_page(
    request: DeskRequest, choice: SendForm, outlook: SendPreview, token: str, *, wrong: str = ""
) -> Response:
    app, plan = request.app, outlook.plan
    assert plan is not None, "only a send that can be made gets to its last page"
    at = choice.time(app)
    return request.page(
        "last",
        status=422 if wrong else 200,
        once=token,
        wrong=wrong,
        at=at if choice.is_later else None,
        zone_here=app.settings.timezone.key,
        accepted=request.form.has("accept") and request.form.text("digest") == plan.edition.digest,
        take_back=int(TAKE_BACK),
        relays=", ".join(str(relay) for relay in app.settings.relay),
        sender=str(app.settings.sender),
        warmup=_warmup(app, plan, at),
        back=f"{_path(request)}?{urlencode(choice.fields())}",
        **_context(request, choice, outlook),
    )


def _warmup(app: App, plan: SendPlan, at: float) -> str:
    """How the warm-up plan spreads it over days; "" when it does not."""
    shares = warmup_schedule(app, plan.head.to_mail, now=at) if app.settings.warmup else ()
    return format_days(shares, begins=at, now=app.clock(), zone=app.settings.timezone) if shares else ""


def _context(request: DeskRequest, choice: SendForm, outlook: SendPreview) -> dict[str, Any]:
    remedies = {each.rule: RULEBOOK[each.rule].how for each in outlook.problems if each.rule in RULEBOOK}
    return {
        "heading": outlook.plan.edition.title if outlook.plan else _title(request),
        "name": request.path["name"],
        "choice": choice,
        "outlook": outlook,
        "remedies": remedies,
        "needs_approval": request.app.settings.approval,
    }


def _dispatch(request: DeskRequest) -> Dispatch | None:
    """What can be read of the dispatch."""
    return check_dispatch(request.app, str(dispatch_path(request.app, request.path["name"]))).partial


def _title(request: DeskRequest) -> str:
    dispatch = _dispatch(request)
    return dispatch.title if dispatch else request.path["name"]


def _first_lists(request: DeskRequest) -> tuple[str, ...]:
    """The lists that the dispatch names; else the only one that there is."""
    names, dispatch = request.app.workspace.list_names(), _dispatch(request)
    if dispatch and dispatch.lists:
        return tuple(name for name in dispatch.lists if name in names)
    return names if len(names) == 1 else ()


ROUTES = (
    DeskRoute("GET", f"{ONE}/send", Role.EDITOR, _choose),
    DeskRoute("GET", f"{ONE}/send/count", Role.EDITOR, _count),
    DeskRoute("GET", f"{ONE}/send/last", Role.EDITOR, _last),
    DeskRoute("POST", f"{ONE}/send", Role.EDITOR, _send),
    DeskRoute("POST", f"{ONE}/approve", Role.EDITOR, _approve),
)
