"""The report of a send, in three forms: rows for a spreadsheet, one object for scripts, a record for the desk.

    report_rows(app, send)           rows of COLUMNS
    report_object(app, summary)      the object of `mailer report --json`
    build_report(app, snapshot)      SendReport, next to earlier sends

Raises UnknownSendError, LedgerError.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailer.addresses import parse_address
from mailer.app import App
from mailer.delivery.states import DeliveryState
from mailer.errors import UsageError
from mailer.iso_time import format_iso
from mailer.ledger.types.deliveries import Attempt, Delivery, ReportRow
from mailer.ledger.types.delivery_counts import ReasonCount
from mailer.ledger.types.sends import Send, Summary
from mailer.mime.composer import message_id
from mailer.service.feedback.returned_report import ReturnedReport, returned_object, returned_report
from mailer.service.sends.monitor import SendSnapshot
from mailer.service.sends.run import load_edition
from mailer.service.sends.summary import send_object

COLUMNS = ("email", "state", "reason", "code", "enhanced", "reply", "attempts", "at", "message_id")
EARLIER = 5
_NOT_ACCEPTED = (DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.DEFERRED, DeliveryState.SKIPPED)


def report_rows(app: App, send: Send) -> Iterator[tuple[str, ...]]:
    """Yields a row of COLUMNS for each recipient."""
    message_id_of = message_id_function(app, send)
    for row in app.ledger.report.rows(send.id):
        yield (*_cells(row), message_id_of(row))


def message_id_function(app: App, send: Send) -> Callable[[ReportRow], str]:
    """Returns a function from a row to the Message-ID of its message."""
    tokens_of = app.message_tokens(send.key_name)
    domain = load_edition(app, send).from_address.rpartition("@")[2]
    return lambda row: message_id(tokens_of(row.delivery_id).message, domain)


def report_object(app: App, summary: Summary) -> dict[str, object]:
    """Returns the send object, with `assumed`, the failed and skipped deliveries by reason, and what came back."""
    report = app.ledger.report
    reasons = [
        {
            "state": reason.state.value,
            "reason": reason.reason,
            "code": reason.code,
            "enhanced": reason.enhanced,
            "count": reason.count,
        }
        for reason in report.reasons(summary.send.id)
    ]
    returned = returned_report(app, summary.send.id, summary.count(DeliveryState.ACCEPTED))
    return {
        **send_object(summary),
        "assumed": report.count_resolved_manually(summary.send.id),
        "reasons": reasons,
        **returned_object(returned),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """The report of a send for a page, next to earlier sends.

    `reasons` are those of all recipients that were not accepted; `earlier` has the newest send first.
    """

    snapshot: SendSnapshot
    assumed: int
    reasons: tuple[ReasonCount, ...]
    earlier: tuple[Summary, ...]
    returned: ReturnedReport

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """This send and the earlier ones."""
        return (self.snapshot.summary, *self.earlier)


def build_report(app: App, look: SendSnapshot) -> SendReport:
    """Returns the report of the send that `look` shows."""
    ledger, send_id = app.ledger, look.send.id
    return SendReport(
        snapshot=look,
        assumed=ledger.report.count_resolved_manually(send_id),
        reasons=ledger.report.reasons(send_id, *_NOT_ACCEPTED),
        earlier=ledger.sends.ended_before(send_id, limit=EARLIER),
        returned=returned_report(app, send_id, look.summary.count(DeliveryState.ACCEPTED)),
    )


def _cells(row: ReportRow) -> tuple[str, ...]:
    return (
        row.email,
        row.state.value,
        row.reason,
        "" if row.code is None else str(row.code),
        row.enhanced,
        row.reply,
        str(row.attempts),
        format_iso(row.at),
    )


def delivery_timeline(app: App, send_id: int, email: str) -> tuple[str, ...]:
    """Returns what happened to one recipient of a send, a sentence for each step. Raises UsageError if there is no such
    recipient.
    """
    app.ledger.sends.get(send_id)
    identity = parse_address(email).identity
    found = next((d for d in app.ledger.report.deliveries_of(identity) if d.send_id == send_id), None)
    if found is None:
        raise UsageError(
            f"{email} is no recipient of send {send_id}.",
            f"To see the lists and opt-outs of this reader: mailer subscriber show {email}. "
            f"To list the recipients: mailer report {send_id} --csv -",
        )
    tried = tuple(_attempt_in_words(attempt) for attempt in app.ledger.report.attempts(found.id))
    return (*tried, _state_in_words(found, tried=bool(tried)))


def _attempt_in_words(attempt: Attempt) -> str:
    if attempt.closed_at is None:
        return f"being tried since {format_iso(attempt.opened_at)}"
    at, by = format_iso(attempt.closed_at), f" by {attempt.relay}" if attempt.relay else ""
    words = " ".join(str(part) for part in (attempt.code, attempt.enhanced, attempt.reply) if part)
    quoted = f": {words}" if words else ""
    where = f" ({attempt.stage.label})" if attempt.stage else ""
    if attempt.lost and attempt.classification is DeliveryState.PENDING:
        return f"claimed at {format_iso(attempt.opened_at)}; the process ended at {at}, before anything was sent"
    if attempt.lost:
        return f"being sent at {format_iso(attempt.opened_at)} when the process ended; noticed at {at}{quoted}"
    ended = attempt.classification.value if attempt.classification else "ended"
    return f"tried at {format_iso(attempt.opened_at)}; {ended}{by} at {at}{where}{quoted}"


def _state_in_words(found: Delivery, *, tried: bool) -> str:
    reason = f" ({found.reason})" if found.reason else ""
    at = format_iso(found.updated_at)
    match found.state:
        case DeliveryState.ACCEPTED:
            return f"so it is accepted{', as a person assumed' if found.resolved_manually else ''}{reason}, since {at}"
        case DeliveryState.SKIPPED:
            return f"skipped{reason} at {at}" + ("" if tried else "; it was never tried")
        case DeliveryState.PENDING:
            return f"waiting{reason}, since {at}"
        case DeliveryState.CLAIMED | DeliveryState.SENDING:
            return f"{found.state.value}: it is being sent"
        case _:
            return f"so it is {found.state.value}{reason}, since {at}"
