"""Who may sign in, and who did what: pages for admins."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.addresses import parse_address
from mailer.errors import UsageError
from mailer.ledger.accounts.audit import PAGE
from mailer.ledger.accounts.users import User
from mailer.ledger.types.accounts import Role
from mailer.service.accounts.oidc.flow import normalize_login
from mailer.service.accounts.passwords import invite
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_HERE = "/desk/settings/people"


def _show(visit: DeskRequest) -> Response:
    return _page(visit)


def _page(visit: DeskRequest, *, link: str = "", link_of: str = "") -> Response:
    people = visit.app.ledger.users.all()
    settings = visit.app.settings
    return visit.page(
        "people",
        heading="People",
        people=people,
        roles=tuple(Role),
        link=link,
        link_of=link_of,
        provider=settings.oidc_name if settings.oidc_issuer else "",
        by_address=settings.oidc_claim == "email",
        passwords=not settings.oidc_only,
    )


def _add(visit: DeskRequest) -> Response:
    """The link is shown once, on the answer: it is nowhere else."""
    email = visit.form.text("email")
    address = parse_address(email).display if email else ""
    login = normalize_login(visit.app, visit.form.text("oidc"))
    user = visit.app.ledger.users.add(visit.form.text("name"), _role(visit), email=address, oidc_login=login)
    visit.record("user.add", user.name, user.role.value)
    if visit.app.settings.oidc_only:
        return visit.redirect(_HERE, f"{user.name} may sign in as {user.role}.")
    return _page(visit, link=invite(visit.app, user), link_of=user.name)


def _link(visit: DeskRequest) -> Response:
    user = _person(visit)
    visit.record("user.link", user.name)
    return _page(visit, link=invite(visit.app, user), link_of=user.name)


def _set_oidc(visit: DeskRequest) -> Response:
    user, login = _person(visit), normalize_login(visit.app, visit.form.text("oidc"))
    visit.app.ledger.users.set_oidc(user.id, login, keep_session=visit.session.id)
    visit.record("user.oidc", user.name, login or "nobody")
    known = f"as {login} with {visit.app.settings.oidc_name}" if login else "by no identity provider"
    return visit.redirect(_HERE, f"{user.name} signs in {known} from now on.")


def _set_role(visit: DeskRequest) -> Response:
    user, role = _person(visit), _role(visit)
    visit.app.ledger.users.set_role(user.id, role)
    visit.record("user.role", user.name, f"{user.role} to {role}")
    return visit.redirect(_HERE if user.id != visit.user.id else "/desk/settings", f"{user.name}: {role} from now on.")


def _remove(visit: DeskRequest) -> Response:
    user = _person(visit)
    if user.id == visit.user.id:
        raise UsageError("You cannot remove yourself.", "Another admin can.")
    visit.app.ledger.users.remove(user.id)
    visit.record("user.remove", user.name)
    return visit.redirect(_HERE, f"{user.name} can sign in no more, and is signed out everywhere.")


def _audit(visit: DeskRequest) -> Response:
    actor, before = visit.query.get("who", ""), visit.query.get("before", "")
    log = visit.app.ledger.audit
    entries = log.entries(actor=actor, before=int(before) if before.isdecimal() and len(before) < 16 else None)
    older = entries[-1].id if len(entries) == PAGE else None
    return visit.page("audit", heading="Who did what", entries=entries, actors=log.actors(), actor=actor, older=older)


def _person(visit: DeskRequest) -> User:
    user = visit.app.ledger.users.get(int(visit.path["id"]))
    if user is None:
        raise HTTPException(404)
    return user


def _role(visit: DeskRequest) -> Role:
    try:
        return Role(visit.form.text("role"))
    except ValueError:
        raise UsageError("That is no role.", f"Choose one of {', '.join(Role)}.") from None


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/link", Role.ADMIN, _link),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/oidc", Role.ADMIN, _set_oidc),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/role", Role.ADMIN, _set_role),
    DeskRoute("POST", f"{_HERE}/{{id:int}}/remove", Role.ADMIN, _remove),
    DeskRoute("GET", "/desk/settings/audit", Role.ADMIN, _audit),
)
