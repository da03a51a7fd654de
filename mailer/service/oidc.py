"""Signing in by an identity provider: OpenID Connect, authorization code with PKCE.

    departure = depart(wanted, now)                 a browser leaves for the provider, with departure.cookie
    return_of(cookie, state, now)                   it came back: the departure that its cookie is of
    enter(newsroom, provider, claims, ...)          a Pass for the person that the claims are of

State, nonce and the verifier of RFC 7636 are made of a secret that only this browser’s cookie has, so that an answer fits into
no other browser and no other sign-in, and the server remembers nothing of those who never come back. Who is let in was
entered by an admin: nobody is, by what a provider says alone. Raises UnknownPersonError, NotBegunError.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from mailer.audience.address import parse_address
from mailer.errors import MailerError, SettingsError, UsageError
from mailer.service.newsroom import Newsroom
from mailer.service.signin import Pass, begin_session

if TYPE_CHECKING:
    from mailer.service.provider import Provider

GOOD_FOR = 600  # seconds from leaving to coming back
_LONGEST = 255  # characters of what a provider calls somebody
_LONGEST_WANTED = 1000
_EMAIL = "email"


class NotBegunError(MailerError):
    """No sign-in of this browser is open."""

    def __init__(self) -> None:
        super().__init__("This sign-in was not begun here, or more than ten minutes ago.", "Begin again.")


class ProviderError(MailerError):
    """The provider cannot be asked, or its answer is none."""


class UnknownPersonError(MailerError):
    """The provider vouches for somebody whom nobody let in. `login`: as whom, "" where it does not say."""

    def __init__(self, message: str, next_step: str, login: str = "") -> None:
        super().__init__(message, next_step)
        self.login = login


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One sign-in that was begun: `at`, in seconds since the epoch; `wanted` is where it leads in the end."""

    secret: str
    at: int
    wanted: str

    @property
    def cookie(self) -> str:
        return f"{self.secret}.{self.at}.{quote(self.wanted, safe='')}"

    @property
    def state(self) -> str:
        return self._made("state")

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """RFC 7636 4.1."""
        return self._made("verifier")

    @property
    def challenge(self) -> str:
        """RFC 7636 4.2."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def _made(self, use: str) -> str:
        return _base64(hmac.digest(self.secret.encode(), f"{use} {self.at} {self.wanted}".encode(), "sha256"))


def depart(wanted: str, now: float) -> Departure:
    """A browser that wants to see `wanted` leaves for the provider."""
    wanted = wanted if len(wanted) <= _LONGEST_WANTED else ""
    return Departure(secret=secrets.token_urlsafe(32), at=int(now), wanted=wanted)


def return_of(cookie: str, state: str, now: float) -> Departure:
    """The departure of which a browser has the `cookie` and the provider the `state`. Raises NotBegunError."""
    secret, _, rest = cookie.partition(".")
    at, _, wanted = rest.partition(".")
    if not secret or not (at.isascii() and at.isdecimal() and len(at) <= 12) or not 0 <= now - int(at) <= GOOD_FOR:
        raise NotBegunError
    departure = Departure(secret=secret, at=int(at), wanted=unquote(wanted))
    if not hmac.compare_digest(departure.state.encode(), state.encode()):
        raise NotBegunError
    return departure


def open_provider(newsroom: Newsroom) -> "Provider | None":
    """The provider of the settings. Raises SettingsError where what it takes is not installed."""
    if not newsroom.settings.oidc_issuer:
        return None
    try:
        from mailer.service.provider import Provider  # noqa: PLC0415 - the extra, only where it is wanted
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("joserfc"):
            raise
        raise SettingsError(
            "MAILER_OIDC_ISSUER needs a package that is not installed.",
            "Install it with: pip install 'mailer[oidc]'",
        ) from None
    return Provider(newsroom.settings, newsroom.clock)


def plain_login(newsroom: Newsroom, typed: str) -> str:
    """As whom somebody is entered, in one spelling; "" for nobody. Raises UsageError."""
    login = typed.strip()
    if not login:
        return ""
    if not newsroom.settings.oidc_issuer:
        raise UsageError(
            "No identity provider is set up here.", "Set MAILER_OIDC_ISSUER and MAILER_OIDC_CLIENT_ID first."
        )
    if newsroom.settings.oidc_claim == _EMAIL:
        address = parse_address(login)
        local = address.envelope.rpartition("@")[0]
        # Full case folding would make one of “straße” and “strasse”, which may be two accounts.
        return f"{local.lower() if local.isascii() else local}@{address.domain}"
    if len(login) > _LONGEST or not login.isprintable():
        raise UsageError(
            f"That is nothing that a provider calls somebody: it has 1 to {_LONGEST} characters, none of them invisible.",
            f"Enter what the claim “{newsroom.settings.oidc_claim}” says of this person.",
        )
    return login


def enter(
    newsroom: Newsroom, provider: "Provider", claims: Mapping[str, object], *, browser: str, address: str
) -> Pass:
    """Sign in whom verified `claims` are of; tied to their account from the first time on. Raises UnknownPersonError."""
    people, subject = newsroom.ledger.people, str(claims["sub"])
    user = people.by_oidc(provider.issuer, subject)
    if user is None:
        login = _login(newsroom, provider, claims)
        user = people.tie_oidc(login, provider.issuer, subject)
        if user is None:
            raise UnknownPersonError(
                f"{provider.name} knows you as “{login}”, and nobody here is entered under that.",
                "Ask an admin of this desk to enter it for you, or anew if your account there is a new one.",
                login,
            )
        newsroom.ledger.audit.record(user.name, "user.tie", user.name, f"{login} at {provider.issuer}", address=address)
    return begin_session(newsroom, user, browser=browser, address=address)


def _login(newsroom: Newsroom, provider: "Provider", claims: Mapping[str, object]) -> str:
    """Who the provider says they are. An address counts when the provider made sure that it is theirs."""
    claim = newsroom.settings.oidc_claim
    said = claims.get(claim)
    if not isinstance(said, str) or not said:
        raise UnknownPersonError(
            f"{provider.name} does not say who you are: its token has no claim “{claim}”.",
            "Tell whoever runs this program: the provider must put it into the ID token, or MAILER_OIDC_CLAIM is another.",
        )
    if claim == _EMAIL and claims.get("email_verified") not in (True, "true"):
        raise UnknownPersonError(
            f"{provider.name} has not made sure that your address there is yours.", "Have it confirmed there first."
        )
    try:
        login = plain_login(newsroom, said)
    except UsageError:
        login = ""
    if not login or (claim != _EMAIL and login != said):
        raise UnknownPersonError(
            f"{provider.name} calls you something that nobody here can be entered under.", "Ask an admin of this desk."
        )
    return login


def plain_word(word: object) -> str:
    """A word of an error, as specifications have them; "" for any other text, which could be anybody's."""
    return word if isinstance(word, str) and len(word) <= 64 and word.isascii() and word.isidentifier() else ""


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
