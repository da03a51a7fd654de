"""The dispatches of a workspace, each with its status.

shelf(newsroom, words)      all of them
listed(newsroom, name)      one of them
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from mailer.delivery.state import SendState
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.problem import Severity
from mailer.dispatch.skim import skim
from mailer.ledger.approvals import Approval
from mailer.ledger.types_sends import Send
from mailer.service.drafting import NoDispatchError, digest_of_source
from mailer.service.newsroom import Newsroom

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Standing(StrEnum):
    """Where a dispatch stands on its way."""

    DRAFT = "draft"
    CHECKED = "checked"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"


_BY_SEND = {
    SendState.SCHEDULED: Standing.SCHEDULED,
    SendState.OVERDUE: Standing.SCHEDULED,
    SendState.RUNNING: Standing.SENDING,
    SendState.WAITING: Standing.SENDING,
    SendState.PAUSED: Standing.SENDING,
    SendState.FINISHED: Standing.SENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A dispatch on the shelf. `errors`: how many its text has; `send`: its newest one, if there is any.

    `approval`: the newest one of the text as it is.
    """

    name: str
    title: str
    date: str
    standing: Standing
    errors: int
    changed_at: float
    send: Send | None = None
    approval: Approval | None = None


def shelf(newsroom: Newsroom, words: str = "") -> tuple[Listed, ...]:
    """Every dispatch, the latest date first; with `words`, those that have all of them somewhere."""
    sends = newsroom.ledger.sends.newest()
    approvals = newsroom.ledger.approvals.by_source()
    slugs = {slug for slug, _ in approvals}
    wanted = words.casefold().split()
    found = []
    for path in newsroom.workspace.dispatch_files():
        try:
            about = path.stat()
            glance = _glance(path, about.st_mtime_ns, about.st_size, newsroom.settings.language)
            if wanted and not all(word in _searched(path) for word in wanted):
                continue
            source = digest_of_source(path.read_bytes()) if glance.slug in slugs else ""
        except OSError:  # it went just now
            continue
        send, approval = sends.get(glance.slug), approvals.get((glance.slug, source))
        standing = Standing.DRAFT if glance.errors else Standing.APPROVED if approval else Standing.CHECKED
        found.append(
            Listed(
                name=path.stem,
                title=glance.title,
                date=glance.date,
                standing=_BY_SEND.get(send.state, standing) if send else standing,
                errors=glance.errors,
                changed_at=about.st_mtime,
                send=send,
                approval=approval,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.date, each.name), reverse=True))


def listed(newsroom: Newsroom, name: str) -> Listed:
    """The dispatch `name` as the shelf has it. Raises NoDispatchError."""
    found = next((each for each in shelf(newsroom) if each.name == name), None)
    if found is None:
        raise NoDispatchError("There is no such dispatch.", "It may have been renamed or removed.")
    return found


@dataclass(frozen=True, slots=True)
class _Glance:
    slug: str
    title: str
    date: str
    errors: int


@lru_cache(maxsize=2000)
def _glance(path: Path, _changed: int, _size: int, language: str) -> _Glance:
    """What the shelf tells of a file; read again when it changed."""
    raw = path.read_bytes()
    outline = skim(raw, path.name)
    parsed = parse_dispatch(raw, path.name, language=language)
    dated = _DATE.match(path.stem)
    return _Glance(
        slug=outline.slug if outline else path.stem,
        title=outline.title if outline else path.stem,
        date=parsed.guess.date.isoformat() if parsed.guess else dated[0] if dated else "",
        errors=sum(problem.severity is Severity.ERROR for problem in parsed.problems),
    )


def _searched(path: Path) -> str:
    return f"{path.stem}\n{path.read_bytes().decode(errors='replace')}".casefold()
