"""A request of a signed-in user: what an endpoint of the desk gets, and how it responds.

request.page("users", heading="People", users=…)     renders templates/desk/users.html.j2
request.redirect("/desk/sends/12", "Paused.")        redirects to a page, which shows the message once
request.record("send.pause", "12")                   adds an entry to the audit log
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.ledger.accounts.sessions import Session
from mailer.ledger.accounts.users import User
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.service.dispatches.preview import PreviewCache
from mailer.web.client_disconnect import disconnect_check
from mailer.web.desk.flash import Flash
from mailer.web.desk.render import DeskRenderer, Viewer, is_partial, json_page, wants_json
from mailer.web.desk.sealed_query import read_query
from mailer.web.desk.sends.live_broadcast import SendBroadcaster
from mailer.web.desk.user_limits import UserLimits
from mailer.web.request_body import DeskForm
from mailer.web.sse import ServerSentEvent, sse_response


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRequest:
    """`form` is the posted form, empty for a GET; `address` is the IP address of the client."""

    request: Request
    app: App
    pages: DeskRenderer
    previews: PreviewCache
    gate: CheckGate
    broadcaster: SendBroadcaster
    limits: UserLimits
    session: Session
    form: DeskForm
    address: str
    csrf_token: str
    flash: Flash | None = None

    @property
    def user(self) -> User:
        return self.session.user

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters in the path of the route."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query, sealed ones too. Raises UsageError."""
        return read_query(self.app.keys, self.request.query_params)

    @property
    def viewer(self) -> Viewer:
        return Viewer(request=self.request, user=self.user, csrf_token=self.csrf_token, flash=self.flash)

    @property
    def is_partial(self) -> bool:
        """Whether htmx requests a fragment of the page."""
        return is_partial(self.request)

    def has_left(self) -> bool:
        """Whether the browser has closed the connection. For endpoints that run in a thread."""
        return disconnect_check(self.request)()

    def check_turn(self, name: str) -> AbstractContextManager[Callable[[], None]]:
        """Waits for the turn of a check of the dispatch `name` (`CheckGate.turn`)."""
        return self.gate.turn(name, self.has_left)

    @property
    def wants_json(self) -> bool:
        """Whether one of our scripts made the request."""
        return wants_json(self.request)

    def stream(self, events: AsyncGenerator[ServerSentEvent, None]) -> Response:
        """Returns a response that streams `events`. Raises HTTPException 429 if the user has too many streams open."""
        return sse_response(self.request, self.limits.counted(self.user.id, events))

    def may(self, role: Role) -> bool:
        return self.user.role.may(role)

    def page(self, template: str, *, status: int = 200, flash: Flash | None = None, **context: object) -> Response:
        """Renders templates/desk/`template`.html.j2: a page, whose title is `heading`, or a fragment for htmx.

        `flash` is shown instead of the message that the previous page left.
        """
        return self.pages.page(template, status=status, viewer=self.viewer, flash=flash, context=context)

    def json(self, value: Mapping[str, object], *, status: int = 200) -> Response:
        """Returns `value` as JSON, for one of our scripts."""
        return json_page(value, status=status)

    def redirect(self, path: str, message: str = "", *, bad: bool = False, secret: str = "") -> Response:
        """Redirects to `path`, under /desk, where `message` is shown once. `bad`: it reports a failure.

        `secret` is shown once, too: the page gets it from `shown_secret`, and a reload shows it no more and makes no second one.
        """
        sealed = self.app.keys.seal_text(secret) if secret else ""
        flash = Flash(message, bad=bad, secret=sealed) if message or sealed else None
        return self.pages.redirect(self.request, path, flash)

    @property
    def shown_secret(self) -> str:
        """The secret that the previous page left for this one; "" if it left none."""
        return (self.app.keys.open_text(self.flash.secret) or "") if self.flash and self.flash.secret else ""

    def record_look(self, action: str, object: str = "", detail: str = "", *, reader: str = "") -> None:  # noqa: A002 - the audit log's own term
        """Adds an entry to the audit log: this user looked at readers, or at `reader`. The same one is added once an hour."""
        self.app.ledger.audit.record_look(self.user.name, action, object, detail, reader=reader, address=self.address)

    def record(self, action: str, object: str = "", detail: str = "") -> None:  # noqa: A002 - the audit log's own term
        """Adds an entry to the audit log: this user did `action`."""
        self.app.ledger.audit.record(self.user.name, action, object, detail, address=self.address)


def actor(request: DeskRequest) -> str:
    """Returns the user as histories name them."""
    return f"{request.user.name}, at the desk"
