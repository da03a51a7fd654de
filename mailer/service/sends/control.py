"""Controls sends that exist: pause, resume, and decide uncertain deliveries. The same for the command line, the desk and the
API.

The ledger changes the state of the send; the process that runs it notices. Raises UnknownSendError, SendStateError,
NeedsConfirmationError, LedgerError.
"""

from collections.abc import Collection, Sequence

from mailer.addresses import parse_address
from mailer.app import App
from mailer.delivery.states import DeliveryState, SendState
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.iso_time import format_iso
from mailer.ledger.types.sends import Resolution, Send, Summary
from mailer.service.sends.plan import require_working_links
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.start import start_scheduled


def pause_send(app: App, send_id: int, *, by: str = "by hand") -> Send:
    """Pauses a send, whichever process runs it. `by`: part of the reason that is recorded."""
    found = app.ledger.sends.get(send_id)
    if found.state in {SendState.SCHEDULED, SendState.OVERDUE}:
        raise NeedsConfirmationError(
            f"Send {send_id} is {found.state}; nothing is being sent.", f"To cancel it: mailer cancel {send_id}"
        )
    if found.is_ended:
        raise NeedsConfirmationError(f"Send {send_id} is {found.state}; there is nothing left to pause.")
    return app.ledger.sends.pause(send_id, reason=f"paused {by}")


def queue_for_server(app: App, send_id: int) -> Send:
    """Resumes a send; `mailer serve` runs it within a second, unless another process does."""
    return app.ledger.sends.resume(send_id, carried=True)


def resume_send(app: App, send_id: int) -> Send:
    """Resumes a paused send, or starts an overdue one; a send that is running or finished is not changed."""
    due_sends(app)
    found = app.ledger.sends.get(send_id)
    if found.state is SendState.SCHEDULED and (found.scheduled_at or 0.0) > app.clock():
        raise NeedsConfirmationError(
            f"Send {send_id} is scheduled for {format_iso(found.scheduled_at)}.",
            "To change the time, cancel it and schedule it again.",
        )
    if found.state in {SendState.SCHEDULED, SendState.OVERDUE}:
        return start_scheduled(app, found, carried=True)
    return queue_for_server(app, send_id)


def resendable_count(app: App, summary: Summary) -> int:
    """Returns how many readers a resend of a finished send would mail."""
    if summary.send.state is not SendState.FINISHED or not summary.count(DeliveryState.FAILED):
        return 0
    return app.ledger.creator.plan_resend(summary.send.id).to_mail


def retry_failed(app: App, send_id: int, *, by: str, carried: bool = True) -> Send:
    """Creates a send to the recipients that an ended send failed to reach; `serve` runs it if it is `carried`.

    Raises NobodyError if none may be mailed, AlreadySentError if a send of the dispatch runs, UsageError.
    """
    require_working_links(app.settings.base_url, app.settings.relay)
    return app.ledger.creator.resend_failed(
        send_id,
        key_name=app.keys.names[0],
        sender_profile=app.sender_profile.to_json(),
        carried=carried,
        by=by,
    )


def resolve_uncertain(app: App, send_id: int, *, resend: bool, identities: Collection[str] | None) -> Resolution:
    """Decides the uncertain deliveries of a send, all or those named: sent again by this `mailer serve`, or counted as sent."""
    before = app.ledger.sends.summary(send_id)
    done = app.ledger.sends.resolve_uncertain(send_id, resend=resend, identities=identities, carried=resend)
    paused_at_its_end = before.send.state is SendState.PAUSED and not before.open_count
    if resend and done.resolved and paused_at_its_end:
        queue_for_server(app, send_id)
    return done


def require_uncertain(app: App, send_id: int, identities: Sequence[str]) -> None:
    """Raises UsageError for an address that is not uncertain, before anything is decided about the others."""
    rows = app.ledger.report.rows(send_id, DeliveryState.UNCERTAIN)
    uncertain = {parse_address(row.email).identity for row in rows if "@" in row.email}
    strangers = [identity for identity in identities if identity not in uncertain]
    if strangers:
        raise UsageError(
            f"{', '.join(strangers)}: not uncertain in send {send_id}; nothing was changed.",
            f"To see the uncertain ones: mailer report {send_id}",
        )
