"""Composing a send: the form, a preview beside it, and the confirmation page before it starts.

    GET  …/send          the form with its preview
    GET  …/send/count    the preview alone, which htmx requests after each change of the form
    GET  …/send/last     the confirmation page
    POST …/send          makes the send, which starts after UNDO_SECONDS or at its time

A GET changes nothing. The preview counts the lists as of their last sync, so that a recount holds up no running send; the
confirmation page counts their files, without a sync; making the send syncs the lists.
The send is of the edition that the confirmation page showed,
identified by its digest, and only if the number that was typed is the number of recipients. They are frozen at that moment; those
of a send for later are counted again when it starts.
"""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from mailer.app import App
from mailer.dispatch.model import Dispatch
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.sends import AlreadySentError, AudienceGrewError, Send
from mailer.lint.inbox_line import Device, inbox_lines
from mailer.lint.rule_catalogue import RULEBOOK
from mailer.service.dispatches.check_and_compile import check_dispatch
from mailer.service.dispatches.files import dispatch_path
from mailer.service.lists.sync_before_query import ListSource
from mailer.service.sends.eta import format_days
from mailer.service.sends.plan import SendPlan
from mailer.service.sends.start import SendOrder, start_send
from mailer.service.sends.warmup_schedule import warmup_schedule
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.flash import Flash
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.send_form_tokens import new_form_token, read_order
from mailer.web.desk.sends.preview import SendPreview, blocking_reason, preview_send
from mailer.web.desk.sends.send_form import (
    UNDO_SECONDS,
    SendForm,
    StartTime,
    read_send_form,
    send_zones,
    suggested_time,
)
from mailer.web.desk.sends.send_lookup import path_of


def _show(request: DeskRequest) -> Response:
    form = read_send_form(request, _default_lists(request))
    preview = preview_send(request, form, ListSource.LAST_SYNC)
    return _form_page(request, form, preview, start=form.start_time(request.app))


def _recount(request: DeskRequest) -> Response:
    form = read_send_form(request)
    return request.page("compose-preview", **_context(request, form, preview_send(request, form, ListSource.LAST_SYNC)))


def _confirm(request: DeskRequest) -> Response:
    form = read_send_form(request, _default_lists(request))
    preview = preview_send(request, form, ListSource.FILE)
    start = form.start_time(request.app)
    if preview.plan is None or not preview.is_ready or start.error:
        return _form_page(request, form, preview, start=start, flash=blocking_reason(form, preview))
    return _confirmation_page(request, form, preview, preview.plan, start, token=new_form_token())


def _send(request: DeskRequest) -> Response:
    """Makes the send. A form that was posted before leads to the send that it made."""
    app, form = request.app, read_send_form(request)
    order = read_order(request, undo_for=0 if form.is_later else UNDO_SECONDS)
    if made := app.ledger.sends.by_form_token(order.token):
        return request.redirect(path_of(made.id))
    start = form.start_time(app)
    if start.error:
        preview = preview_send(request, form, ListSource.LAST_SYNC)
        return _form_page(request, form, preview, start=start, status=422)
    preview = preview_send(request, form, ListSource.FILE)
    plan = preview.plan
    if preview.earlier and not preview.earlier.is_ended:
        return _redirect_to_existing(request, preview.earlier, order)
    if plan is None or not preview.is_ready:
        return _form_page(request, form, preview, start=start, status=422, flash=blocking_reason(form, preview))
    if error := _confirmation_error(request, preview, plan):
        return _confirmation_page(request, form, preview, plan, start, token=order.token, error=error)
    try:
        send = start_send(app, plan, at=start.at, confirmed=plan.summary.to_mail, ordered=order)
    except AlreadySentError as conflict:
        return _redirect_to_existing(request, conflict.send, order)
    except AudienceGrewError:
        preview = preview_send(request, form, ListSource.LAST_SYNC)
        if preview.plan is None:
            return _form_page(request, form, preview, start=start, status=422, flash=blocking_reason(form, preview))
        error = _changed_number(preview.plan)
        return _confirmation_page(request, form, preview, preview.plan, start, token=order.token, error=error)
    recipients = f"{plan.summary.to_mail:,} of {', '.join(plan.lists)}"
    request.record("send.schedule" if form.is_later else "send.start", f"{send.id} {send.slug}", recipients)
    return request.redirect(path_of(send.id))


def _redirect_to_existing(request: DeskRequest, send: Send, order: SendOrder) -> Response:
    """Redirects to a send that was made meanwhile: by the same form (a double click), or by another user."""
    is_same_form = request.app.ledger.sends.by_form_token(order.token) is not None
    was_sent = "This dispatch was already sent." if send.is_ended else "This dispatch is already being sent."
    message = "" if is_same_form else f"{was_sent} This is its page."
    return request.redirect(path_of(send.id), message, bad=True)


def _confirmation_error(request: DeskRequest, preview: SendPreview, plan: SendPlan) -> str:
    """Returns why the posted confirmation is not valid for `plan`; "" if it is."""
    if request.form.text("digest") != plan.edition.digest:
        return "The dispatch was changed after you opened this page. Check it again, then confirm."
    typed = "".join(each for each in request.form.text("number") if each not in ",.’' \u00a0\u202f")
    if typed != str(plan.summary.to_mail):
        if typed == request.form.text("counted"):
            return _changed_number(plan)
        return f"The number does not match. {_readers(plan.summary.to_mail)} would get it; type this number to confirm."
    if preview.must_accept and not request.form.has("accept"):
        return "Tick “I understand, send anyway” to send despite the warnings."
    return ""


def _changed_number(plan: SendPlan) -> str:
    return f"The lists have changed. Now {_readers(plan.summary.to_mail)} would get it; type this number to confirm."


def _readers(count: int) -> str:
    return f"{count:,} {'reader' if count == 1 else 'readers'}"


def _form_page(
    request: DeskRequest,
    form: SendForm,
    preview: SendPreview,
    *,
    start: StartTime,
    status: int = 200,
    flash: Flash | None = None,
) -> Response:
    return request.page(
        "compose",
        status=status,
        flash=flash or request.flash,
        lists=request.app.workspace.list_names(),
        zones=send_zones(request.app),
        suggested_time=suggested_time(request.app),
        time_error=start.error,
        undo_seconds=int(UNDO_SECONDS),
        **_context(request, form, preview),
    )


def _confirmation_page(
    request: DeskRequest,
    form: SendForm,
    preview: SendPreview,
    plan: SendPlan,
    start: StartTime,
    *,
    token: str,
    error: str = "",
) -> Response:
    settings = request.app.settings
    was_accepted = request.form.has("accept") and request.form.text("digest") == plan.edition.digest
    return request.page(
        "compose-confirm",
        status=422 if error else 200,
        form_token=token,
        error=error,
        starts_at=start.at,
        timezone=settings.timezone.key,
        accepted=was_accepted,
        undo_seconds=int(UNDO_SECONDS),
        relays=", ".join(str(relay) for relay in settings.relay),
        sender=str(settings.sender),
        inboxes=[
            (
                device.value,
                inbox_lines(settings.sender.name or settings.sender.address, plan.subject, plan.html, device),
            )
            for device in Device
        ],
        warmup=_warmup(request.app, plan, request.app.clock() if start.at is None else start.at),
        back=f"{ONE.format(name=request.path['name'])}/send?{urlencode(form.fields())}",
        **_context(request, form, preview),
    )


def _warmup(app: App, plan: SendPlan, starts_at: float) -> str:
    """Returns how the warm-up plan spreads the send over days, in words; "" if it does not."""
    shares = warmup_schedule(app, plan.summary.to_mail, now=starts_at) if app.settings.warmup else ()
    return format_days(shares, begins=starts_at, now=app.clock(), zone=app.settings.timezone) if shares else ""


def _context(request: DeskRequest, form: SendForm, preview: SendPreview) -> dict[str, Any]:
    """Returns the variables that all three templates need."""
    return {
        "heading": preview.plan.edition.title if preview.plan else _title(request),
        "name": request.path["name"],
        "form": form,
        "preview": preview,
        "remedies": {each.rule: RULEBOOK[each.rule].how for each in preview.problems if each.rule in RULEBOOK},
        "needs_approval": request.app.settings.approval,
    }


def _dispatch(request: DeskRequest) -> Dispatch | None:
    """Returns the dispatch as far as it can be parsed."""
    return check_dispatch(request.app, str(dispatch_path(request.app, request.path["name"]))).partial


def _title(request: DeskRequest) -> str:
    dispatch = _dispatch(request)
    return dispatch.title if dispatch else request.path["name"]


def _default_lists(request: DeskRequest) -> tuple[str, ...]:
    """Returns the lists that the dispatch names; if it names none, the only list of the workspace."""
    names, dispatch = request.app.workspace.list_names(), _dispatch(request)
    if dispatch and dispatch.lists:
        return tuple(name for name in dispatch.lists if name in names)
    return names if len(names) == 1 else ()


ROUTES = (
    DeskRoute("GET", f"{ONE}/send", Role.EDITOR, _show),
    DeskRoute("GET", f"{ONE}/send/count", Role.EDITOR, _recount),
    DeskRoute("GET", f"{ONE}/send/last", Role.EDITOR, _confirm),
    DeskRoute("POST", f"{ONE}/send", Role.EDITOR, _send),
)
