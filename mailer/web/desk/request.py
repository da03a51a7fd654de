"""One request of somebody who is signed in: what an endpoint of the desk gets, and how it answers.

visit.page("people", heading="People", people=...)   templates/desk/people.html.j2 in the desk's frame
visit.go("/desk/sends/12", said="Paused.")           see another page, which says it once
visit.record("send.pause", "12")                     a line in the audit
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.ledger.accounts.sessions import Session
from mailer.ledger.accounts.users import User
from mailer.ledger.types.accounts import Role
from mailer.service.dispatches.preview import PreviewCache
from mailer.web.desk.render import DeskRenderer, Flash, Viewer, json_page, wants_json
from mailer.web.desk.sends.broadcast import SendBroadcaster
from mailer.web.forms import DeskForm


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRequest:
    """`form` is what was posted, empty for a GET; `address` is the IP address that it came from."""

    request: Request
    app: App
    pages: DeskRenderer
    proofs: PreviewCache
    broadcaster: SendBroadcaster
    session: Session
    form: DeskForm
    address: str
    form_token: str
    flash: Flash | None = None

    @property
    def user(self) -> User:
        return self.session.user

    @property
    def path(self) -> Mapping[str, str]:
        """The parts of the path that the route names."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def viewer(self) -> Viewer:
        return Viewer(request=self.request, user=self.user, form_token=self.form_token, said=self.flash)

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks for a piece of the page that is there."""
        return self.request.headers.get("hx-request") == "true" and "hx-boosted" not in self.request.headers

    @property
    def wants_json(self) -> bool:
        """Whether a script of ours asks."""
        return wants_json(self.request)

    def may(self, role: Role) -> bool:
        return self.user.role.may(role)

    def page(self, template: str, *, status: int = 200, **context: object) -> Response:
        """The page templates/desk/`template`.html.j2, whose `heading` is its title; or a piece of one, for htmx."""
        return self.pages.page(template, status=status, viewer=self.viewer, context=context)

    def json(self, value: Mapping[str, object], *, status: int = 200) -> Response:
        """An answer for a script of ours."""
        return json_page(value, status=status)

    def redirect(self, path: str, said: str = "", *, bad: bool = False) -> Response:
        """Answer a POST: see `path`, under /desk, where `said` stands once. `bad`: it did not work."""
        return self.pages.redirect(self.request, path, Flash(said, bad=bad) if said else None)

    def record(self, action: str, object: str = "", detail: str = "") -> None:  # noqa: A002 - the audit's name
        """Write down that this person did it."""
        self.app.ledger.audit.record(self.user.name, action, object, detail, address=self.address)
