"""The routes of the desk: those of its modules behind the guard, and the few that anybody may request.

GET       /desk/static/…
GET POST  /desk/sign-in   /desk/sign-in/code   /desk/sign-in/forgotten   /desk/link/TOKEN
GET       /desk/sign-in/oidc   /desk/sign-in/oidc/return     if the settings name an identity provider
ROUTES                                                       for signed-in users with the role of the route
"""

from collections.abc import Iterator, Sequence
from functools import partial

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mailer.app import App
from mailer.service.accounts.oidc.login import open_provider
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.web.desk import search_redirect
from mailer.web.desk.accounts import activity_log, api_tokens, profile, signin, two_factor, users, webhooks
from mailer.web.desk.accounts.oidc import CALLBACK, LOGIN, OidcPages
from mailer.web.desk.accounts.password_reset import PATH as FORGOTTEN
from mailer.web.desk.accounts.password_reset import PasswordResetPages
from mailer.web.desk.accounts.signin import SignInPages
from mailer.web.desk.dispatches import approval, create, editor, findings, history, photos, preview, shelf_actions
from mailer.web.desk.dispatches import list as dispatches_list
from mailer.web.desk.guard import DeskGuard
from mailer.web.desk.home import dashboard
from mailer.web.desk.installation import settings as installation_settings
from mailer.web.desk.lists import members, overview, sync, uploads
from mailer.web.desk.lists import settings as lists_settings
from mailer.web.desk.render import static_file
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends import after_send, compose, live, report, scheduled_actions, send_test_message
from mailer.web.desk.sends import list as sends_list
from mailer.web.desk.subscribers import detail, feedback, suppressions

_PAGES: tuple[DeskRoute, ...] = (
    *signin.ROUTES,
    *dashboard.ROUTES,
    *search_redirect.ROUTES,
    *dispatches_list.ROUTES,
    *create.ROUTES,
    *shelf_actions.ROUTES,
    *preview.ROUTES,
    *findings.ROUTES,
    *approval.ROUTES,
    *editor.ROUTES,
    *photos.ROUTES,
    *history.ROUTES,
    *send_test_message.ROUTES,
    *compose.ROUTES,
    *sends_list.ROUTES,
    *scheduled_actions.ROUTES,
    *after_send.ROUTES,
    *live.ROUTES,
    *report.ROUTES,
    *overview.ROUTES,
    *sync.ROUTES,
    *lists_settings.ROUTES,
    *members.ROUTES,
    *uploads.ROUTES,
    *detail.ROUTES,
    *suppressions.ROUTES,
    *feedback.ROUTES,
    *profile.ROUTES,
    *installation_settings.ROUTES,
    *two_factor.ROUTES,
    *users.ROUTES,
    *activity_log.ROUTES,
    *webhooks.ROUTES,
    *api_tokens.ROUTES,
)


def _parent_routes(routes: Sequence[DeskRoute]) -> Iterator[DeskRoute]:
    """Yields a GET route for each path that only takes forms, to the page above it: a browser may load such a path by its
    address, as when it restores a page that answered a form.
    """
    shown = {each.path for each in routes if each.method == "GET"}
    for each in {each.path: each for each in routes if each.path not in shown}.values():
        depth, path = 0, each.path
        while path and path not in shown:
            path, depth = path.rpartition("/")[0], depth + 1
        yield DeskRoute("GET", each.path, each.role, partial(_show_parent, depth))


def _show_parent(depth: int, request: DeskRequest) -> Response:
    """Redirects to the path that is `depth` segments shorter."""
    path = request.request.url.path.removeprefix(request.pages.root)
    return request.redirect(path.rsplit("/", depth)[0] or "/desk/")


ROUTES: tuple[DeskRoute, ...] = (*_PAGES, *_parent_routes(_PAGES))
"""Every route that needs a role."""


def desk_routes(app: App, root: str, gate: CheckGate) -> list[BaseRoute]:
    """Returns the routes of the desk, for a site at the path `root`; `gate` has the turns of checks. Raises SettingsError."""
    guard = DeskGuard(app, root, gate)
    sign_in = SignInPages(app, guard.pages)
    reset = PasswordResetPages(app, guard.pages)
    routes = [
        Route("/desk/static/{name:path}", static_file),
        Route("/desk/sign-in", guard.public(sign_in.show)),
        Route("/desk/sign-in", guard.public(sign_in.sign_in), methods=["POST"]),
        Route("/desk/sign-in/code", guard.public(sign_in.show_code)),
        Route("/desk/sign-in/code", guard.public(sign_in.check_code), methods=["POST"]),
        Route(FORGOTTEN, guard.public(reset.show)),
        Route(FORGOTTEN, guard.public(reset.request_link), methods=["POST"]),
        Route("/desk/link/{token}", guard.public(sign_in.show_invite)),
        Route("/desk/link/{token}", guard.public(sign_in.redeem_invite), methods=["POST"]),
    ]
    if provider := open_provider(app):
        oidc = OidcPages(app, provider, sign_in, root)
        routes += [Route(LOGIN, guard.public(oidc.login)), Route(CALLBACK, guard.public(oidc.callback))]
    return [*routes, *(Route(each.path, guard.protected(each), methods=[each.method]) for each in ROUTES)]
