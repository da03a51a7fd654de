"""Lists the dispatches of a workspace, each with its status: draft, checked, approved, scheduled, sending or sent.

list_dispatches(app, words)            all of them
find_dispatch_summary(app, name)       one of them
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from mailer.app import App
from mailer.delivery.states import SendState
from mailer.dispatch.diagnostics import Severity
from mailer.dispatch.metadata_scan import read_metadata
from mailer.dispatch.parse import parse_dispatch
from mailer.ledger.sends.approvals import Approval
from mailer.ledger.types.sends import Send
from mailer.lint.checks.content import has_placeholder
from mailer.service.dispatches.files import NoDispatchError, source_digest

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class DispatchStatus(StrEnum):
    """The status of a dispatch."""

    DRAFT = "draft"
    CHECKED = "checked"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"


_BY_SEND = {
    SendState.SCHEDULED: DispatchStatus.SCHEDULED,
    SendState.OVERDUE: DispatchStatus.SCHEDULED,
    SendState.RUNNING: DispatchStatus.SENDING,
    SendState.WAITING: DispatchStatus.SENDING,
    SendState.PAUSED: DispatchStatus.SENDING,
    SendState.FINISHED: DispatchStatus.SENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSummary:
    """A dispatch in the list. `errors`: how many its text has; `send`: its newest send, if any.

    `is_unfinished`: text that was to be filled in is left. `approval`: the newest approval of the present text.
    """

    name: str
    title: str
    date: str
    status: DispatchStatus
    errors: int
    changed_at: float
    is_unfinished: bool = False
    send: Send | None = None
    approval: Approval | None = None

    @property
    def touched_at(self) -> float:
        """When its text was changed, or a send of it was made, whichever was last."""
        return max(self.changed_at, self.send.created_at if self.send else 0.0)


def list_dispatches(app: App, words: str = "") -> tuple[DispatchSummary, ...]:
    """Returns every dispatch, the last touched first; with `words`, those that contain all of them."""
    sends = app.ledger.sends.newest()
    approvals = app.ledger.approvals.by_source()
    slugs = {slug for slug, _ in approvals}
    wanted = words.casefold().split()
    found = []
    for path in app.workspace.dispatch_files():
        try:
            stat = path.stat()
            metadata = _read_metadata(path, stat.st_mtime_ns, stat.st_size, app.settings.language)
            if wanted and not all(word in _searchable_text(path) for word in wanted):
                continue
            source = source_digest(path.read_bytes()) if metadata.slug in slugs else ""
        except OSError:  # removed meanwhile
            continue
        send, approval = sends.get(metadata.slug), approvals.get((metadata.slug, source))
        standing = (
            DispatchStatus.DRAFT if metadata.errors else DispatchStatus.APPROVED if approval else DispatchStatus.CHECKED
        )
        found.append(
            DispatchSummary(
                name=path.stem,
                title=metadata.title,
                date=metadata.date,
                status=_BY_SEND.get(send.state, standing) if send else standing,
                errors=metadata.errors,
                changed_at=stat.st_mtime,
                is_unfinished=metadata.is_unfinished,
                send=send,
                approval=approval,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.touched_at, each.name), reverse=True))


def find_dispatch_summary(app: App, name: str) -> DispatchSummary:
    """Returns the summary of the dispatch `name`. Raises NoDispatchError."""
    found = next((each for each in list_dispatches(app) if each.name == name), None)
    if found is None:
        raise NoDispatchError("There is no such dispatch.", "It may have been renamed or removed.")
    return found


@dataclass(frozen=True, slots=True)
class _Metadata:
    slug: str
    title: str
    date: str
    errors: int
    is_unfinished: bool


@lru_cache(maxsize=2000)
def _read_metadata(path: Path, _changed: int, _size: int, language: str) -> _Metadata:
    """Reads the values of a file that the list shows; the cache key includes its size and time of change."""
    raw = path.read_bytes()
    parsed_metadata = read_metadata(raw, path.name, language=language)
    parsed = parse_dispatch(raw, path.name, language=language)
    dated = _DATE.match(path.stem)
    return _Metadata(
        slug=parsed_metadata.slug if parsed_metadata else path.stem,
        title=parsed_metadata.title if parsed_metadata else path.stem,
        date=parsed.partial.date.isoformat() if parsed.partial else dated[0] if dated else "",
        errors=sum(problem.severity is Severity.ERROR for problem in parsed.problems),
        is_unfinished=parsed.partial is not None and has_placeholder(parsed.partial),
    )


def _searchable_text(path: Path) -> str:
    return f"{path.stem}\n{path.read_bytes().decode(errors='replace')}".casefold()
