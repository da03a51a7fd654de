"""The editor of a dispatch, and saving what was typed in it.

The editor's script saves automatically and uses JSON; without a script the same routes answer forms with pages. If somebody
else changed the file meanwhile (`ChangedError`), the typed text is not lost: the page that reports the conflict contains it.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.dispatch_list import find_dispatch_summary
from mailer.service.dispatches.files import (
    LARGEST,
    ChangedError,
    DispatchFile,
    NoDispatchError,
    read_dispatch,
    save_dispatch,
)
from mailer.service.dispatches.reference_targets import find_references
from mailer.web.desk.dispatches.findings import changed_since_sent
from mailer.web.desk.dispatches.history import diff
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.dispatches.preview import VIEWS
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.send_form_tokens import new_form_token
from mailer.web.sse import ServerSentEvent

_LARGEST_FORM = 4 * LARGEST + 64 * 1024  # octets: a character may take four
_POLL_INTERVAL = 1.0  # seconds
_CLIP = 102 * 1024  # octets after which Gmail clips a message


def _edit(request: DeskRequest) -> Response:
    """Shows the editor. Its script requests the findings; the page links to them for browsers without scripts."""
    text = read_dispatch(request.app, request.path["name"])
    summary = find_dispatch_summary(request.app, text.name)
    return request.page(
        "editor",
        heading=summary.title,
        listed=summary,
        since_sent=changed_since_sent(request.app, summary),
        dispatch=text,
        views=VIEWS,
        clip=_CLIP,
        today=_today(request),
        form_token=new_form_token(),
    )


def _today(request: DeskRequest) -> str:
    return dt.datetime.fromtimestamp(request.app.clock(), request.app.settings.timezone).date().isoformat()


def _save(request: DeskRequest) -> Response:
    name, typed = request.path["name"], request.form.raw("text")
    is_manual = not request.form.has("auto")
    try:
        saved = save_dispatch(
            request.app, name, typed, base=request.form.text("base"), actor=request.user.name, step=is_manual
        )
    except ChangedError as error:
        return _conflict(request, error.now, typed)
    if is_manual:
        request.record("dispatch.save", name)
    if request.wants_json:
        return request.json({"digest": saved.digest, "words": len(saved.text.split()), "title": _title(request)})
    return request.redirect(f"{HERE}/{name}", "Saved.")


def _conflict(request: DeskRequest, now: DispatchFile, typed: str) -> Response:
    if request.wants_json:
        return request.json({"digest": now.digest, "text": now.text, "title": _title(request)}, status=409)
    lines = diff(now.text, typed.replace("\r\n", "\n"))
    return request.page(
        "conflict", status=409, heading="Someone else changed this dispatch", now=now, typed=typed, changes=lines
    )


async def _watch(request: DeskRequest) -> Response:
    """Streams an event whenever the file changes, whoever changed it."""
    name, base = request.path["name"], request.query.get("base", "")

    async def events() -> AsyncGenerator[ServerSentEvent, None]:
        before = base
        while True:
            try:
                now = await run_in_threadpool(read_dispatch, request.app, name)
            except NoDispatchError:
                yield ServerSentEvent(name="gone", data=name)
                return
            if now.digest != before:
                before = now.digest
                yield ServerSentEvent(name="changed", data=now.digest)
            await asyncio.sleep(_POLL_INTERVAL)

    return request.stream(events())


def _references(request: DeskRequest) -> Response:
    """Returns what the editor offers after “[[” and “{{”."""
    references = find_references(request.app, request.path["name"])
    titles = [{"slug": slug, "title": title} for slug, title in references.titles.items()]
    return request.json({"dispatches": titles, "fields": references.fields})


def _text(request: DeskRequest) -> Response:
    now = read_dispatch(request.app, request.path["name"])
    return request.json({"text": now.text, "digest": now.digest, "title": _title(request)})


def _title(request: DeskRequest) -> str:
    """Returns the title of the dispatch as it is on disk, for the heading of the open page."""
    return find_dispatch_summary(request.app, request.path["name"]).title


ROUTES = (
    DeskRoute("GET", ONE, Role.WRITER, _edit),
    DeskRoute("POST", ONE, Role.WRITER, _save, largest=_LARGEST_FORM),
    DeskRoute("GET", f"{ONE}/text", Role.WRITER, _text),
    DeskRoute("GET", f"{ONE}/references", Role.WRITER, _references),
    DeskRoute("GET", f"{ONE}/changes", Role.WRITER, _watch),
)
