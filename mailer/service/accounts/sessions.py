"""Sessions of browsers at the desk, and the tokens of their forms.

A session token is 256 random bits, of which the ledger stores only the digest.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from mailer.app import App
from mailer.ledger.accounts.users import User


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session that has begun: `token` is what the browser of `user` presents."""

    user: User
    token: str


def token_digest(token: str) -> str:
    """Returns the digest under which the ledger stores a session, a link or an API token."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(token: str) -> str:
    """Returns the token of the forms of a session; it can only be made with the session's token."""
    return hmac.new(token.encode(), b"mailer desk form", hashlib.sha256).hexdigest()[:32]


def is_csrf_token(given: str, token: str) -> bool:
    """Returns whether `given` is the form token of the session `token`, in constant time."""
    return hmac.compare_digest(given.encode(), csrf_token(token).encode())


def begin_session(app: App, user: User, *, browser: str, address: str) -> NewSession:
    """Begins a session for `user`, who has been authenticated."""
    token = secrets.token_urlsafe(32)
    app.ledger.sessions.begin(user.id, token_digest(token), browser=browser, address=address)
    return NewSession(user=user, token=token)
