"""The guard of the desk: the checks in front of every endpoint, and the pages for requests that fail.

A request must come to the desk's own host. A POST must come from a page of the desk: by the browser's statement of the
origin, and by the CSRF token of the session, in the field `csrf_token` or the header X-CSRF-Token. The session must be
valid, and its user must have the role of the route. Errors that a user can correct are shown on a page with their next
step.
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

from mailer.app import App
from mailer.edition.template_loader import LayoutError
from mailer.errors import MailerError, SettingsError
from mailer.ledger.types.errors import LedgerError, UnknownSendError
from mailer.service.accounts.sessions import csrf_token, is_csrf_token, token_digest
from mailer.service.dispatches.check_concurrency import CheckGate, TooManyChecksError
from mailer.service.dispatches.files import NoDispatchError
from mailer.service.dispatches.preview import PreviewCache
from mailer.service.sends.monitor import SendSnapshot
from mailer.web.client_ip import address_of
from mailer.web.cookies import read_cookie
from mailer.web.desk.accounts import signin
from mailer.web.desk.dispatches import list as dispatches_list
from mailer.web.desk.flash import Flash
from mailer.web.desk.origin import Origin, is_same_origin, match_host, origin_of
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.render import DeskRenderer, json_page, wants_json
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute, Endpoint
from mailer.web.desk.sends import live
from mailer.web.desk.sends.live_broadcast import Fragments, SendBroadcaster
from mailer.web.desk.user_limits import UserLimits
from mailer.web.error_log_throttle import ErrorLog
from mailer.web.request_body import DeskForm, read_form

CSRF_FIELD, CSRF_HEADER = "csrf_token", "x-csrf-token"
_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Awaitable[Response]]


class DeskGuard:
    """Wraps endpoints in the checks of this module."""

    def __init__(self, app: App, root: str, gate: CheckGate) -> None:
        self._app = app
        self._errors = ErrorLog(_log)
        self._gate = gate
        self.pages = DeskRenderer(app, root)
        self._proofs = PreviewCache(app, f"{root}{dispatches_list.HERE}:image/", gate)
        self._broadcaster = SendBroadcaster(app, self._render_send)
        self._limits = UserLimits()

    def public(self, endpoint: _Handler) -> _Handler:
        """Returns `endpoint` for users who are not signed in: only host and origin are checked."""
        return partial(self._answer_public, endpoint)

    def protected(self, route: DeskRoute) -> _Handler:
        """Returns the endpoint of `route`, behind all the checks of this module."""
        return self.public(partial(self._answer_user, route))

    async def _answer_public(self, endpoint: _Handler, request: Request) -> Response:
        origin = match_host(request, self._app.settings.base_url)
        if origin is None:
            return self._wrong_host()
        request.state.origin = origin
        if request.method == "POST" and not is_same_origin(request, origin):
            return self._wrong_host() if self._is_behind_proxy(request, origin) else self._csrf_failed()
        try:
            return await endpoint(request)
        except HTTPException as error:
            return self._http_error(error)
        except MailerError as error:
            return self._user_error(error)

    async def _answer_user(self, route: DeskRoute, request: Request) -> Response:
        token = read_cookie(request, origin_of(request).cookie("session"))
        desk_request = await self._request(request, token)
        if desk_request is None:
            return self._signed_out(request)
        if not desk_request.may(route.role):
            return self._not_allowed(desk_request, route)
        try:
            return await self._answer(desk_request, route, token)
        except HTTPException as error:
            return self._http_error(error, desk_request)
        except MailerError as error:
            return self._user_error(error, desk_request)

    async def _request(self, request: Request, token: str) -> DeskRequest | None:
        """Returns the request of the user whose session has `token`; None if no session has it."""
        address = address_of(request, self._app.settings.trusted_proxies)
        find = self._app.ledger.sessions.find
        session = await run_in_threadpool(find, token_digest(token), address=address) if token else None
        if session is None:
            return None
        return DeskRequest(
            request=request,
            app=self._app,
            pages=self.pages,
            previews=self._proofs,
            gate=self._gate,
            broadcaster=self._broadcaster,
            limits=self._limits,
            session=session,
            form=DeskForm(),
            address=address,
            csrf_token=csrf_token(token),
            flash=self.pages.read_flash(request),
        )

    async def _answer(self, desk_request: DeskRequest, route: DeskRoute, token: str) -> Response:
        if route.method != "POST":
            return await _run(route.endpoint, desk_request)
        in_header = desk_request.request.headers.get(CSRF_HEADER, "")
        if in_header and not is_csrf_token(in_header, token):
            return self._csrf_failed(desk_request)
        desk_request = replace(desk_request, form=await read_form(desk_request.request, route.largest))
        try:
            if not is_csrf_token(in_header or desk_request.form.raw(CSRF_FIELD), token):
                return self._csrf_failed(desk_request)
            return await _run(route.endpoint, desk_request)
        finally:
            desk_request.form.close()

    def _render_send(
        self, snapshot: SendSnapshot, may_send: bool, before: tuple[SendSnapshot, Fragments] | None
    ) -> Fragments:
        return live.render_fragments(
            self.pages, self._app.settings.timezone, snapshot, may_send=may_send, before=before
        )

    def _is_behind_proxy(self, request: Request, origin: Origin) -> bool:
        """Whether a proxy in front hides the host that the browser requested."""
        base = urlsplit(self._app.settings.base_url)
        stated = request.headers.get("origin", "")
        return stated != origin.url and stated == f"{base.scheme}://{base.netloc}"

    def _wrong_host(self) -> Response:
        base_url = self._app.settings.base_url.rstrip("/")
        return self._message(
            "The desk is not available at this address.",
            f"Open {base_url}/desk/ instead. For the operator: a proxy in front must pass on the Host header.",
            status=421,
        )

    def _csrf_failed(self, desk_request: DeskRequest | None = None) -> Response:
        return self._message(
            "Nothing was changed: the page was out of date.",
            "Load it again and repeat what you did.",
            status=403,
            desk_request=desk_request,
        )

    def _signed_out(self, request: Request) -> Response:
        if wants_json(request):
            return json_page({"message": "You were signed out. Sign in again."}, status=401)
        if request.method == "POST":
            return self.pages.redirect(
                request, "/desk/sign-in", Flash("You were signed out, so nothing was changed. Sign in again.", bad=True)
            )
        return self.pages.redirect(request, f"/desk/sign-in{signin.next_query(request, self.pages.root)}")

    def _not_allowed(self, desk_request: DeskRequest, route: DeskRoute) -> Response:
        name, role = desk_request.user.name, _WITH_ARTICLE[desk_request.user.role]
        return self._message(
            f"This is for {_PLURALS[route.role]}.",
            f"You are signed in as {name}, {role}. An admin can change your role.",
            status=403,
            desk_request=desk_request,
        )

    def _http_error(self, error: HTTPException, desk_request: DeskRequest | None = None) -> Response:
        message, next_step = _HTTP_MESSAGES.get(error.status_code, ("This did not work.", "Go back and try again."))
        return self._message(message, next_step, status=error.status_code, desk_request=desk_request)

    def _user_error(self, error: MailerError, desk_request: DeskRequest | None = None) -> Response:
        message, next_step = describe_error(error)
        if isinstance(error, (LedgerError, SettingsError, LayoutError)):
            self._errors.write(error)
        status = 404 if isinstance(error, (NoDispatchError, UnknownSendError)) else 422
        status = 503 if isinstance(error, (LedgerError, TooManyChecksError)) else status
        return self._message(message, next_step, status=status, desk_request=desk_request)

    def _message(
        self, heading: str, next_step: str, *, status: int, desk_request: DeskRequest | None = None
    ) -> Response:
        if desk_request is not None and desk_request.wants_json:
            return json_page({"message": f"{heading} {next_step}".strip()}, status=status)
        context = {"heading": heading, "next_step": next_step, "back": self._back(desk_request) if desk_request else ""}
        return self.pages.page(
            "error" if desk_request and desk_request.is_partial else "message",
            status=status,
            viewer=desk_request.viewer if desk_request else None,
            context=context,
        )

    def _back(self, desk_request: DeskRequest) -> str:
        """Returns the path of the desk's page that the request came from; "" if it came from elsewhere or from itself."""
        request = desk_request.request
        try:
            before = urlsplit(request.headers.get("referer", ""))
        except ValueError:  # not a URL, as “http://[”
            return ""
        is_ours = f"{before.scheme}://{before.netloc}" == origin_of(request).url
        is_other = request.method == "POST" or before.path != request.url.path
        if not is_ours or not is_other or not before.path.startswith(f"{self.pages.root}/desk/"):
            return ""
        return urlunsplit(("", "", before.path, before.query, ""))


async def _run(endpoint: Endpoint, desk_request: DeskRequest) -> Response:
    if inspect.iscoroutinefunction(endpoint):
        response: Response = await endpoint(desk_request)
        return response
    blocking = cast("Callable[[DeskRequest], Response]", endpoint)
    return await run_in_threadpool(blocking, desk_request)


_WITH_ARTICLE = {"writer": "a writer", "editor": "an editor", "admin": "an admin"}
_PLURALS = {"writer": "writers", "editor": "editors", "admin": "admins"}
_HTTP_MESSAGES = {
    404: ("Page not found.", "It may have been renamed or removed."),
    408: ("The upload took too long.", "Check your connection and try again."),
    413: ("The upload is too large.", "Choose a smaller file."),
    429: ("Too many pages are open.", "Close some of them."),
}
