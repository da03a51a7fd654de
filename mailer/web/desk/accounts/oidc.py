"""The login and callback endpoints of the identity provider, where the settings name one.

    GET /desk/sign-in/oidc?next=…        redirects to the provider, with a cookie of ten minutes
    GET /desk/sign-in/oidc/return?…      the callback: signs in, or shows why not

The protocol requires GET for both. The first changes nothing here. The second lets in only the browser that began, once; a
person who follows a link that somebody else prepared has to begin again. Each refusal is recorded in the audit log. Requests are
rate-limited before anything else happens, so that nobody can flood the provider or the audit log through us.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.errors import MailerError
from mailer.ledger.types.errors import LedgerError
from mailer.service.accounts.oidc.login import UnknownPersonError, sign_in_by_oidc
from mailer.service.accounts.oidc.login_attempt import (
    LIFETIME,
    LoginAttempt,
    NotBegunError,
    ProviderError,
    error_code,
    resume_login,
    start_login,
)
from mailer.service.accounts.sessions import NewSession
from mailer.web.client_ip import address_of, rate_limit_key
from mailer.web.cookies import read_cookie
from mailer.web.desk.accounts.signin import SignInPages, safe_path
from mailer.web.desk.flash import Flash
from mailer.web.desk.origin import origin_of
from mailer.web.desk.render import HEADERS
from mailer.web.rate_limit import Rate, RateLimiter
from mailer.web.responses import HTML, respond

if TYPE_CHECKING:
    from mailer.service.accounts.oidc.provider import Provider

LOGIN = "/desk/sign-in/oidc"
CALLBACK = f"{LOGIN}/return"
ACTOR = "sign-in"  # in the audit log, of those who were not let in
_COOKIE = "oidc"
_EACH, _TOGETHER = Rate(burst=30, every=10), Rate(burst=1000, every=0.2)  # a login makes two requests


class OidcPages:
    """The two endpoints, for a site at the path `root`."""

    def __init__(self, app: App, provider: "Provider", sign_in_pages: SignInPages, root: str) -> None:
        self._app = app
        self._provider = provider
        self._sign_in_pages = sign_in_pages
        self._root = root
        self._limits = RateLimiter(time.monotonic, each=_EACH, together=_TOGETHER)
        self._used_states: dict[str, float] = {}  # with the time of their callback

    async def login(self, request: Request) -> Response:
        wanted = request.query_params.get("next", "")
        if self._is_limited(request):
            return await self._too_many_requests(wanted)
        attempt = start_login(wanted, self._app.clock())
        try:
            address = await self._provider.authorization(attempt, self._callback_url(request))
        except ProviderError as error:
            return await self._failed(request, error, wanted)
        response = respond(b"", HTML, status=303, headers={**HEADERS, "Location": address})
        origin = origin_of(request)
        response.set_cookie(
            origin.cookie(_COOKIE),
            attempt.cookie,
            max_age=LIFETIME,
            secure=origin.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def callback(self, request: Request) -> Response:
        if self._is_limited(request):
            return await self._too_many_requests("")
        wanted = ""
        try:
            attempt = self._resume(request)
            wanted = attempt.wanted
            claims = await self._claims(request, attempt)
            session = await run_in_threadpool(self._sign_in, request, claims)
        except LedgerError:
            raise
        except MailerError as error:
            response = await self._failed(request, error, wanted)
        else:
            response = await run_in_threadpool(
                self._sign_in_pages.begin_session,
                request,
                session,
                self._address(request),
                safe_path(wanted),
                how=f"with {self._provider.name}",
            )
        origin = origin_of(request)
        response.delete_cookie(origin.cookie(_COOKIE), secure=origin.secure, httponly=True, samesite="lax")
        return response

    def _resume(self, request: Request) -> LoginAttempt:
        """Returns the login that comes back; each comes back once."""
        now, state = self._app.clock(), request.query_params.get("state", "")
        attempt = resume_login(read_cookie(request, origin_of(request).cookie(_COOKIE)), state, now)
        self._used_states = {each: at for each, at in self._used_states.items() if now - at <= LIFETIME}
        if attempt.state in self._used_states:
            raise NotBegunError
        self._used_states[attempt.state] = now
        return attempt

    async def _claims(self, request: Request, attempt: LoginAttempt) -> Mapping[str, object]:
        query, provider = request.query_params, self._provider
        await provider.check_issuer(query.get("iss"))
        if code := query.get("code"):
            return await provider.claims(code, attempt, self._callback_url(request))
        error = error_code(query.get("error")) or "no code"
        raise ProviderError(f"{provider.name} refused the sign-in ({error}).", "Try again, or ask an admin.")

    def _sign_in(self, request: Request, claims: Mapping[str, object]) -> NewSession:
        browser, address = request.headers.get("user-agent", ""), self._address(request)
        return sign_in_by_oidc(self._app, self._provider, claims, browser=browser, address=address)

    async def _failed(self, request: Request, error: MailerError, wanted: str) -> Response:
        login = error.login if isinstance(error, UnknownPersonError) else ""
        record, address = self._app.ledger.audit.record, self._address(request)
        await run_in_threadpool(record, ACTOR, "session.refuse", login, error.message, address=address)
        status = HTTPStatus.BAD_GATEWAY if isinstance(error, ProviderError) else HTTPStatus.FORBIDDEN
        return await self._sign_in_pages.form(Flash(str(error), bad=True), wanted=wanted, status=status)

    async def _too_many_requests(self, wanted: str) -> Response:
        flash = Flash("Too many attempts. Wait half a minute, then try again.", bad=True)
        return await self._sign_in_pages.form(flash, wanted=wanted, status=HTTPStatus.TOO_MANY_REQUESTS)

    def _is_limited(self, request: Request) -> bool:
        return self._limits.retry_after(rate_limit_key(self._address(request))) > 0

    def _address(self, request: Request) -> str:
        return address_of(request, self._app.settings.trusted_proxies)

    def _callback_url(self, request: Request) -> str:
        return f"{origin_of(request).url}{self._root}{CALLBACK}"
