"""The preview of one dispatch: pages for one user on this machine.

    GET  /TOKEN/  style.css  script.js  events  state  letter  mailed  text  readers  media/NAME      GET  /open/KEY

A request needs the token in its path and a loopback name of this machine as its Host, so that neither other users of the
machine nor pages of other sites can read anything. Command lines are visible to other users, so the browser is started
with a one-time key instead, which redirects to the page. Nothing can be changed here; each response forbids what it does not
need, and the message runs no scripts.
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
from mailer.edition.template_loader import TemplateSet
from mailer.errors import MailerError
from mailer.lint.rule_catalogue import RULEBOOK
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
from mailer.web.preview.session import PreviewSession, PreviewState
from mailer.web.responses import HTML, NO_STORE, respond
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
_LONGEST = 2000  # characters of a field that is typed
_OFFERED = 200  # readers to choose from; any other address can be typed


def create_preview(session: PreviewSession, *, token: str, key: str) -> Starlette:
    """Returns the preview of `session` under /`token`/, to which /open/`key` redirects once.

    Setting its `state.ending` ends its event streams.
    """
    preview = _Preview(session, token=token, key=key)

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
        exception_handlers={HTTPException: _http_error, MailerError: _user_error},
    )
    app.state.ending = preview.ending
    app.router.redirect_slashes = False
    app.add_middleware(_LoopbackOnlyMiddleware)
    return app


class _LoopbackOnlyMiddleware:
    """Accepts only requests whose Host is a loopback name of this machine, against DNS rebinding."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
            port = scope["server"][1]
            if host not in {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}:
                await respond("This page can be opened on this machine only.\n", _TEXT, status=421)(
                    scope, receive, send
                )
                return
        await self._app(scope, receive, send)


class _Preview:
    def __init__(self, session: PreviewSession, *, token: str, key: str) -> None:
        self.ending = asyncio.Event()
        self._session = session
        self._token = token
        self._key = key
        self._media = f"/{token}/media/"
        self._templates = TemplateSet([_FOLDER])
        self._cached_reader = lru_cache(maxsize=64)(self._reader_values)
        self._reader_lock = threading.Lock()  # concurrent requests of a page read the lists once

    async def guarded(self, endpoint: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        """Calls `endpoint` if the path contains our token."""
        if not _is_equal(request.path_params["token"], self._token):
            raise HTTPException(404)
        return await endpoint(request)

    async def open(self, request: Request) -> Response:
        if not self._key or not _is_equal(request.path_params["key"], self._key):
            raise HTTPException(404)
        self._key = ""
        return RedirectResponse(f"/{self._token}/", 303, {**NO_STORE, "Referrer-Policy": "no-referrer"})

    async def page(self, _request: Request) -> Response:
        text = self._templates.render(
            "page.html.j2",
            {
                "shown": self._session.display_name,
                "devices": DEVICES,
                "sandbox": _SANDBOX,
                "schemes": list(ColorScheme),
            },
        )
        return respond(text, HTML, headers={**NO_STORE, "Content-Security-Policy": _POLICY})

    async def style(self, _request: Request) -> Response:
        return respond((_FOLDER / "style.css").read_bytes(), "text/css; charset=utf-8", headers=NO_STORE)

    async def script(self, _request: Request) -> Response:
        return respond((_FOLDER / "script.js").read_bytes(), "text/javascript; charset=utf-8", headers=NO_STORE)

    async def events(self, request: Request) -> Response:
        """Streams an event for each new state."""
        return sse_response(request, self._states(), retry=500)

    async def _states(self) -> AsyncGenerator[ServerSentEvent, None]:
        number = -1
        while True:
            state = await self._session.after(number)
            number = state.number
            yield ServerSentEvent(data=json.dumps({"number": number, "made": state.shown_number}))

    async def state(self, request: Request) -> Response:
        """Returns everything that the page shows except the message."""
        state = self._session.state
        content = await run_in_threadpool(self._state_json, state, request.query_params)
        return respond(json.dumps(content, ensure_ascii=False), _JSON, headers=NO_STORE)

    async def letter(self, request: Request) -> Response:
        """Returns the message for the frame; an empty page while there is none."""
        scheme = request.query_params.get("scheme", "")
        rendered = await self._rendered(request, ColorScheme(scheme) if scheme in set(ColorScheme) else None)
        return respond(rendered.html if rendered else "<!DOCTYPE html><title>No message</title>", HTML, headers=_LETTER)

    async def mailed(self, request: Request) -> Response:
        """Returns the source of the HTML as it would be sent."""
        rendered = await self._rendered(request)
        return respond(rendered.mailed if rendered else "", _TEXT, headers=NO_STORE)

    async def text(self, request: Request) -> Response:
        rendered = await self._rendered(request)
        return respond(rendered.text if rendered else "", _TEXT, headers=NO_STORE)

    async def readers(self, _request: Request) -> Response:
        """Returns addresses of readers to choose from."""
        try:
            found = await run_in_threadpool(sample_addresses, self._session.app, self._session.lists, _OFFERED)
        except MailerError:  # an error in a list is a finding
            found = ()
        return respond(json.dumps(found), _JSON, headers=NO_STORE)

    async def media(self, request: Request) -> Response:
        for image in (image for edition in self._session.editions for image in edition.images):
            if image.name == request.path_params["name"]:
                return respond(image.data, image.content_type, headers={"Cache-Control": "private, max-age=3600"})
        raise HTTPException(404)

    async def _rendered(self, request: Request, scheme: ColorScheme | None = None) -> RenderedPreview | None:
        edition = self._session.state.edition
        return await run_in_threadpool(self._render, edition, request.query_params, scheme) if edition else None

    def _render(self, edition: Edition, query: QueryParams, scheme: ColorScheme | None) -> RenderedPreview:
        values, _ = self._values(edition, query)
        return render_preview(edition, values, media=self._media, scheme=scheme, images=query.get("images") != "off")

    def _state_json(self, state: PreviewState, query: QueryParams) -> dict[str, object]:
        draft = state.draft
        content: dict[str, object] = {
            "number": state.number,
            "made": state.shown_number,
            "source": draft.source if draft else None,
            "problems": [_finding_json(problem.as_json(), draft.checked.shown) for problem in draft.problems]
            if draft
            else [],
            "final": draft is None or draft.is_final,
            "before": state.is_before,
            "fault": state.error,
        }
        if state.edition is not None:
            values, error = self._values(state.edition, query)
            rendered = render_preview(state.edition, values, media=self._media)
            content |= {
                "title": state.edition.title,
                "from": state.edition.from_name,
                "language": state.edition.language,
                "direction": state.edition.direction,
                "subject": rendered.subject,
                "size": rendered.size if state.is_final else None,
                "fields": {name: values.fields.get(name, "") for name in sorted(state.edition.fields)},
                "address": values.address,
                "reader_fault": error,
            }
        return content

    def _values(self, edition: Edition, query: QueryParams) -> tuple[ReaderValues, str]:
        """Returns the values of the reader that was chosen, with typed fields, and the error if there is no such reader."""
        email, error, values = query.get("as", "").strip(), "", NO_READER
        if email:
            workspace = self._session.app.workspace
            versions = tuple(file_version(workspace.subscribers / f"{name}.csv") for name in workspace.list_names())
            try:
                with self._reader_lock:
                    values = self._cached_reader(email, self._session.lists, edition.fields, versions)
            except MailerError as failure:
                error = str(failure)
        typed = {
            name.removeprefix(_FIELD): value[:_LONGEST]
            for name, value in query.items()
            if name.startswith(_FIELD) and name.removeprefix(_FIELD) in edition.fields
        }
        if typed:
            fields = {**values.fields, **typed}
            values = ReaderValues(fields=fields, address=values.address or SOMEBODY, token=values.token)
        return values, error

    def _reader_values(
        self, email: str, lists: tuple[str, ...], fields: frozenset[str], _versions: tuple[Version | None, ...]
    ) -> ReaderValues:
        return reader_values(self._session.app, email, lists, fields)


def new_token() -> str:
    """Returns an unguessable part of a URL."""
    return secrets.token_urlsafe(24)


def _finding_json(problem: dict[str, object], rendered: str) -> dict[str, object]:
    """Returns a finding with its reason and remedy; `here`: it is about the dispatch itself."""
    rule = RULEBOOK[str(problem["rule"])]
    return {**problem, "here": problem["path"] == rendered, "why": rule.why, "how": rule.how}


def _is_equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    return respond("Page not found.\n", _TEXT, status=status)


async def _user_error(_request: Request, error: Exception) -> Response:
    logging.getLogger(__name__).error("%s", error)
    return respond(f"{error}\n", _TEXT, status=500)
