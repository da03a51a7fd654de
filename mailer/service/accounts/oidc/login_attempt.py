"""One login at an identity provider, from redirect to callback: state, nonce and PKCE verifier (RFC 7636).

    attempt = start_login(wanted, now)                a browser is redirected to the provider, with the cookie attempt.cookie
    attempt = resume_login(cookie, state, now)        the browser comes back; raises NotBegunError

State, nonce and verifier are derived from a secret that only this browser’s cookie has. So an answer of the provider fits no
other browser and no other login, and the server stores nothing for those who never come back. This module needs no extra.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import quote, unquote

from mailer.errors import MailerError

LIFETIME = 600  # seconds from redirect to callback
_LONGEST_WANTED = 1000


class NotBegunError(MailerError):
    """This browser has no login open."""

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was started in a different browser, or more than ten minutes ago.", "Sign in again."
        )


class ProviderError(MailerError):
    """The provider cannot be reached, or refused, or its answer is invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempt:
    """A login that was started `at` (seconds since the epoch); `wanted` is the page that it leads to."""

    secret: str
    at: int
    wanted: str

    @property
    def cookie(self) -> str:
        return f"{self.secret}.{self.at}.{quote(self.wanted, safe='')}"

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """RFC 7636 4.1."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """RFC 7636 4.2."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, use: str) -> str:
        return _base64(hmac.digest(self.secret.encode(), f"{use} {self.at} {self.wanted}".encode(), "sha256"))


def start_login(wanted: str, now: float) -> LoginAttempt:
    """Starts the login of a browser that wants to see `wanted`."""
    wanted = wanted if len(wanted) <= _LONGEST_WANTED else ""
    return LoginAttempt(secret=secrets.token_urlsafe(32), at=int(now), wanted=wanted)


def resume_login(cookie: str, state: str, now: float) -> LoginAttempt:
    """Returns the login that the browser’s `cookie` and the provider’s `state` both belong to. Raises NotBegunError."""
    secret, _, rest = cookie.partition(".")
    at, _, wanted = rest.partition(".")
    if not secret or not (at.isascii() and at.isdecimal() and len(at) <= 12) or not 0 <= now - int(at) <= LIFETIME:
        raise NotBegunError
    attempt = LoginAttempt(secret=secret, at=int(at), wanted=unquote(wanted))
    if not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise NotBegunError
    return attempt


def error_code(text: object) -> str:
    """Returns the error code (RFC 6749 4.1.2.1, 5.2) that `text` is, or "" for any other text, which may be anybody’s."""
    return text if isinstance(text, str) and len(text) <= 64 and text.isascii() and text.isidentifier() else ""


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
