"""The settings of the signed-in user: address for tests, password, and open sessions."""

from starlette.responses import Response

from mailer.addresses import parse_address
from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts.passwords import check_password, hash_password, require_passwords
from mailer.service.accounts.two_factor import has_two_factor
from mailer.service.sends.plan import setting_warnings
from mailer.web.desk.accounts.reauthentication import needs_password, require_proof
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_HERE = "/desk/settings"
# User agents contain the names of other browsers, too: the first match is the right one.
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


def _show(request: DeskRequest) -> Response:
    sessions = request.app.ledger.sessions.of(request.user.id)
    return request.page(
        "settings",
        heading="Settings",
        sessions=sessions,
        current=request.session.id,
        browser_name=browser_name,
        passwords=not request.app.settings.oidc_only,
        asks_password=needs_password(request),
        two_factor=has_two_factor(request.app, request.user),
        missing=setting_warnings(request.app) if request.may(Role.EDITOR) else (),
    )


def browser_name(agent: str) -> str:
    """Returns `Firefox on Linux` for a user agent; the user agent itself if it is unknown."""
    browser = next((name for part, name in _BROWSERS.items() if part in agent), "")
    system = next((name for part, name in _SYSTEMS.items() if part in agent), "")
    return f"{browser} on {system}" if browser and system else agent


def _set_email(request: DeskRequest) -> Response:
    """Sets the address for tests. Links for a new password go there as well, so that it needs a proof."""
    require_proof(request)
    typed = request.form.text("email")
    email = parse_address(typed).display if typed else ""
    request.app.ledger.users.set_email(request.user.id, email)
    request.record("user.email", request.user.name)
    return request.redirect(_HERE, f"Your test messages go to {email}." if email else "Your address is removed.")


def _set_password(request: DeskRequest) -> Response:
    require_passwords(request.app)
    request.limits.try_password(request.user.id)
    if not check_password(request.app, request.user, request.form.raw("old")):
        raise UsageError("Your current password is wrong.", "Nothing was changed. Type it again.")
    if request.form.raw("password") != request.form.raw("again"):
        raise UsageError("The two new passwords differ.", "Nothing was changed. Type the same password twice.")
    hashed = hash_password(request.form.raw("password"), request.user.name)
    request.app.ledger.users.set_password(request.user.id, hashed, keep_session=request.session.id)
    request.record("user.password", request.user.name)
    return request.redirect(_HERE, "Your password is changed. All your other browsers are signed out.")


def _end_session(request: DeskRequest) -> Response:
    """Ends one session of the user, or all but the current one."""
    sessions = request.app.ledger.sessions
    others = [each.id for each in sessions.of(request.user.id) if each.id != request.session.id]
    wanted = request.form.text("session")
    ending = others if wanted == "others" else [each for each in others if str(each) == wanted]
    ended = sessions.end(request.user.id, *ending)
    if ended:
        request.record("session.revoke", request.user.name, f"{ended} browser{'s' if ended > 1 else ''}")
    return request.redirect(_HERE, "Signed out." if ended else "That browser was signed out already.")


ROUTES = (
    DeskRoute("GET", _HERE, Role.WRITER, _show),
    DeskRoute("POST", f"{_HERE}/email", Role.EDITOR, _set_email),
    DeskRoute("POST", f"{_HERE}/password", Role.WRITER, _set_password),
    DeskRoute("POST", f"{_HERE}/sessions", Role.WRITER, _end_session),
)
