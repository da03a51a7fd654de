"""What became of each recipient: rows for a spreadsheet, and the report as one object."""

from collections.abc import Callable, Iterator

from mailer.delivery.message import message_id
from mailer.ledger.types_deliveries import ReportRow
from mailer.ledger.types_sends import Send, Summary
from mailer.service.newsroom import Newsroom
from mailer.service.result import iso, send_object
from mailer.service.running import load_edition

COLUMNS = ("email", "state", "reason", "code", "enhanced", "reply", "attempts", "at", "message_id")


def report_cells(newsroom: Newsroom, send: Send) -> Iterator[tuple[str, ...]]:
    """A row of COLUMNS for each recipient."""
    name = message_ids(newsroom, send)
    for row in newsroom.ledger.report.rows(send.id):
        yield (*_cells(row), name(row))


def message_ids(newsroom: Newsroom, send: Send) -> Callable[[ReportRow], str]:
    """How the messages of a send are called."""
    mark = newsroom.marks(send.key_name)
    domain = load_edition(newsroom, send).from_address.rpartition("@")[2]
    return lambda row: message_id(mark(row.delivery_id).message, domain)


def report_object(newsroom: Newsroom, summary: Summary) -> dict[str, object]:
    """The send object, with `assumed` and, by reason, those failed and skipped."""
    report = newsroom.ledger.report
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
    return {**send_object(summary), "assumed": report.assumed(summary.send.id), "reasons": reasons}


def _cells(row: ReportRow) -> tuple[str, ...]:
    return (
        row.email,
        row.state.value,
        row.reason,
        "" if row.code is None else str(row.code),
        row.enhanced,
        row.reply,
        str(row.attempts),
        iso(row.at),
    )
