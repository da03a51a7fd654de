"""One's own settings: address for tests, password, and where one is signed in."""

from starlette.responses import Response

from mailer.addresses import parse_address
from mailer.errors import UsageError
from mailer.ledger.types.accounts import Role
from mailer.service.accounts.passwords import hash_password, is_password_of, need_passwords
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_HERE = "/desk/settings"
# What browsers call themselves is mostly others' names: the first that is there is the right one.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    "iPhone": "an iPhone",
    "iPad": "an iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "a Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def _show(visit: DeskRequest) -> Response:
    sessions = visit.app.ledger.sessions.of(visit.user.id)
    return visit.page(
        "settings",
        heading="Settings",
        sessions=sessions,
        this=visit.session.id,
        known_as=known_as,
        passwords=not visit.app.settings.oidc_only,
    )


def known_as(agent: str) -> str:
    """A browser's name as people know it, `Firefox on Linux`; what it calls itself when it is none of those."""
    browser = next((name for sign, name in _BROWSERS.items() if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS.items() if sign in agent), "")
    return f"{browser} on {system}" if browser and system else agent


def _set_email(visit: DeskRequest) -> Response:
    typed = visit.form.text("email")
    email = parse_address(typed).display if typed else ""
    visit.app.ledger.users.set_email(visit.user.id, email)
    visit.record("user.email", visit.user.name)
    return visit.redirect(_HERE, f"Tests to you go to {email}." if email else "You have no address for tests now.")


def _set_password(visit: DeskRequest) -> Response:
    need_passwords(visit.app)
    if not is_password_of(visit.app, visit.user, visit.form.raw("old")):
        raise UsageError("Your current password is wrong.", "Type it again; nothing was changed.")
    if visit.form.raw("password") != visit.form.raw("again"):
        raise UsageError("The two new passwords are not the same.", "Type the same one twice; nothing was changed.")
    hashed = hash_password(visit.form.raw("password"), visit.user.name)
    visit.app.ledger.users.set_password(visit.user.id, hashed, keep_session=visit.session.id)
    visit.record("user.password", visit.user.name)
    return visit.redirect(_HERE, "Your password is changed. Everywhere but here you are signed out.")


def _end_session(visit: DeskRequest) -> Response:
    """One of one's own, or all but this one."""
    sessions = visit.app.ledger.sessions
    others = [each.id for each in sessions.of(visit.user.id) if each.id != visit.session.id]
    wanted = visit.form.text("session")
    ending = others if wanted == "others" else [each for each in others if str(each) == wanted]
    ended = sessions.end(visit.user.id, *ending)
    if ended:
        visit.record("session.revoke", visit.user.name, f"{ended} ended")
    return visit.redirect(_HERE, "Signed out there." if ended else "That session was over already.")


ROUTES = (
    DeskRoute("GET", _HERE, Role.WRITER, _show),
    DeskRoute("POST", f"{_HERE}/email", Role.WRITER, _set_email),
    DeskRoute("POST", f"{_HERE}/password", Role.WRITER, _set_password),
    DeskRoute("POST", f"{_HERE}/sessions", Role.WRITER, _end_session),
)
