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

from mailer.errors import MailerError
from mailer.ledger.errors import LedgerError, UnknownSendError
from mailer.service.drafting import NoDispatchError
from mailer.service.newsroom import Newsroom
from mailer.service.oidc import open_provider
from mailer.service.previewing import Proofs
from mailer.service.signin import digest, form_token, is_form_token
from mailer.service.watching import Look
from mailer.web.client import address_of
from mailer.web.desk import (
    choosing,
    dispatches,
    listing,
    lists,
    live,
    looking,
    members,
    people,
    photos,
    readers,
    report,
    sends,
    settings,
    signin,
    suppressions,
    testing,
    uploads,
    versions,
    webhooks,
    writing,
)
from mailer.web.desk.door import Door, door_of, find_door, is_own
from mailer.web.desk.oidc import BACK, LEAVE, Oidc
from mailer.web.desk.page import DeskPages, Said, json_page, static_file, wants_json
from mailer.web.desk.route import DeskRoute, Endpoint
from mailer.web.desk.signin import SignIn
from mailer.web.desk.visit import Visit
from mailer.web.desk.watches import Pieces, Watches
from mailer.web.forms import Form, read_form

ROUTES: tuple[DeskRoute, ...] = (
    *signin.ROUTES,
    *dispatches.ROUTES,
    *looking.ROUTES,
    *writing.ROUTES,
    *photos.ROUTES,
    *versions.ROUTES,
    *testing.ROUTES,
    *choosing.ROUTES,
    *sends.ROUTES,
    *live.ROUTES,
    *report.ROUTES,
    *lists.ROUTES,
    *listing.ROUTES,
    *members.ROUTES,
    *uploads.ROUTES,
    *readers.ROUTES,
    *suppressions.ROUTES,
    *settings.ROUTES,
    *people.ROUTES,
    *webhooks.ROUTES,
)
"""All that needs a role."""

TOKEN_FIELD, TOKEN_HEADER = "form_token", "x-form-token"
_log = logging.getLogger(__name__)
_Handler = Callable[[Request], Awaitable[Response]]


def desk_routes(newsroom: Newsroom, root: str) -> list[BaseRoute]:
    """The desk of `newsroom`, for a site at the path `root`. Raises SettingsError."""
    desk = Desk(newsroom, root)
    entry = SignIn(newsroom, desk.pages)
    provider = open_provider(newsroom)
    outside = Oidc(newsroom, provider, entry, root) if provider else None
    return [
        Route("/desk/static/{name:path}", static_file),
        Route("/desk/sign-in", desk.public(entry.show)),
        Route("/desk/sign-in", desk.public(entry.sign_in), methods=["POST"]),
        Route("/desk/link/{token}", desk.public(entry.show_link)),
        Route("/desk/link/{token}", desk.public(entry.redeem), methods=["POST"]),
        *([Route(LEAVE, desk.public(outside.leave)), Route(BACK, desk.public(outside.come_back))] if outside else []),
        *(Route(each.path, desk.protected(each), methods=[each.method]) for each in ROUTES),
    ]


class Desk:
    """The guard of a newsroom's desk."""

    def __init__(self, newsroom: Newsroom, root: str) -> None:
        self._newsroom = newsroom
        self.pages = DeskPages(newsroom, root)
        self._proofs = Proofs(newsroom, f"{root}{dispatches.HERE}:image/")
        self._watches = Watches(newsroom, self._draw)

    def public(self, endpoint: _Handler) -> _Handler:
        """The endpoint for somebody who is not signed in: the request has our host, and a form came from our page."""
        return partial(self._answer_public, endpoint)

    def protected(self, route: DeskRoute) -> _Handler:
        """The endpoint of `route` for a signed-in user with its role, behind all the checks of this module."""
        return self.public(partial(self._answer_user, route))

    async def _answer_public(self, endpoint: _Handler, request: Request) -> Response:
        door = find_door(request, self._newsroom.settings.base_url)
        if door is None:
            return self._elsewhere()
        request.state.door = door
        if request.method == "POST" and not is_own(request, door):
            return self._elsewhere() if self._is_hidden(request, door) else self._foreign()
        try:
            return await endpoint(request)
        except HTTPException as error:
            return self._refused(error)
        except MailerError as error:
            return self._hindered(error)

    async def _answer_user(self, route: DeskRoute, request: Request) -> Response:
        token = request.cookies.get(door_of(request).cookie("session"), "")
        visit = await self._visit(request, token)
        if visit is None:
            return self._signed_out(request)
        if not visit.may(route.role):
            return self._not_allowed(visit, route)
        try:
            return await self._answer(visit, route, token)
        except HTTPException as error:
            return self._refused(error, visit)
        except MailerError as error:
            return self._hindered(error, visit)

    async def _visit(self, request: Request, token: str) -> Visit | None:
        """The visit of who holds `token`, if it is anybody's."""
        address = address_of(request, self._newsroom.settings.trusted_proxies)
        find = self._newsroom.ledger.sessions.find
        session = await run_in_threadpool(find, digest(token), address=address) if token else None
        if session is None:
            return None
        return Visit(
            request=request,
            newsroom=self._newsroom,
            pages=self.pages,
            proofs=self._proofs,
            watches=self._watches,
            session=session,
            form=Form(),
            address=address,
            form_token=form_token(token),
            said=self.pages.heard(request, door_of(request)),
        )

    async def _answer(self, visit: Visit, route: DeskRoute, token: str) -> Response:
        if route.method != "POST":
            return await _run(route.endpoint, visit)
        in_header = visit.request.headers.get(TOKEN_HEADER, "")
        if in_header and not is_form_token(in_header, token):
            return self._foreign(visit)
        visit = replace(visit, form=await read_form(visit.request, route.largest))
        try:
            if not is_form_token(in_header or visit.form.raw(TOKEN_FIELD), token):
                return self._foreign(visit)
            return await _run(route.endpoint, visit)
        finally:
            visit.form.close()

    def _draw(self, look: Look, may_send: bool, before: tuple[Look, Pieces] | None) -> Pieces:
        return live.pieces(self.pages, self._newsroom.settings.timezone, look, may_send=may_send, before=before)

    def _is_hidden(self, request: Request, door: Door) -> bool:
        """Whether a proxy in front keeps from us at which address the browser is."""
        base = urlsplit(self._newsroom.settings.base_url)
        theirs = request.headers.get("origin", "")
        return theirs != door.origin and theirs == f"{base.scheme}://{base.netloc}"

    def _elsewhere(self) -> Response:
        base_url = self._newsroom.settings.base_url.rstrip("/")
        return self._message(
            "The desk is not at this address.",
            f"It is at {base_url}/desk/. If a proxy stands in front, it must hand on the Host header.",
            status=421,
        )

    def _foreign(self, visit: Visit | None = None) -> Response:
        return self._message(
            "Nothing was changed: this did not come from a page of the desk.",
            "Load the page again and repeat what you did.",
            status=403,
            visit=visit,
        )

    def _signed_out(self, request: Request) -> Response:
        if wants_json(request):
            return json_page({"said": "You are signed out. Sign in again."}, status=401)
        if request.method == "POST":
            return self.pages.go(
                request, "/desk/sign-in", Said("You are signed out, so nothing was changed. Sign in again.", bad=True)
            )
        return self.pages.go(request, f"/desk/sign-in{signin.then(request, self.pages.root)}")

    def _not_allowed(self, visit: Visit, route: DeskRoute) -> Response:
        return self._message(
            f"This is for {_PLURALS[route.role]}.",
            f"You are signed in as {visit.user.name}, {_A[visit.user.role]}. An admin can change that under People.",
            status=403,
            visit=visit,
        )

    def _refused(self, error: HTTPException, visit: Visit | None = None) -> Response:
        message, next_step = _SENTENCES.get(error.status_code, ("This request cannot be answered.", ""))
        return self._message(message, next_step, status=error.status_code, visit=visit)

    def _hindered(self, error: MailerError, visit: Visit | None = None) -> Response:
        if isinstance(error, LedgerError):
            _log.error("%s", error)
            return self._message(error.message, error.next_step, status=503, visit=visit)
        status = 404 if isinstance(error, (NoDispatchError, UnknownSendError)) else 422
        message = f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}."
        return self._message(message, error.next_step, status=status, visit=visit)

    def _message(self, heading: str, next_step: str, *, status: int, visit: Visit | None = None) -> Response:
        if visit is not None and visit.wants_json:
            return json_page({"said": f"{heading} {next_step}".strip()}, status=status)
        context = {"heading": heading, "next_step": next_step, "back": self._back(visit) if visit else ""}
        return self.pages.page(
            "trouble" if visit and visit.is_partial else "message",
            status=status,
            viewer=visit.viewer if visit else None,
            context=context,
        )

    def _back(self, visit: Visit) -> str:
        """The path of the desk's page that the request came from; "" for none, or itself."""
        request, before = visit.request, urlsplit(visit.request.headers.get("referer", ""))
        is_ours = f"{before.scheme}://{before.netloc}" == door_of(request).origin
        is_other = request.method == "POST" or before.path != request.url.path
        if not is_ours or not is_other or not before.path.startswith(f"{self.pages.root}/desk/"):
            return ""
        return urlunsplit(("", "", before.path, before.query, ""))


async def _run(endpoint: Endpoint, visit: Visit) -> Response:
    if inspect.iscoroutinefunction(endpoint):
        response: Response = await endpoint(visit)
        return response
    plain = cast("Callable[[Visit], Response]", endpoint)
    return await run_in_threadpool(plain, visit)


_A = {"writer": "a writer", "editor": "an editor", "admin": "an admin"}
_PLURALS = {"writer": "writers", "editor": "editors", "admin": "admins"}
_SENTENCES = {
    404: ("There is no such page at the desk.", "It may have been renamed or removed."),
    408: ("What you sent took too long to come.", "Check your connection and try again."),
    413: ("What you sent is too large.", "Send a smaller file."),
}
