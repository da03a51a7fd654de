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
from mailer.service.dispatches.files import LARGEST, ChangedError, DispatchFile, NoDispatchError, read, save
from mailer.service.dispatches.overview import listed
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


def _write(visit: DeskRequest) -> Response:
    """The editor. What is wrong with the text, its script asks for; who has none sees it here."""
    text = read(visit.app, visit.path["name"])
    stands = listed(visit.app, text.name)
    return visit.page(
        "write",
        heading=stands.title,
        listed=stands,
        dispatch=text,
        views=VIEWS,
        clip=_CLIP,
        today=_today(visit),
        once=new_token(),
    )


def _today(visit: DeskRequest) -> str:
    return dt.datetime.fromtimestamp(visit.app.clock(), visit.app.settings.timezone).date().isoformat()


def _save(visit: DeskRequest) -> Response:
    name, typed = visit.path["name"], visit.form.raw("text")
    by_hand = not visit.form.has("auto")
    try:
        saved = save(visit.app, name, typed, base=visit.form.text("base"), actor=visit.user.name, step=by_hand)
    except ChangedError as error:
        return _conflict(visit, error.now, typed)
    if by_hand:
        visit.record("dispatch.save", name)
    if visit.wants_json:
        return visit.json({"digest": saved.digest, "words": len(saved.text.split())})
    return visit.redirect(f"{HERE}/{name}", "Saved.")


def _conflict(visit: DeskRequest, now: DispatchFile, typed: str) -> Response:
    if visit.wants_json:
        return visit.json({"digest": now.digest, "text": now.text}, status=409)
    lines = changes(now.text, typed.replace("\r\n", "\n"))
    return visit.page(
        "conflict", status=409, heading="The file was changed meanwhile", now=now, typed=typed, changes=lines
    )


async def _changed(visit: DeskRequest) -> Response:
    """Tell the editor when the file becomes another one, by whomever."""
    name, seen = visit.path["name"], visit.query.get("base", "")

    async def events() -> AsyncGenerator[ServerSentEvent, None]:
        before = seen
        while True:
            try:
                now = await run_in_threadpool(read, visit.app, name)
            except NoDispatchError:
                yield ServerSentEvent(name="gone", data=name)
                return
            if now.digest != before:
                before = now.digest
                yield ServerSentEvent(name="changed", data=now.digest)
            await asyncio.sleep(_WATCH)

    return sse_response(visit.request, events())


def _text(visit: DeskRequest) -> Response:
    now = read(visit.app, visit.path["name"])
    return visit.json({"text": now.text, "digest": now.digest})


ROUTES = (
    DeskRoute("GET", ONE, Role.WRITER, _write),
    DeskRoute("POST", ONE, Role.WRITER, _save, largest=_TEXT),
    DeskRoute("GET", f"{ONE}/text", Role.WRITER, _text),
    DeskRoute("GET", f"{ONE}/changes", Role.WRITER, _changed),
)
