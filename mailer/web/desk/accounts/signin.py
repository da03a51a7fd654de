"""Signing in and out, and choosing a password by a link.

A wrong name and a wrong password get the same answer after the same time; who guesses waits ever longer (`guessing`).
No more than two passwords are looked at at once, for each takes 64 MB. A session's pass is new at each sign-in, and
what was there before ends.
"""

import asyncio
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.accounts.sessions import LONGEST
from mailer.ledger.accounts.users import name_key
from mailer.ledger.types.accounts import Role
from mailer.service.accounts.passwords import accept_invite, sign_in
from mailer.service.accounts.sessions import NewSession, token_digest
from mailer.web.client_ip import address_of, rate_limit_key
from mailer.web.desk.accounts.login_throttle import LoginThrottle
from mailer.web.desk.origin import origin_of
from mailer.web.desk.render import DeskRenderer, Flash
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.forms import read_form

HOME = "/desk/dispatches"
_FORM = 8 * 1024
_AT_ONCE = 2


class SignIn:
    """What stands before the guard."""

    def __init__(self, app: App, pages: DeskRenderer) -> None:
        self._app = app
        self._pages = pages
        self._guesses = LoginThrottle()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        settings = app.settings
        self._ways = {
            "provider": settings.oidc_name if settings.oidc_issuer else "",
            "passwords": not settings.oidc_only,
        }

    async def show(self, request: Request) -> Response:
        door = origin_of(request)
        said = self._pages.pop_flash(request, door)
        return await run_in_threadpool(self._form, said, wanted=request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        form = await read_form(request, _FORM)
        name, password, wanted = form.text("name"), form.raw("password"), form.text("next")
        address = self._address(request)
        keys = rate_limit_key(address), name_key(name)
        clock = asyncio.get_running_loop().time
        pause = self._guesses.pause(*keys, clock())
        if pause is None:
            said = Flash("There were too many tries. Wait half a minute, then try again.", bad=True)
            return await run_in_threadpool(self._form, said, name=name, wanted=wanted, status=429)
        await asyncio.sleep(pause)
        async with self._at_once:
            browser = request.headers.get("user-agent", "")
            entered = await run_in_threadpool(sign_in, self._app, name, password, browser=browser, address=address)
        if entered is None:
            self._guesses.failed(*keys, clock())
            said = Flash("Name or password is wrong.", bad=True)
            return await run_in_threadpool(self._form, said, name=name, wanted=wanted, status=403)
        self._guesses.succeeded(keys[1])
        return await run_in_threadpool(self.let_in, request, entered, address, inside(wanted))

    async def show_link(self, request: Request) -> Response:
        return await run_in_threadpool(self._choose, request.path_params["token"])

    async def redeem(self, request: Request) -> Response:
        form = await read_form(request, _FORM)
        token, address = request.path_params["token"], self._address(request)
        if form.raw("password") != form.raw("again"):
            said = Flash("The two passwords are not the same. Type the same one twice.", bad=True)
            return await run_in_threadpool(self._choose, token, said)
        try:
            async with self._at_once:
                browser = request.headers.get("user-agent", "")
                entered = await run_in_threadpool(
                    accept_invite, self._app, token, form.raw("password"), browser=browser, address=address
                )
        except UsageError as error:
            return await run_in_threadpool(self._choose, token, Flash(str(error), bad=True))
        if entered is None:
            raise HTTPException(404)
        return await run_in_threadpool(self.let_in, request, entered, address, HOME)

    async def form(self, said: Flash, *, wanted: str, status: int) -> Response:
        """The page once more, with what went wrong."""
        return await run_in_threadpool(self._form, said, wanted=wanted, status=status)

    def _form(self, said: Flash | None, *, name: str = "", wanted: str = "", status: int = 200) -> Response:
        nobody = not self._app.ledger.users.all()
        context = {"heading": "Sign in", "name": name, "wanted": wanted, "nobody": nobody, **self._ways}
        return self._pages.page("sign-in", status=status, said=said, context=context)

    def _choose(self, token: str, said: Flash | None = None) -> Response:
        user = self._app.ledger.users.by_link(token_digest(token))
        if user is None:
            over = {
                "heading": "This link holds good no more.",
                "next_step": "Each works once, for three days. Ask an admin for a new one.",
                "back": "",
            }
            return self._pages.page("message", status=404, context=over)
        context = {"heading": f"Welcome, {user.name}", "person": user}
        return self._pages.page("choose", status=422 if said else 200, said=said, context=context)

    def let_in(self, request: Request, entered: NewSession, address: str, path: str, *, how: str = "") -> Response:
        """See `path`, with the pass of who `entered`; what there was before ends. `how`: for the audit."""
        door = origin_of(request)
        sessions = self._app.ledger.sessions
        if before := sessions.find(token_digest(request.cookies.get(door.cookie("session"), ""))):
            sessions.end(before.user.id, before.id)
        self._app.ledger.audit.record(entered.user.name, "session.begin", "", how, address=address)
        response = self._pages.redirect(request, path)
        response.set_cookie(
            door.cookie("session"), entered.token, max_age=LONGEST, secure=door.secure, httponly=True, samesite="lax"
        )
        return response

    def _address(self, request: Request) -> str:
        return address_of(request, self._app.settings.trusted_proxies)


def then(request: Request, root: str) -> str:
    """The query by which signing in comes back to where `request` wanted to go."""
    path = request.url.path.removeprefix(root)
    wanted = f"{path}?{request.url.query}" if request.url.query else path
    return f"?next={quote(wanted)}" if request.method == "GET" and wanted not in {"/desk/", HOME} else ""


def inside(wanted: str) -> str:
    """Where to go then: never out of the desk."""
    parts = urlsplit(wanted)
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/desk/") and "\\" not in wanted
    return wanted if inside and wanted.isprintable() and ".." not in parts.path else HOME


def _home(desk_request: DeskRequest) -> Response:
    return desk_request.redirect(HOME)


def _sign_out(desk_request: DeskRequest) -> Response:
    desk_request.app.ledger.sessions.end(desk_request.user.id, desk_request.session.id)
    desk_request.record("session.end")
    response = desk_request.redirect("/desk/sign-in", "You are signed out.")
    door = origin_of(desk_request.request)
    response.delete_cookie(door.cookie("session"), secure=door.secure, httponly=True, samesite="lax")
    return response


ROUTES = (
    DeskRoute("GET", "/desk", Role.WRITER, _home),
    DeskRoute("GET", "/desk/", Role.WRITER, _home),
    DeskRoute("POST", "/desk/sign-out", Role.WRITER, _sign_out),
)
