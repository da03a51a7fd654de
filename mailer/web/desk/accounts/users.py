"""The users of the desk: adding, inviting and removing them, their roles. A page for admins."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.addresses import parse_address
from mailer.errors import UsageError
from mailer.ledger.accounts.users import User
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts.invites import create_invite
from mailer.service.accounts.link_mail import mail_link
from mailer.service.accounts.oidc.login import normalize_login
from mailer.web.desk.accounts.reauthentication import needs_password, require_proof
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_HERE = "/desk/settings/people"


def _show(request: DeskRequest) -> Response:
    return _page(request)


def _page(request: DeskRequest, *, error: UsageError | None = None) -> Response:
    """Shows all users; after an invitation, its link; with an `error`, the form as it was filled in."""
    users = request.app.ledger.users.all()
    settings = request.app.settings
    return request.page(
        "users",
        heading="Users",
        status=422 if error else 200,
        users=users,
        two_factor=request.app.ledger.two_factor.users(),
        asks_password=needs_password(request),
        roles=tuple(Role),
        link=request.shown_secret,
        error=" ".join(filter(None, describe_error(error))) if error else "",
        typed={key: request.form.text(key) for key in ("name", "email", "oidc", "role")},
        provider=settings.oidc_name if settings.oidc_issuer else "",
        by_address=settings.oidc_claim == "email",
        passwords=not settings.oidc_only,
    )


def _add(request: DeskRequest) -> Response:
    """Adds a user. Their invite link is shown once, on the next page; it is stored nowhere."""
    email = request.form.text("email")
    try:
        address = parse_address(email).display if email else ""
        login = normalize_login(request.app, request.form.text("oidc"))
        user = request.app.ledger.users.add(request.form.text("name"), _role(request), email=address, oidc_login=login)
    except UsageError as error:
        return _page(request, error=error)
    request.record("user.add", user.name, user.role.value)
    if request.app.settings.oidc_only:
        return request.redirect(_HERE, f"{user.name} is added, with the role {user.role}.")
    link, message, problem = create_invite(request.app, user), f"{user.name} is added, with the role {user.role}.", ""
    if user.email and request.form.has("mail"):
        request.record("user.link-mail", user.name)
        problem = mail_link(request.app, user, link, is_invitation=True)
        mailed = f"The link was not mailed: {problem}" if problem else f"The link was mailed to {user.email}."
        message = f"{message} {mailed}"
    return request.redirect(_HERE, message, bad=bool(problem), secret=link)


def _link(request: DeskRequest) -> Response:
    user = _user(request)
    request.record("user.link", user.name)
    link = create_invite(request.app, user)
    return request.redirect(_HERE, f"Send {user.name} the link below.", secret=link)


def _set_oidc(request: DeskRequest) -> Response:
    user, login = _user(request), normalize_login(request.app, request.form.text("oidc"))
    request.app.ledger.users.set_oidc(user.id, login, keep_session=request.session.id)
    request.record("user.oidc", user.name, login or "nobody")
    provider = request.app.settings.oidc_name
    message = f"signs in at {provider} as {login}" if login else f"can no longer sign in with {provider}"
    return request.redirect(_HERE, f"{user.name} {message}.")


def _set_email(request: DeskRequest) -> Response:
    user, typed = _user(request), request.form.text("email")
    email = parse_address(typed).display if typed else ""
    request.app.ledger.users.set_email(user.id, email)
    request.record("user.email", user.name)
    return request.redirect(_HERE, f"Tests for {user.name} go to {email}." if email else f"{user.name} gets no tests.")


def _set_role(request: DeskRequest) -> Response:
    user, role = _user(request), _role(request)
    request.app.ledger.users.set_role(user.id, role)
    request.record("user.role", user.name, f"{user.role} to {role}")
    return request.redirect(
        _HERE if user.id != request.user.id else "/desk/settings", f"{user.name} now has the role {role}."
    )


def _turn_off_two_factor(request: DeskRequest) -> Response:
    """Turns two-factor sign-in off for somebody who has lost the phone and the recovery codes."""
    user = _user(request)
    require_proof(request)
    request.app.ledger.two_factor.remove(user.id)
    request.record("user.code-off", user.name)
    return request.redirect(_HERE, f"{user.name} signs in without a code now.")


def _remove(request: DeskRequest) -> Response:
    user = _user(request)
    if user.id == request.user.id:
        raise UsageError("You cannot remove yourself.", "Ask another admin to do it.")
    request.app.ledger.users.remove(user.id)
    request.record("user.remove", user.name)
    return request.redirect(_HERE, f"{user.name} can no longer sign in.")


def _user(request: DeskRequest) -> User:
    user = request.app.ledger.users.get(int(request.path["id"]))
    if user is None:
        raise HTTPException(404)
    return user


def _role(request: DeskRequest) -> Role:
    try:
        return Role(request.form.text("role"))
    except ValueError:
        raise UsageError("The role is unknown.", f"Choose one of {', '.join(Role)}.") from None


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/link", Role.ADMIN, _link),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/email", Role.ADMIN, _set_email),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/oidc", Role.ADMIN, _set_oidc),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/role", Role.ADMIN, _set_role),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/two-factor", Role.ADMIN, _turn_off_two_factor),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/remove", Role.ADMIN, _remove),
)
