"""Writing a dispatch: the editor, and saving what was typed in it.

The editor's script saves by itself and speaks JSON; without a script the same routes answer forms with pages. A text that lost
its file to somebody else (`ChangedError`) is never lost: it stands on the page that says so.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mailer.ledger.types.accounts import Role
from mailer.service.dispatches.files import (
    LARGEST,
    ChangedError,
    DispatchFile,
    NoDispatchError,
    read_dispatch,
    save_dispatch,
)
from mailer.service.dispatches.status import find_dispatch_summary
from mailer.web.desk.dispatches.history import changes
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.dispatches.preview import VIEWS
from mailer.web.desk.form_tokens import new_token
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.sse import ServerSentEvent, sse_response

_TEXT = 4 * LARGEST + 64 * 1024  # octets: a character may take four
_WATCH = 1.0  # seconds between two looks at the file
_CLIP = 102 * 1024  # octets after which Gmail cuts a letter off


def _write(request: DeskRequest) -> Response:
    """The editor. What is wrong with the text, its script asks for; who has none sees it here."""
    text = read_dispatch(request.app, request.path["name"])
    stands = find_dispatch_summary(request.app, text.name)
    return request.page(
        "write",
        heading=stands.title,
        listed=stands,
        dispatch=text,
        views=VIEWS,
        clip=_CLIP,
        today=_today(request),
        once=new_token(),
    )


def _today(request: DeskRequest) -> str:
    return dt.datetime.fromtimestamp(request.app.clock(), request.app.settings.timezone).date().isoformat()


def _save(request: DeskRequest) -> Response:
    name, typed = request.path["name"], request.form.raw("text")
    by_hand = not request.form.has("auto")
    try:
        saved = save_dispatch(
            request.app, name, typed, base=request.form.text("base"), actor=request.user.name, step=by_hand
        )
    except ChangedError as error:
        return _conflict(request, error.now, typed)
    if by_hand:
        request.record("dispatch.save", name)
    if request.wants_json:
        return request.json({"digest": saved.digest, "words": len(saved.text.split())})
    return request.redirect(f"{HERE}/{name}", "Saved.")


def _conflict(request: DeskRequest, now: DispatchFile, typed: str) -> Response:
    if request.wants_json:
        return request.json({"digest": now.digest, "text": now.text}, status=409)
    lines = changes(now.text, typed.replace("\r\n", "\n"))
    return request.page(
        "conflict", status=409, heading="The file was changed meanwhile", now=now, typed=typed, changes=lines
    )


async def _changed(request: DeskRequest) -> Response:
    """Tell the editor when the file becomes another one, by whomever."""
    name, seen = request.path["name"], request.query.get("base", "")

    async def events() -> AsyncGenerator[ServerSentEvent, None]:
        before = seen
        while True:
            try:
                now = await run_in_threadpool(read_dispatch, request.app, name)
            except NoDispatchError:
                yield ServerSentEvent(name="gone", data=name)
                return
            if now.digest != before:
                before = now.digest
                yield ServerSentEvent(name="changed", data=now.digest)
            await asyncio.sleep(_WATCH)

    return sse_response(request.request, events())


def _text(request: DeskRequest) -> Response:
    now = read_dispatch(request.app, request.path["name"])
    return request.json({"text": now.text, "digest": now.digest})


ROUTES = (
    DeskRoute("GET", ONE, Role.WRITER, _write),
    DeskRoute("POST", ONE, Role.WRITER, _save, largest=_TEXT),
    DeskRoute("GET", f"{ONE}/text", Role.WRITER, _text),
    DeskRoute("GET", f"{ONE}/changes", Role.WRITER, _changed),
)
