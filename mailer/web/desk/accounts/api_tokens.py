"""API tokens: a page for admins. A token is shown once, on the page after the request that created it."""

import re
from dataclasses import dataclass

from starlette.responses import Response

from mailer.errors import MailerError, UsageError
from mailer.ledger.types.roles_and_scopes import Role, Scope
from mailer.service.accounts.api_tokens import create_api_token, describe_token, last_day_of
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_HERE = "/desk/settings/tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class _TokenForm:
    """The form for a new token as it was filled in."""

    name: str = ""
    scopes: tuple[str, ...] = ()
    until: str = ""
    networks: str = ""


def _show(request: DeskRequest) -> Response:
    return _page(request)


def _page(request: DeskRequest, *, form: _TokenForm | None = None, error: MailerError | None = None) -> Response:
    """Shows all tokens; after one was created, its secret; with an `error`, the form as it was filled in."""
    app = request.app
    tokens = app.ledger.api_tokens.all()
    now = app.clock()
    return request.page(
        "tokens",
        heading="API tokens",
        status=422 if error else 200,
        tokens=[(each, last_day_of(app, each), each.has_ended(now)) for each in tokens],
        scopes=[each.value for each in Scope],
        secret=request.shown_secret,
        form=form or _TokenForm(),
        error=" ".join(describe_error(error)) if error else "",
    )


def _add(request: DeskRequest) -> Response:
    form = _TokenForm(
        name=request.form.text("name"),
        scopes=tuple(each for each in request.form.texts("scope") if each in set(Scope)),
        until=request.form.text("until"),
        networks=request.form.text("networks"),
    )
    if not form.scopes:
        return _page(request, form=form, error=UsageError("Choose what the token may do.", "Tick at least one box."))
    networks = [each for each in re.split(r"[\s,;]+", form.networks) if each]
    try:
        secret, token = create_api_token(
            request.app, form.name, map(Scope, form.scopes), last_day=form.until, networks=networks
        )
    except MailerError as error:
        return _page(request, form=form, error=error)
    request.record("token.add", token.name, describe_token(request.app, token))
    return request.redirect(_HERE, f"The token “{token.name}” is created.", secret=secret)


def _revoke(request: DeskRequest) -> Response:
    token = request.app.ledger.api_tokens.revoke(request.form.text("name"))
    request.record("token.revoke", token.name)
    return request.redirect(_HERE, f"The token {token.name} is revoked.")


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("POST", f"{_HERE}/revoke", Role.ADMIN, _revoke),
)
