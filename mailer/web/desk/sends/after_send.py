"""What can be done about a send in its last part and afterwards: retry the failed, give up what waits, correct the archive.

Each has a page that says what would happen, with numbers, before anything is changed.
"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.errors import MailerError, NeedsConfirmationError, UsageError
from mailer.ledger.types.errors import LedgerError, NobodyError, SendStateError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.sends import AlreadySentError
from mailer.service.archive.corrections import LONGEST_NOTE, correct_dispatch
from mailer.service.dispatches.files import dispatch_path
from mailer.service.sends.control import retry_failed
from mailer.web.desk.plain_language import describe_error, plain_text
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.send_lookup import SEND, find_send, path_of, source_of


def _ask_retry(request: DeskRequest) -> Response:
    summary = find_send(request)
    if not summary.send.is_ended:
        return request.redirect(path_of(summary.send.id), "It is still being sent. Wait until it has ended.", bad=True)
    plan = request.app.ledger.creator.plan_resend(summary.send.id)
    return request.page("retry", heading="Send it again to the failed?", send=summary.send, plan=plan)


def _retry(request: DeskRequest) -> Response:
    send = find_send(request).send
    try:
        again = retry_failed(request.app, send.id, by=request.user.name)
    except AlreadySentError as error:
        return request.redirect(path_of(error.send.id), "It is already being sent. This is its page.", bad=True)
    except NobodyError:
        message = "Nothing was sent: nobody is left who did not get it and may be mailed."
        return request.redirect(path_of(send.id), message, bad=True)
    except SendStateError as error:
        return request.redirect(path_of(send.id), plain_text(error.message), bad=True)
    request.record("send.resend", f"{again.id} {send.slug}", f"failed recipients of send {send.id}")
    return request.redirect(path_of(again.id))


def _ask_finish(request: DeskRequest) -> Response:
    summary = find_send(request)
    waiting = summary.count(DeliveryState.DEFERRED)
    if summary.send.is_ended or not waiting or waiting != summary.open_count:
        message = "Nothing to give up: no message only waits for another attempt."
        return request.redirect(path_of(summary.send.id), message, bad=True)
    delays = request.broadcaster.snapshot(summary.send.id).delays
    return request.page(
        "finish", heading="Finish this send now?", send=summary.send, summary=summary, waiting=waiting, delays=delays
    )


def _finish(request: DeskRequest) -> Response:
    send = find_send(request).send
    try:
        count = request.app.ledger.sends.give_up_waiting(send.id)
    except SendStateError as error:
        return request.redirect(
            path_of(send.id), f"{plain_text(error.message)} {plain_text(error.next_step)}", bad=True
        )
    request.record("send.give-up", f"{send.id} {send.slug}", f"{count:,} not delivered")
    return request.redirect(path_of(send.id), f"Finished: {count:,} not delivered.")


def _ask_correction(request: DeskRequest) -> Response:
    return _correction_page(request)


def _correction_page(request: DeskRequest, error: MailerError | None = None) -> Response:
    """`error`: why the posted form was refused; it keeps the note."""
    send = find_send(request).send
    source = source_of(request, send)
    if not source or send.kind is SendKind.TEST or send.state is not SendState.FINISHED:
        raise HTTPException(404)
    return request.page(
        "correct",
        status=422 if error else 200,
        heading="Correct the archive",
        send=send,
        source=source,
        longest=LONGEST_NOTE,
        note=request.form.text("note"),
        problem=" ".join(filter(None, describe_error(error))) if error else "",
    )


def _correct(request: DeskRequest) -> Response:
    send = find_send(request).send
    source, note = source_of(request, send), request.form.text("note")
    if not source:
        raise HTTPException(404)
    if not note:
        return _correction_page(request, UsageError("The note is missing.", "Tell readers what you corrected."))
    try:
        correct_dispatch(request.app, str(dispatch_path(request.app, source)), note)
    except (LedgerError, NeedsConfirmationError):
        raise
    except MailerError as error:
        return _correction_page(request, error)
    request.record("archive.correct", send.slug, note)
    return request.redirect(path_of(send.id), "The archive shows the corrected text, with your note.")


ROUTES = (
    DeskRoute("GET", f"{SEND}/retry", Role.EDITOR, _ask_retry),
    DeskRoute("POST", f"{SEND}/retry", Role.EDITOR, _retry),
    DeskRoute("GET", f"{SEND}/finish", Role.EDITOR, _ask_finish),
    DeskRoute("POST", f"{SEND}/finish", Role.EDITOR, _finish),
    DeskRoute("GET", f"{SEND}/correct", Role.EDITOR, _ask_correction),
    DeskRoute("POST", f"{SEND}/correct", Role.EDITOR, _correct),
)
