"""Login by an identity provider: finds the user whom verified claims belong to.

    open_provider(app)                              the provider of the settings, or None
    normalize_login(app, typed)                     the login of a user, normalized as it is stored
    sign_in_by_oidc(app, provider, claims, ...)     signs in the user that verified claims belong to

An admin enters the login of each user beforehand: nobody is let in only because a provider knows them. The attempt of a
browser is in `login_attempt`, requests to the provider are in `provider`, the ID token is verified in `id_token`. Raises
UnknownPersonError.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mailer.addresses import parse_address
from mailer.app import App
from mailer.errors import MailerError, SettingsError, UsageError
from mailer.service.accounts.sessions import NewSession, begin_session

if TYPE_CHECKING:
    from mailer.service.accounts.oidc.provider import Provider

_LONGEST = 255  # characters of a login
_EMAIL = "email"


class UnknownPersonError(MailerError):
    """No user has the login that the provider named. `login` is that login, or "" where the provider named none."""

    def __init__(self, message: str, next_step: str, login: str = "") -> None:
        super().__init__(message, next_step)
        self.login = login


def open_provider(app: App) -> "Provider | None":
    """Returns the provider of the settings, None where none is set. Raises SettingsError if the extra is not installed."""
    if not app.settings.oidc_issuer:
        return None
    try:
        from mailer.service.accounts.oidc.provider import Provider  # noqa: PLC0415 - joserfc is an extra, imported only where a provider is set
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("joserfc"):
            raise
        raise SettingsError(
            "MAILER_OIDC_ISSUER needs a package that is not installed.",
            "Install it with: pip install 'newsletter-desk[oidc]'",
        ) from None
    return Provider(app.settings, app.clock)


def normalize_login(app: App, typed: str) -> str:
    """Returns a login as it is stored, "" for an empty one. Addresses are normalized. Raises UsageError."""
    login = typed.strip()
    if not login:
        return ""
    if not app.settings.oidc_issuer:
        raise UsageError(
            "No identity provider is set up here.", "Leave this empty, or have a provider added to the settings first."
        )
    if app.settings.oidc_claim == _EMAIL:
        address = parse_address(login)
        local = address.envelope.rpartition("@")[0]
        # Full case folding would make one of “straße” and “strasse”, which may be two accounts.
        return f"{local.lower() if local.isascii() else local}@{address.domain}"
    if len(login) > _LONGEST or not login.isprintable():
        raise UsageError(
            f"Invalid login: use 1 to {_LONGEST} visible characters.",
            f"Enter the value of the claim “{app.settings.oidc_claim}” for this user.",
        )
    return login


def sign_in_by_oidc(
    app: App, provider: "Provider", claims: Mapping[str, object], *, browser: str, address: str
) -> NewSession:
    """Signs in the user that verified `claims` belong to. The first login ties the user to that account at the provider.

    Raises UnknownPersonError.
    """
    users, subject = app.ledger.users, str(claims["sub"])
    user = users.by_oidc(provider.issuer, subject)
    if user is None:
        login = _login(app, provider, claims)
        user = users.link_oidc(login, provider.issuer, subject)
        if user is None:
            raise UnknownPersonError(
                f"No user of this desk has the account “{login}” at {provider.name}.",
                "Ask an admin of this desk to enter it for you. If your account there is new, the admin has to save it again.",
                login,
            )
        app.ledger.audit.record(user.name, "user.tie", user.name, f"{login} at {provider.issuer}", address=address)
    return begin_session(app, user, browser=browser, address=address)


def _login(app: App, provider: "Provider", claims: Mapping[str, object]) -> str:
    """Returns the login in `claims`. An address counts only if the provider has verified it."""
    claim = app.settings.oidc_claim
    value = claims.get(claim)
    if not isinstance(value, str) or not value:
        raise UnknownPersonError(
            f"{provider.name} did not say who you are: its ID token has no claim “{claim}”.",
            "Tell the person who runs this server: the provider must add the claim, or the settings must name a different one.",
        )
    if claim == _EMAIL and claims.get("email_verified") not in (True, "true"):
        raise UnknownPersonError(
            f"{provider.name} has not confirmed your e-mail address.", "Confirm the address there, then sign in again."
        )
    try:
        login = normalize_login(app, value)
    except UsageError:
        login = ""
    if not login or (claim != _EMAIL and login != value):
        raise UnknownPersonError(
            f"The login that {provider.name} reports for you cannot be used here.", "Ask an admin of this desk."
        )
    return login
