"""Two-factor sign-in of the signed-in user: turning it on and off, and the recovery codes, which are shown once.

Each of these needs the password. An admin turns it off for somebody who has lost the phone and the codes, on the page of users.
"""

from io import BytesIO

import segno
from markupsafe import Markup
from starlette.responses import Response

from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts.two_factor import (
    TwoFactorSetup,
    activate_two_factor,
    begin_two_factor,
    renew_recovery_codes,
    two_factor_setup,
)
from mailer.web.desk.accounts.reauthentication import NotProvenError, needs_password, require_proof
from mailer.web.desk.flash import Flash
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

HERE = "/desk/settings/two-factor"
_SETUP = "set it up"  # what `_begin` leaves for the next page


def _show(request: DeskRequest) -> Response:
    """Shows the state; after `_begin` the secret to scan, and after `_activate` or `_renew` the recovery codes, once."""
    shown = request.shown_secret
    if shown == _SETUP:
        return _page(request, setup=two_factor_setup(request.app, request.user))
    return _page(request, codes=tuple(shown.split()))


def _page(
    request: DeskRequest,
    *,
    setup: TwoFactorSetup | None = None,
    codes: tuple[str, ...] = (),
    error: UsageError | None = None,
) -> Response:
    found = request.app.ledger.two_factor.find(request.user.id)
    return request.page(
        "two-factor",
        status=422 if error else 200,
        flash=Flash(str(error), bad=True) if error else request.flash,
        heading="Two-factor sign-in",
        factor=found if found and found.is_on else None,
        setup=setup,
        picture=_picture(setup.url) if setup else "",
        codes=codes,
        asks_password=needs_password(request),
    )


def _begin(request: DeskRequest) -> Response:
    if not needs_password(request):
        raise UsageError("You sign in through an identity provider.", "Turn on a second factor there.")
    try:
        require_proof(request)
    except NotProvenError as error:
        return _page(request, error=error)
    begin_two_factor(request.app, request.user)
    return request.redirect(HERE, secret=_SETUP)


def _activate(request: DeskRequest) -> Response:
    app, user = request.app, request.user
    setup = two_factor_setup(app, user)
    request.limits.try_password(user.id)
    try:
        codes = activate_two_factor(app, user, request.form.text("code"), keep_session=request.session.id)
    except UsageError as error:
        return _page(request, setup=setup, error=error)
    request.record("user.code-on", user.name)
    message = "Two-factor sign-in is on. All your other browsers are signed out."
    return request.redirect(HERE, message, secret=" ".join(codes))


def _renew(request: DeskRequest) -> Response:
    try:
        require_proof(request)
    except NotProvenError as error:
        return _page(request, error=error)
    request.record("user.code-recovery", request.user.name)
    codes = renew_recovery_codes(request.app, request.user)
    return request.redirect(HERE, "The new codes are below.", secret=" ".join(codes))


def _turn_off(request: DeskRequest) -> Response:
    try:
        require_proof(request)
    except NotProvenError as error:
        return _page(request, error=error)
    request.app.ledger.two_factor.remove(request.user.id)
    request.record("user.code-off", request.user.name)
    return request.redirect("/desk/settings", "Two-factor sign-in is off.")


def _picture(url: str) -> Markup:
    """Returns the QR code of a URL as SVG, black on white in either scheme, without a style attribute."""
    drawn = BytesIO()
    segno.make(url, error="m", micro=False).save(
        drawn, kind="svg", omitsize=True, border=4, dark="#000", light="#fff", xmldecl=False, svgns=False, nl=False
    )
    return Markup(drawn.getvalue().decode("utf-8"))  # noqa: S704 - it has the modules of the code alone, no text


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _show),
    DeskRoute("POST", HERE, Role.WRITER, _begin),
    DeskRoute("POST", f"{HERE}/activate", Role.WRITER, _activate),
    DeskRoute("POST", f"{HERE}/recovery", Role.WRITER, _renew),
    DeskRoute("POST", f"{HERE}/off", Role.WRITER, _turn_off),
)
