"""Signing in and out, with a second factor if the user has one, and setting a password by an invite link.

A wrong name and a wrong password get the same answer after the same time; repeated failures are delayed
(`login_throttle`) and logged, with the address and without the name, which may be a password in the wrong field. At most two
passwords are hashed at once, since each takes 64 MB, and at most MAX_WAITING wait for that. Every sign-in creates a new session
and ends the previous one of the browser. Between the password and the code, a cookie holds the pending sign-in; a user can
try five codes, then one in five minutes, from wherever they are tried.
"""

import asyncio
import logging
import time
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.accounts.sessions import LONGEST
from mailer.ledger.accounts.users import LONGEST_NAME, name_key
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts.invites import accept_invite
from mailer.service.accounts.passwords import sign_in
from mailer.service.accounts.sessions import NewSession, token_digest
from mailer.service.accounts.two_factor import PENDING_FOR, PendingSignIn, finish_sign_in, pending_user
from mailer.web.client_ip import address_of
from mailer.web.cookies import read_cookie
from mailer.web.desk.accounts.device_cookie import GOOD_FOR, new_device_cookie, verify_device_cookie
from mailer.web.desk.accounts.login_throttle import LoginThrottle, throttle_keys
from mailer.web.desk.flash import Flash
from mailer.web.desk.origin import origin_of
from mailer.web.desk.render import DeskRenderer
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.rate_limit import Rate, RateLimiter
from mailer.web.request_body import read_form

HOME = "/desk/"
_DEVICE_COOKIE = "device"
_PENDING_COOKIE = "pending"
_CODES = Rate(burst=5, every=300)
_LARGEST_FORM = 8 * 1024  # octets
_MOST_OF_NAME = 4 * LONGEST_NAME  # characters that are read: normalising takes quadratic time on combining marks
_MOST_OF_CODE = 100  # characters that are read
_MAX_HASHES = 2  # at once
MAX_WAITING = 20  # attempts that wait for a hash: about a second
_log = logging.getLogger(__name__)


class SignInPages:
    """Endpoints for users who are not signed in."""

    def __init__(self, app: App, pages: DeskRenderer) -> None:
        self._app = app
        self._pages = pages
        self._throttle = LoginThrottle()
        self._hashing = asyncio.Semaphore(_MAX_HASHES)
        self._waiting = 0
        self._codes = RateLimiter(time.monotonic, each=_CODES)
        settings = app.settings
        self._methods = {
            "provider": settings.oidc_name if settings.oidc_issuer else "",
            "passwords": not settings.oidc_only,
        }

    async def show(self, request: Request) -> Response:
        flash = self._pages.read_flash(request)
        response = await run_in_threadpool(self._form, flash, wanted=request.query_params.get("next", ""))
        if flash:
            self._pages.clear_flash(request, response)
        return response

    async def sign_in(self, request: Request) -> Response:
        form = await read_form(request, _LARGEST_FORM)
        name, password, wanted = form.text("name")[:_MOST_OF_NAME], form.raw("password"), form.text("next")
        address = self._address(request)
        device = verify_device_cookie(self._app, read_cookie(request, origin_of(request).cookie(_DEVICE_COOKIE)), name)
        keys = throttle_keys(address, name_key(name), device)
        delay = None if self._waiting >= MAX_WAITING else self._throttle.begin(keys, asyncio.get_running_loop().time())
        if delay is None:
            flash = Flash("Too many attempts. Wait half a minute, then try again.", bad=True)
            return await run_in_threadpool(self._form, flash, name=name, wanted=wanted, status=429)
        await asyncio.sleep(delay)
        session = await self._verify(request, name, password, address)
        if session is None:
            _log.warning("Failed sign-in at the desk from %s.", address)
            flash = Flash("The name or the password is wrong.", bad=True)
            return await run_in_threadpool(self._form, flash, name=name, wanted=wanted, status=403)
        self._throttle.succeeded(keys)
        return await run_in_threadpool(self._begin, request, session, address, safe_path(wanted))

    async def show_code(self, request: Request) -> Response:
        flash = self._pages.read_flash(request)
        response = await run_in_threadpool(self._code_page, request, request.query_params.get("next", ""), flash)
        if flash:
            self._pages.clear_flash(request, response)
        return response

    async def check_code(self, request: Request) -> Response:
        form = await read_form(request, _LARGEST_FORM)
        return await run_in_threadpool(self._check_code, request, form.text("code")[:_MOST_OF_CODE], form.text("next"))

    def _check_code(self, request: Request, code: str, wanted: str) -> Response:
        token, address = read_cookie(request, origin_of(request).cookie(_PENDING_COOKIE)), self._address(request)
        user = pending_user(self._app, token)
        if user is None:
            return self._code_page(request, wanted)
        if self._codes.retry_after(str(user.id)):
            flash = Flash("Too many attempts. Wait five minutes, then try again.", bad=True)
            return self._code_page(request, wanted, flash, status=429)
        browser = request.headers.get("user-agent", "")
        session = finish_sign_in(self._app, token, code, browser=browser, address=address)
        if session is None:
            _log.warning("Wrong code at the desk from %s, after a right password.", address)
            return self._code_page(
                request, wanted, Flash("This code is wrong, or was used before.", bad=True), status=403
            )
        response = self.begin_session(request, session, address, safe_path(wanted), how="with a code")
        response.delete_cookie(**_cookie(request, _PENDING_COOKIE))
        return response

    def _code_page(self, request: Request, wanted: str, flash: Flash | None = None, *, status: int = 200) -> Response:
        """Returns the page that asks for a code; without a pending sign-in, the one that asks for the password."""
        token = read_cookie(request, origin_of(request).cookie(_PENDING_COOKIE))
        user = pending_user(self._app, token) if token else None
        if user is None:
            flash = Flash("Enter your name and password again.", bad=True)
            return self._pages.redirect(request, f"/desk/sign-in{_next(wanted)}", flash)
        context = {"heading": "Two-factor sign-in", "wanted": wanted}
        return self._pages.page("sign-in-code", status=status, flash=flash, context=context)

    def _begin(self, request: Request, found: NewSession | PendingSignIn, address: str, path: str) -> Response:
        """Begins a session, or asks for the code."""
        if isinstance(found, NewSession):
            return self.begin_session(request, found, address, path)
        response = self._pages.redirect(request, f"/desk/sign-in/code{_next(path)}")
        response.set_cookie(value=found.token, max_age=PENDING_FOR, **_cookie(request, _PENDING_COOKIE))
        return response

    async def _verify(
        self, request: Request, name: str, password: str, address: str
    ) -> NewSession | PendingSignIn | None:
        self._waiting += 1
        try:
            async with self._hashing:
                browser = request.headers.get("user-agent", "")
                return await run_in_threadpool(sign_in, self._app, name, password, browser=browser, address=address)
        finally:
            self._waiting -= 1

    async def show_invite(self, request: Request) -> Response:
        return await run_in_threadpool(self._password_page, request.path_params["token"])

    async def redeem_invite(self, request: Request) -> Response:
        form = await read_form(request, _LARGEST_FORM)
        token, address = request.path_params["token"], self._address(request)
        if form.raw("password") != form.raw("again"):
            flash = Flash("The two passwords differ. Type the same password twice.", bad=True)
            return await run_in_threadpool(self._password_page, token, flash)
        try:
            async with self._hashing:
                browser = request.headers.get("user-agent", "")
                session = await run_in_threadpool(
                    accept_invite, self._app, token, form.raw("password"), browser=browser, address=address
                )
        except UsageError as error:
            return await run_in_threadpool(self._password_page, token, Flash(str(error), bad=True))
        if session is None:
            raise HTTPException(404)
        return await run_in_threadpool(self._begin, request, session, address, HOME)

    async def form(self, flash: Flash, *, wanted: str, status: int) -> Response:
        """Returns the sign-in page with an error."""
        return await run_in_threadpool(self._form, flash, wanted=wanted, status=status)

    def _form(self, flash: Flash | None, *, name: str = "", wanted: str = "", status: int = 200) -> Response:
        nobody = not self._app.ledger.users.all()
        context = {"heading": "Sign in", "name": name, "wanted": wanted, "nobody": nobody, **self._methods}
        return self._pages.page("sign-in", status=status, flash=flash, context=context)

    def _password_page(self, token: str, flash: Flash | None = None) -> Response:
        user = self._app.ledger.users.by_link(token_digest(token))
        if user is None:
            expired = {
                "heading": "This link has expired or was used already.",
                "next_step": "A link works once, for three days. Ask an admin for a new one.",
                "back": "",
            }
            return self._pages.page("message", status=404, context=expired)
        context = {"heading": f"Welcome, {user.name}", "invited": user}
        return self._pages.page("set-password", status=422 if flash else 200, flash=flash, context=context)

    def begin_session(
        self, request: Request, session: NewSession, address: str, path: str, *, how: str = ""
    ) -> Response:
        """Redirects to `path` with the cookie of `session`, and ends the previous session. `how`: for the audit log."""
        origin = origin_of(request)
        sessions = self._app.ledger.sessions
        if before := sessions.find(token_digest(read_cookie(request, origin.cookie("session")))):
            sessions.end(before.user.id, before.id)
        self._app.ledger.audit.record(session.user.name, "session.begin", "", how, address=address)
        response = self._pages.redirect(request, path)
        response.set_cookie(
            origin.cookie("session"),
            session.token,
            max_age=LONGEST,
            secure=origin.secure,
            httponly=True,
            samesite="lax",
        )
        response.set_cookie(
            origin.cookie(_DEVICE_COOKIE),
            new_device_cookie(self._app, session.user.name),
            max_age=GOOD_FOR,
            secure=origin.secure,
            httponly=True,
            samesite="strict",
        )
        return response

    def _address(self, request: Request) -> str:
        return address_of(request, self._app.settings.trusted_proxies)


def _cookie(request: Request, name: str) -> dict[str, Any]:
    """Returns the name and the attributes of a cookie that no other site can have sent."""
    origin = origin_of(request)
    return {"key": origin.cookie(name), "secure": origin.secure, "httponly": True, "samesite": "strict"}


def _next(path: str) -> str:
    return f"?next={quote(path)}" if path not in {"", HOME} else ""


def next_query(request: Request, root: str) -> str:
    """Returns the query with which signing in leads back to the page that was requested."""
    path = request.url.path.removeprefix(root)
    wanted = f"{path}?{request.url.query}" if request.url.query else path
    return _next(wanted) if request.method == "GET" else ""


def safe_path(wanted: str) -> str:
    """Returns `wanted` if it is a path of the desk, else that of its first page."""
    try:
        parts = urlsplit(wanted)
    except ValueError:  # not a URL, as “//[”
        return HOME
    is_safe = not parts.scheme and not parts.netloc and parts.path.startswith("/desk/") and "\\" not in wanted
    return wanted if is_safe and wanted.isprintable() and ".." not in parts.path else HOME


def _home(desk_request: DeskRequest) -> Response:
    return desk_request.redirect(HOME)


def _sign_out(desk_request: DeskRequest) -> Response:
    desk_request.app.ledger.sessions.end(desk_request.user.id, desk_request.session.id)
    desk_request.record("session.end")
    response = desk_request.redirect("/desk/sign-in", "You are signed out.")
    origin = origin_of(desk_request.request)
    response.delete_cookie(origin.cookie("session"), secure=origin.secure, httponly=True, samesite="lax")
    return response


ROUTES = (
    DeskRoute("GET", "/desk", Role.WRITER, _home),
    DeskRoute("POST", "/desk/sign-out", Role.WRITER, _sign_out),
)
