"""The desk: its routes put together, and the guard in front of them.

    GET  /desk/static/…   /desk/sign-in   /desk/link/TOKEN       for anybody
    POST /desk/sign-in    /desk/link/TOKEN
    GET  /desk/sign-in/oidc   /desk/sign-in/oidc/return          where the settings name an identity provider
    what ROUTES holds                                            for who is signed in and has the role

The guard: the request came to the desk's own address; what changes something came from a page of ours, by what the
browser says and by the session's token, in the field `form_token` or the header X-Form-Token; there is a session, and
its person has the role. Errors that a person can mend stand on a page of the desk with their next step.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import cast
from urllib.parse import urlsplit, urlunsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mailer.app import App
from mailer.errors import MailerError
from mailer.ledger.types.errors import LedgerError, UnknownSendError
from mailer.service.accounts.oidc.login import open_provider
from mailer.service.accounts.sessions import form_token, is_form_token, token_digest
from mailer.service.dispatches.files import NoDispatchError
from mailer.service.dispatches.preview import PreviewCache
from mailer.service.sends.monitor import SendSnapshot
from mailer.web.client_ip import address_of
from mailer.web.desk.accounts import profile, signin, users, webhooks
from mailer.web.desk.accounts.oidc import BACK, LEAVE, Oidc
from mailer.web.desk.accounts.signin import SignIn
from mailer.web.desk.dispatches import editor, history, photos, preview
from mailer.web.desk.dispatches import list as dispatches_list
from mailer.web.desk.lists import members, overview, uploads
from mailer.web.desk.lists import settings as lists_settings
from mailer.web.desk.origin import Origin, is_same_origin, match_host, origin_of
from mailer.web.desk.render import DeskRenderer, Flash, json_page, static_file, wants_json
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute, Endpoint
from mailer.web.desk.sends import compose, live, report, tests
from mailer.web.desk.sends import list as sends_list
from mailer.web.desk.sends.broadcast import Pieces, SendBroadcaster
from mailer.web.desk.subscribers import detail, suppressions
from mailer.web.forms import DeskForm, read_form

ROUTES: tuple[DeskRoute, ...] = (
    *signin.ROUTES,
    *dispatches_list.ROUTES,
    *preview.ROUTES,
    *editor.ROUTES,
    *photos.ROUTES,
    *history.ROUTES,
    *tests.ROUTES,
    *compose.ROUTES,
    *sends_list.ROUTES,
    *live.ROUTES,
    *report.ROUTES,
    *overview.ROUTES,
    *lists_settings.ROUTES,
    *members.ROUTES,
    *uploads.ROUTES,
    *detail.ROUTES,
    *suppressions.ROUTES,
    *profile.ROUTES,
    *users.ROUTES,
    *webhooks.ROUTES,
)
"""All that needs a role."""

TOKEN_FIELD, TOKEN_HEADER = "form_token", "x-form-token"
_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Awaitable[Response]]


def desk_routes(app: App, root: str) -> list[BaseRoute]:
    """The desk of `newsroom`, for a site at the path `root`. Raises SettingsError."""
    desk = DeskGuard(app, root)
    entry = SignIn(app, desk.pages)
    provider = open_provider(app)
    outside = Oidc(app, provider, entry, root) if provider else None
    return [
        Route("/desk/static/{name:path}", static_file),
        Route("/desk/sign-in", desk.public(entry.show)),
        Route("/desk/sign-in", desk.public(entry.sign_in), methods=["POST"]),
        Route("/desk/link/{token}", desk.public(entry.show_link)),
        Route("/desk/link/{token}", desk.public(entry.redeem), methods=["POST"]),
        *([Route(LEAVE, desk.public(outside.login)), Route(BACK, desk.public(outside.callback))] if outside else []),
        *(Route(each.path, desk.protected(each), methods=[each.method]) for each in ROUTES),
    ]


class DeskGuard:
    """The guard of a newsroom's desk."""

    def __init__(self, app: App, root: str) -> None:
        self._app = app
        self.pages = DeskRenderer(app, root)
        self._proofs = PreviewCache(app, f"{root}{dispatches_list.HERE}:image/")
        self._broadcaster = SendBroadcaster(app, self._draw)

    def public(self, endpoint: _Handler) -> _Handler:
        """The endpoint for somebody who is not signed in: the request has our host, and a form came from our page."""
        return partial(self._answer_public, endpoint)

    def protected(self, route: DeskRoute) -> _Handler:
        """The endpoint of `route` for a signed-in user with its role, behind all the checks of this module."""
        return self.public(partial(self._answer_user, route))

    async def _answer_public(self, endpoint: _Handler, request: Request) -> Response:
        door = match_host(request, self._app.settings.base_url)
        if door is None:
            return self._wrong_host()
        request.state.door = door
        if request.method == "POST" and not is_same_origin(request, door):
            return self._wrong_host() if self._is_hidden(request, door) else self._csrf_failed()
        try:
            return await endpoint(request)
        except HTTPException as error:
            return self._refused(error)
        except MailerError as error:
            return self._hindered(error)

    async def _answer_user(self, route: DeskRoute, request: Request) -> Response:
        token = request.cookies.get(origin_of(request).cookie("session"), "")
        desk_request = await self._request(request, token)
        if desk_request is None:
            return self._signed_out(request)
        if not desk_request.may(route.role):
            return self._not_allowed(desk_request, route)
        try:
            return await self._answer(desk_request, route, token)
        except HTTPException as error:
            return self._refused(error, desk_request)
        except MailerError as error:
            return self._hindered(error, desk_request)

    async def _request(self, request: Request, token: str) -> DeskRequest | None:
        """The visit of who holds `token`, if it is anybody's."""
        address = address_of(request, self._app.settings.trusted_proxies)
        find = self._app.ledger.sessions.find
        session = await run_in_threadpool(find, token_digest(token), address=address) if token else None
        if session is None:
            return None
        return DeskRequest(
            request=request,
            app=self._app,
            pages=self.pages,
            proofs=self._proofs,
            broadcaster=self._broadcaster,
            session=session,
            form=DeskForm(),
            address=address,
            form_token=form_token(token),
            flash=self.pages.pop_flash(request, origin_of(request)),
        )

    async def _answer(self, desk_request: DeskRequest, route: DeskRoute, token: str) -> Response:
        if route.method != "POST":
            return await _run(route.endpoint, desk_request)
        in_header = desk_request.request.headers.get(TOKEN_HEADER, "")
        if in_header and not is_form_token(in_header, token):
            return self._csrf_failed(desk_request)
        desk_request = replace(desk_request, form=await read_form(desk_request.request, route.largest))
        try:
            if not is_form_token(in_header or desk_request.form.raw(TOKEN_FIELD), token):
                return self._csrf_failed(desk_request)
            return await _run(route.endpoint, desk_request)
        finally:
            desk_request.form.close()

    def _draw(self, look: SendSnapshot, may_send: bool, before: tuple[SendSnapshot, Pieces] | None) -> Pieces:
        return live.fragments(self.pages, self._app.settings.timezone, look, may_send=may_send, before=before)

    def _is_hidden(self, request: Request, door: Origin) -> bool:
        """Whether a proxy in front keeps from us at which address the browser is."""
        base = urlsplit(self._app.settings.base_url)
        theirs = request.headers.get("origin", "")
        return theirs != door.origin and theirs == f"{base.scheme}://{base.netloc}"

    def _wrong_host(self) -> Response:
        base_url = self._app.settings.base_url.rstrip("/")
        return self._message(
            "The desk is not at this address.",
            f"It is at {base_url}/desk/. If a proxy stands in front, it must hand on the Host header.",
            status=421,
        )

    def _csrf_failed(self, desk_request: DeskRequest | None = None) -> Response:
        return self._message(
            "Nothing was changed: this did not come from a page of the desk.",
            "Load the page again and repeat what you did.",
            status=403,
            desk_request=desk_request,
        )

    def _signed_out(self, request: Request) -> Response:
        if wants_json(request):
            return json_page({"said": "You are signed out. Sign in again."}, status=401)
        if request.method == "POST":
            return self.pages.redirect(
                request, "/desk/sign-in", Flash("You are signed out, so nothing was changed. Sign in again.", bad=True)
            )
        return self.pages.redirect(request, f"/desk/sign-in{signin.then(request, self.pages.root)}")

    def _not_allowed(self, desk_request: DeskRequest, route: DeskRoute) -> Response:
        return self._message(
            f"This is for {_PLURALS[route.role]}.",
            f"You are signed in as {desk_request.user.name}, {_A[desk_request.user.role]}. An admin can change that under People.",
            status=403,
            desk_request=desk_request,
        )

    def _refused(self, error: HTTPException, desk_request: DeskRequest | None = None) -> Response:
        message, next_step = _SENTENCES.get(error.status_code, ("This request cannot be answered.", ""))
        return self._message(message, next_step, status=error.status_code, desk_request=desk_request)

    def _hindered(self, error: MailerError, desk_request: DeskRequest | None = None) -> Response:
        if isinstance(error, LedgerError):
            _log.error("%s", error)
            return self._message(error.message, error.next_step, status=503, desk_request=desk_request)
        status = 404 if isinstance(error, (NoDispatchError, UnknownSendError)) else 422
        message = f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}."
        return self._message(message, error.next_step, status=status, desk_request=desk_request)

    def _message(
        self, heading: str, next_step: str, *, status: int, desk_request: DeskRequest | None = None
    ) -> Response:
        if desk_request is not None and desk_request.wants_json:
            return json_page({"said": f"{heading} {next_step}".strip()}, status=status)
        context = {"heading": heading, "next_step": next_step, "back": self._back(desk_request) if desk_request else ""}
        return self.pages.page(
            "trouble" if desk_request and desk_request.is_partial else "message",
            status=status,
            viewer=desk_request.viewer if desk_request else None,
            context=context,
        )

    def _back(self, desk_request: DeskRequest) -> str:
        """The path of the desk's page that the request came from; "" for none, or itself."""
        request, before = desk_request.request, urlsplit(desk_request.request.headers.get("referer", ""))
        is_ours = f"{before.scheme}://{before.netloc}" == origin_of(request).origin
        is_other = request.method == "POST" or before.path != request.url.path
        if not is_ours or not is_other or not before.path.startswith(f"{self.pages.root}/desk/"):
            return ""
        return urlunsplit(("", "", before.path, before.query, ""))


async def _run(endpoint: Endpoint, desk_request: DeskRequest) -> Response:
    if inspect.iscoroutinefunction(endpoint):
        response: Response = await endpoint(desk_request)
        return response
    plain = cast("Callable[[DeskRequest], Response]", endpoint)
    return await run_in_threadpool(plain, desk_request)


_A = {"writer": "a writer", "editor": "an editor", "admin": "an admin"}
_PLURALS = {"writer": "writers", "editor": "editors", "admin": "admins"}
_SENTENCES = {
    404: ("There is no such page at the desk.", "It may have been renamed or removed."),
    408: ("What you sent took too long to come.", "Check your connection and try again."),
    413: ("What you sent is too large.", "Send a smaller file."),
}
