"""The history of a dispatch: saved versions, their difference from the current text, and restoring one."""

import difflib
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.files import ON_DISK, read_dispatch, save_dispatch
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff: `+` is only in the second text, `-` only in the first; `@` marks lines that are left out."""

    sign: str
    text: str


def diff(before: str, after: str) -> tuple[DiffLine, ...]:
    """Returns the lines that differ, with two lines of context; nothing if the texts are the same."""
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=2)
    return tuple(DiffLine(line[:1], "" if line.startswith("@") else line[1:]) for line in list(lines)[2:])


def _history(request: DeskRequest) -> Response:
    now = read_dispatch(request.app, request.path["name"])
    versions = request.app.ledger.revisions.versions(now.name)
    return request.page("history", heading="History", now=now, versions=versions, on_disk=ON_DISK)


def _version(request: DeskRequest) -> Response:
    now = read_dispatch(request.app, request.path["name"])
    earlier = _text_of(request, int(request.path["version"]))
    version = next(
        each for each in request.app.ledger.revisions.versions(now.name) if each.id == int(request.path["version"])
    )
    return request.page(
        "version",
        heading="Earlier version",
        now=now,
        version=version,
        changes=diff(now.text, earlier),
        on_disk=ON_DISK,
    )


def _restore(request: DeskRequest) -> Response:
    name = request.path["name"]
    earlier = _text_of(request, int(request.path["version"]))
    save_dispatch(request.app, name, earlier, base=request.form.text("base"), actor=request.user.name, step=True)
    request.record("dispatch.restore", name, f"version {request.path['version']}")
    return request.redirect(f"{HERE}/{name}", "Restored. The version before it is in the history.")


def _text_of(request: DeskRequest, version: int) -> str:
    text = request.app.ledger.revisions.text(request.path["name"], version)
    if text is None:
        raise HTTPException(404)
    return text


ROUTES = (
    DeskRoute("GET", f"{ONE}/history", Role.WRITER, _history),
    DeskRoute("GET", f"{ONE}/history/{{version:number}}", Role.WRITER, _version),
    DeskRoute("POST", f"{ONE}/history/{{version:number}}", Role.WRITER, _restore),
)
