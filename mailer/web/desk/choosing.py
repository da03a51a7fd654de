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

from mailer.dispatch.model import Dispatch
from mailer.errors import UsageError
from mailer.inspection.finding import RULEBOOK
from mailer.ledger.types_accounts import Role
from mailer.ledger.types_sends import AlreadySentError, Send
from mailer.service.approving import approve
from mailer.service.compiling import DispatchError, check
from mailer.service.course import spread
from mailer.service.drafting import file_of
from mailer.service.newsroom import Newsroom
from mailer.service.sending import Ordered, SendPlan, start_send
from mailer.service.timeleft import in_days
from mailer.web.desk.choice import TAKE_BACK, UTC, Choice, day_ahead, read_choice
from mailer.web.desk.dispatches import ONE
from mailer.web.desk.once import new_token, ordered
from mailer.web.desk.page import Said
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.send_preview import SendPreview, blocker, is_ready, preview_send
from mailer.web.desk.visit import Visit


def _choose(visit: Visit) -> Response:
    return _choosing(visit, read_choice(visit, _first_lists(visit)))


def _count(visit: Visit) -> Response:
    choice = read_choice(visit)
    return visit.page("count", **_context(visit, choice, preview_send(visit, choice, rehearse=False)))


def _last(visit: Visit) -> Response:
    choice = read_choice(visit, _first_lists(visit))
    outlook = preview_send(visit, choice)
    if not is_ready(outlook) or _time_trouble(visit, choice):
        return _choosing(visit, choice, outlook, said=blocker(choice, outlook))
    return _last_page(visit, choice, outlook, new_token())


def _send(visit: Visit) -> Response:
    """Make the send, once: a form that made one already leads there."""
    choice = read_choice(visit)
    order = ordered(visit, take_back=not choice.is_later)
    if made := visit.newsroom.ledger.sends.made_by(order.token):
        return visit.go(f"/desk/sends/{made.id}")
    if _time_trouble(visit, choice):
        return _choosing(visit, choice, status=422)
    outlook = preview_send(visit, choice, record=True)
    if outlook.earlier and not outlook.earlier.is_ended:
        return _lead(visit, outlook.earlier, order)
    if not is_ready(outlook) or outlook.plan is None:
        return _choosing(visit, choice, outlook, status=422, said=blocker(choice, outlook))
    if wrong := _not_yet(visit, outlook, outlook.plan):
        return _last_page(visit, choice, outlook, order.token, wrong=wrong)
    try:
        send = start_send(visit.newsroom, outlook.plan, at=choice.time(visit.newsroom), ordered=order)
    except AlreadySentError as error:
        return _lead(visit, error.send, order)
    readers = f"{outlook.plan.head.to_mail:,} of {', '.join(outlook.plan.lists)}"
    visit.record("send.schedule" if choice.is_later else "send.start", f"{send.id} {send.slug}", readers)
    return visit.go(f"/desk/sends/{send.id}")


def _lead(visit: Visit, send: Send, order: Ordered) -> Response:
    """To the send that was made meanwhile: by the first press of a double click, or by somebody else."""
    mine = visit.newsroom.ledger.sends.made_by(order.token)
    return visit.go(f"/desk/sends/{send.id}", "" if mine else "It is being sent already: this is the send.", bad=True)


def _approve(visit: Visit) -> Response:
    name, digest = visit.path["name"], visit.form.text("digest")
    if visit.form.has("no_longer"):
        visit.newsroom.ledger.approvals.take_back(digest, visit.user.name)
        visit.record("dispatch.disapprove", name, digest[:16])
        return visit.go(_path(visit), "You approve it no longer.")
    try:
        approve(visit.newsroom, name, digest, by=visit.user.name)
    except DispatchError:
        raise UsageError("The dispatch has errors; nothing was approved.", "Have them mended first.") from None
    visit.record("dispatch.approve", name, digest[:16])
    return visit.go(_path(visit), "Approved. A change of the letter voids it.")


def _path(visit: Visit) -> str:
    return f"{ONE.format(name=visit.path['name'])}/send"


def _time_trouble(visit: Visit, choice: Choice) -> str:
    """What is wrong with the time that was chosen; "" when nothing is."""
    if not choice.is_later:
        return ""
    try:
        choice.time(visit.newsroom)
    except UsageError as error:
        advice = " Give it in UTC." if "the clocks change" in error.message else " Choose another time."
        return error.message + advice
    return ""


def _not_yet(visit: Visit, outlook: SendPreview, plan: SendPlan) -> str:
    """Why the last page is shown once more; "" when all is said."""
    if visit.form.text("digest") != plan.edition.digest:
        return "The letter was changed since you saw this page. Look at it as it is now."
    typed = "".join(each for each in visit.form.text("number") if each not in ",.’' \u00a0\u202f")
    if typed != str(plan.head.to_mail):
        if typed == visit.form.text("counted"):
            return f"The lists were changed meanwhile: it is {plan.head.to_mail:,} readers now."
        return f"The number that you typed is not that of the readers, {plan.head.to_mail:,}."
    if outlook.must_accept and not visit.form.has("accept"):
        return "Say that you send it all the same."
    return ""


def _choosing(
    visit: Visit, choice: Choice, outlook: SendPreview | None = None, *, status: int = 200, said: Said | None = None
) -> Response:
    outlook = outlook or preview_send(visit, choice, rehearse=False)
    workspace = visit.newsroom.workspace
    return visit.page(
        "send",
        status=status,
        said=said or visit.said,
        lists=workspace.list_names(),
        zones=tuple(dict.fromkeys((visit.newsroom.settings.timezone.key, UTC))),
        morning=day_ahead(visit.newsroom),
        time_trouble=_time_trouble(visit, choice),
        **_context(visit, choice, outlook),
    )


def _last_page(visit: Visit, choice: Choice, outlook: SendPreview, token: str, *, wrong: str = "") -> Response:
    newsroom, plan = visit.newsroom, outlook.plan
    assert plan is not None, "only a send that can be made gets to its last page"
    at = choice.time(newsroom)
    return visit.page(
        "last",
        status=422 if wrong else 200,
        once=token,
        wrong=wrong,
        at=at if choice.is_later else None,
        zone_here=newsroom.settings.timezone.key,
        accepted=visit.form.has("accept") and visit.form.text("digest") == plan.edition.digest,
        take_back=int(TAKE_BACK),
        relays=", ".join(str(relay) for relay in newsroom.settings.relay),
        sender=str(newsroom.settings.sender),
        warmup=_warmup(newsroom, plan, at),
        back=f"{_path(visit)}?{urlencode(choice.fields())}",
        **_context(visit, choice, outlook),
    )


def _warmup(newsroom: Newsroom, plan: SendPlan, at: float) -> str:
    """How the warm-up plan spreads it over days; "" when it does not."""
    shares = spread(newsroom, plan.head.to_mail, now=at) if newsroom.settings.warmup else ()
    return in_days(shares, begins=at, now=newsroom.clock(), zone=newsroom.settings.timezone) if shares else ""


def _context(visit: Visit, choice: Choice, outlook: SendPreview) -> dict[str, Any]:
    remedies = {each.rule: RULEBOOK[each.rule].how for each in outlook.problems if each.rule in RULEBOOK}
    return {
        "heading": outlook.plan.edition.title if outlook.plan else _title(visit),
        "name": visit.path["name"],
        "choice": choice,
        "outlook": outlook,
        "remedies": remedies,
        "needs_approval": visit.newsroom.settings.approval,
    }


def _dispatch(visit: Visit) -> Dispatch | None:
    """What can be read of the dispatch."""
    return check(visit.newsroom, str(file_of(visit.newsroom, visit.path["name"]))).guess


def _title(visit: Visit) -> str:
    dispatch = _dispatch(visit)
    return dispatch.title if dispatch else visit.path["name"]


def _first_lists(visit: Visit) -> tuple[str, ...]:
    """The lists that the dispatch names; else the only one that there is."""
    names, dispatch = visit.newsroom.workspace.list_names(), _dispatch(visit)
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
