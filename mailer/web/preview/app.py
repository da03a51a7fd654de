"""The preview of one dispatch: a page for one person on this machine.

    GET  /TOKEN/  style.css  script.js  events  state  letter  mailed  text  readers  media/NAME      GET  /open/KEY

Only who knows the token gets anything, and only by an address of this machine (Host), so that neither other users of it nor
pages that the browser has open elsewhere can look. Programs see each other's arguments, so what a browser is started with
has a key instead, which leads to the page once. Nothing can be changed here; each answer forbids what it does not need, and the
letter runs no script whatever it holds.
"""

import asyncio
import hmac
import json
import logging
import secrets
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import lru_cache, partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mailer.edition.merge_fields import ReaderValues
from mailer.edition.model import Edition
from mailer.edition.templates import TemplateSet
from mailer.errors import MailerError
from mailer.lint.findings import RULEBOOK
from mailer.service.dispatches.preview import (
    DEVICES,
    NO_READER,
    ColorScheme,
    RenderedPreview,
    reader_values,
    render_preview,
    sample_addresses,
)
from mailer.service.dispatches.sample_message import SAMPLE_ADDRESS as SOMEBODY
from mailer.service.file_cache import Version, file_version
from mailer.web.pages import HTML, NO_STORE, respond
from mailer.web.preview.session import PreviewSession, PreviewState
from mailer.web.sse import ServerSentEvent, sse_response

_FOLDER = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"  # no scripts, no forms
_LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:; form-action 'none'; base-uri 'none'; "
    f"frame-ancestors 'self'; sandbox {_SANDBOX}"
)
_LETTER = {
    **NO_STORE,
    "Content-Security-Policy": _LETTER_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
}
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_FIELD = "field."
_LONGEST = 2000  # characters of what is typed for a field
_OFFERED = 200  # readers to choose from; any other address can be typed


def create_preview(live: PreviewSession, *, token: str, key: str) -> Starlette:
    """The preview of `live` under /`token`/; /open/`key` leads there once. Set its `state.ending` to end its streams."""
    preview = _Preview(live, token=token, key=key)

    def under(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(f"/{{token}}/{path}", partial(preview.guarded, endpoint))

    app = Starlette(
        routes=[
            Route("/open/{key}", preview.open),
            under("", preview.page),
            under("style.css", preview.style),
            under("script.js", preview.script),
            under("events", preview.events),
            under("state", preview.state),
            under("letter", preview.letter),
            under("mailed", preview.mailed),
            under("text", preview.text),
            under("readers", preview.readers),
            under("media/{name}", preview.media),
        ],
        exception_handlers={HTTPException: _refused, MailerError: _hindered},
    )
    app.state.ending = preview.ending
    app.router.redirect_slashes = False
    app.add_middleware(_ThisMachine)
    return app


class _ThisMachine:
    """Lets in who asks for this machine by one of its own names: a page elsewhere whose name was turned to 127.0.0.1 does not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
            port = scope["server"][1]
            if host not in {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}:
                await respond("This page is for this machine only.\n", _TEXT, status=421)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Preview:
    def __init__(self, live: PreviewSession, *, token: str, key: str) -> None:
        self.ending = asyncio.Event()
        self._live = live
        self._token = token
        self._key = key
        self._media = f"/{token}/media/"
        self._layout = TemplateSet([_FOLDER])
        self._reader = lru_cache(maxsize=64)(self._found)
        self._one_reader = threading.Lock()  # what a page asks at once is one look at the lists

    async def guarded(self, endpoint: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        """Answers by `endpoint`, if the path has our token."""
        if not _is_same(request.path_params["token"], self._token):
            raise HTTPException(404)
        return await endpoint(request)

    async def open(self, request: Request) -> Response:
        if not self._key or not _is_same(request.path_params["key"], self._key):
            raise HTTPException(404)
        self._key = ""
        return RedirectResponse(f"/{self._token}/", 303, {**NO_STORE, "Referrer-Policy": "no-referrer"})

    async def page(self, _request: Request) -> Response:
        text = self._layout.render(
            "page.html.j2",
            {"shown": self._live.shown, "devices": DEVICES, "sandbox": _SANDBOX, "schemes": list(ColorScheme)},
        )
        return respond(text, HTML, headers={**NO_STORE, "Content-Security-Policy": _POLICY})

    async def style(self, _request: Request) -> Response:
        return respond((_FOLDER / "style.css").read_bytes(), "text/css; charset=utf-8", headers=NO_STORE)

    async def script(self, _request: Request) -> Response:
        return respond((_FOLDER / "script.js").read_bytes(), "text/javascript; charset=utf-8", headers=NO_STORE)

    async def events(self, request: Request) -> Response:
        """Tells the page of each new state, until the preview ends."""
        return sse_response(request, self._states(), retry=500)

    async def _states(self) -> AsyncGenerator[ServerSentEvent, None]:
        number = -1
        while True:
            state = await self._live.after(number)
            number = state.number
            yield ServerSentEvent(data=json.dumps({"number": number, "made": state.made}))

    async def state(self, request: Request) -> Response:
        """All that the page shows but the letter itself."""
        state = self._live.state
        about = await run_in_threadpool(self._about, state, request.query_params)
        return respond(json.dumps(about, ensure_ascii=False), _JSON, headers=NO_STORE)

    async def letter(self, request: Request) -> Response:
        """The letter in its frame; an empty one while there is none."""
        scheme = request.query_params.get("scheme", "")
        shown = await self._shown(request, ColorScheme(scheme) if scheme in set(ColorScheme) else None)
        return respond(shown.html if shown else "<!DOCTYPE html><title>No letter</title>", HTML, headers=_LETTER)

    async def mailed(self, request: Request) -> Response:
        """The HTML as it leaves, to be read."""
        shown = await self._shown(request)
        return respond(shown.mailed if shown else "", _TEXT, headers=NO_STORE)

    async def text(self, request: Request) -> Response:
        shown = await self._shown(request)
        return respond(shown.text if shown else "", _TEXT, headers=NO_STORE)

    async def readers(self, _request: Request) -> Response:
        """Addresses to choose from."""
        try:
            found = await run_in_threadpool(sample_addresses, self._live.app, self._live.lists, _OFFERED)
        except MailerError:  # a list that is wrong is a finding
            found = ()
        return respond(json.dumps(found), _JSON, headers=NO_STORE)

    async def media(self, request: Request) -> Response:
        for image in (image for edition in self._live.editions for image in edition.images):
            if image.name == request.path_params["name"]:
                return respond(image.data, image.content_type, headers={"Cache-Control": "private, max-age=3600"})
        raise HTTPException(404)

    async def _shown(self, request: Request, scheme: ColorScheme | None = None) -> RenderedPreview | None:
        edition = self._live.state.edition
        return await run_in_threadpool(self._show, edition, request.query_params, scheme) if edition else None

    def _show(self, edition: Edition, asked: QueryParams, scheme: ColorScheme | None) -> RenderedPreview:
        values, _ = self._values(edition, asked)
        return render_preview(edition, values, media=self._media, scheme=scheme, images=asked.get("images") != "off")

    def _about(self, state: PreviewState, asked: QueryParams) -> dict[str, object]:
        made = state.draft
        about: dict[str, object] = {
            "number": state.number,
            "made": state.made,
            "source": made.source if made else None,
            "problems": [_told(problem.as_json(), made.checked.shown) for problem in made.problems] if made else [],
            "final": made is None or made.is_final,
            "before": state.is_before,
            "fault": state.fault,
        }
        if state.edition is not None:
            values, fault = self._values(state.edition, asked)
            shown = render_preview(state.edition, values, media=self._media)
            about |= {
                "title": state.edition.title,
                "from": state.edition.from_name,
                "language": state.edition.language,
                "direction": state.edition.direction,
                "subject": shown.subject,
                "size": shown.size if state.is_final else None,
                "fields": {name: values.fields.get(name, "") for name in sorted(state.edition.fields)},
                "address": values.address,
                "reader_fault": fault,
            }
        return about

    def _values(self, edition: Edition, asked: QueryParams) -> tuple[ReaderValues, str]:
        """Whom to write as, by the address and the fields that were typed, and why that is not possible."""
        email, fault, values = asked.get("as", "").strip(), "", NO_READER
        if email:
            workspace = self._live.app.workspace
            versions = tuple(file_version(workspace.subscribers / f"{name}.csv") for name in workspace.list_names())
            try:
                with self._one_reader:
                    values = self._reader(email, self._live.lists, edition.fields, versions)
            except MailerError as error:
                fault = str(error)
        typed = {
            name.removeprefix(_FIELD): value[:_LONGEST]
            for name, value in asked.items()
            if name.startswith(_FIELD) and name.removeprefix(_FIELD) in edition.fields
        }
        if typed:
            fields = {**values.fields, **typed}
            values = ReaderValues(fields=fields, address=values.address or SOMEBODY, token=values.token)
        return values, fault

    def _found(
        self, email: str, lists: tuple[str, ...], fields: frozenset[str], _versions: tuple[Version | None, ...]
    ) -> ReaderValues:
        return reader_values(self._live.app, email, lists, fields)


def new_token() -> str:
    """A part of an address that nobody guesses."""
    return secrets.token_urlsafe(24)


def _told(problem: dict[str, object], shown: str) -> dict[str, object]:
    """A finding with its reason and remedy; `here`: it is about the dispatch itself."""
    rule = RULEBOOK[str(problem["rule"])]
    return {**problem, "here": problem["path"] == shown, "why": rule.why, "how": rule.how}


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    return respond("There is no such page.\n", _TEXT, status=status)


async def _hindered(_request: Request, error: Exception) -> Response:
    logging.getLogger(__name__).error("%s", error)
    return respond(f"{error}\n", _TEXT, status=500)
