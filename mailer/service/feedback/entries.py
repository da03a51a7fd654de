"""Recorded feedback as rows of a CSV file and as JSON, the same for the command line and the API.

feedback_object(entry)           JSON
feedback_row(entry)              the cells of COLUMNS
feedback_entries(log, ...)       all that is asked for, the latest first
read_source(raw)                 the beginning of a message as text that is safe to show
"""

from collections.abc import Iterator

from mailer.feedback.model import FeedbackKind
from mailer.iso_time import format_iso
from mailer.ledger.feedback.log import FeedbackLog
from mailer.ledger.types.feedback import FeedbackEntry
from mailer.line_sanitizer import clean_line

COLUMNS = (
    "id", "at", "source", "kind", "email", "address", "send", "slug", "status", "reason", "permanent", "delayed", "report_type",
    "words", "proof", "effect", "decision", "decided_by",
)  # fmt: skip
_PAGE = 1_000
_SHOWN = 200  # lines of a message
_LINE = 500  # characters of a line


def feedback_object(entry: FeedbackEntry) -> dict[str, object]:
    """Returns one piece of feedback as JSON. `email`: whom it is about; `address`: what the message names."""
    return {
        "id": entry.id,
        "at": format_iso(entry.at),
        "source": entry.source,
        "kind": entry.kind.value,
        "email": entry.identity,
        "address": entry.address,
        "send": entry.send_id,
        "slug": entry.slug or "",
        "status": entry.status,
        "reason": entry.reason.value,
        "permanent": entry.permanent,
        "delayed": entry.delayed,
        "report_type": entry.report_type,
        "words": entry.words,
        "proof": entry.proof.value,
        "effect": entry.effect.value,
        "decision": entry.decision.value if entry.decision else "",
        "decided_by": entry.decided_by,
    }


def feedback_entries(
    log: FeedbackLog, *, waiting: bool = False, kind: FeedbackKind | None = None, send_id: int | None = None
) -> Iterator[FeedbackEntry]:
    """Yields the feedback that is asked for, the latest first."""
    before = None
    while page := log.page(waiting=waiting, kind=kind, send_id=send_id, before=before, limit=_PAGE):
        yield from page
        before = page[-1].id


def feedback_row(entry: FeedbackEntry) -> tuple[str, ...]:
    """Returns the cells of COLUMNS."""
    values = feedback_object(entry)
    return tuple(_cell(values[name]) for name in COLUMNS)


def read_source(raw: bytes) -> tuple[str, ...]:
    """Returns the first lines of a message without control characters, for people to read as plain text."""
    lines = raw.decode("utf-8", "replace").splitlines()
    return tuple(clean_line(line)[:_LINE] for line in lines[:_SHOWN])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
