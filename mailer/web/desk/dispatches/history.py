"""The history of a dispatch: what the desk saved and what it found, compared with now, and brought back."""

import difflib
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.ledger.types.accounts import Role
from mailer.service.dispatches.files import read, save
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a comparison: `+` in the second text only, `-` in the first only, `@` where lines are left out."""

    sign: str
    text: str


def changes(before: str, after: str) -> tuple[DiffLine, ...]:
    """How `before` becomes `after`; nothing when they are the same."""
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=2)
    return tuple(DiffLine(line[:1], "" if line.startswith("@") else line[1:]) for line in list(lines)[2:])


def _history(visit: DeskRequest) -> Response:
    now = read(visit.app, visit.path["name"])
    versions = visit.app.ledger.revisions.versions(now.name)
    return visit.page("history", heading="History", now=now, versions=versions)


def _version(visit: DeskRequest) -> Response:
    now = read(visit.app, visit.path["name"])
    then = _text_of(visit, int(visit.path["version"]))
    version = next(
        each for each in visit.app.ledger.revisions.versions(now.name) if each.id == int(visit.path["version"])
    )
    return visit.page("version", heading="An earlier text", now=now, version=version, changes=changes(now.text, then))


def _bring_back(visit: DeskRequest) -> Response:
    name = visit.path["name"]
    then = _text_of(visit, int(visit.path["version"]))
    save(visit.app, name, then, base=visit.form.text("base"), actor=visit.user.name, step=True)
    visit.record("dispatch.restore", name, f"version {visit.path['version']}")
    return visit.redirect(f"{HERE}/{name}", "The earlier text is back; the one before is in the history.")


def _text_of(visit: DeskRequest, version: int) -> str:
    text = visit.app.ledger.revisions.text(visit.path["name"], version)
    if text is None:
        raise HTTPException(404)
    return text


ROUTES = (
    DeskRoute("GET", f"{ONE}/history", Role.WRITER, _history),
    DeskRoute("GET", f"{ONE}/history/{{version:int}}", Role.WRITER, _version),
    DeskRoute("POST", f"{ONE}/history/{{version:int}}", Role.WRITER, _bring_back),
)
