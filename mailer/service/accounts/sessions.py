"""TODO."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from mailer.app import App
from mailer.ledger.accounts.users import User


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What a browser shows to be let in as `user`."""

    user: User
    token: str


def digest(token: str) -> str:
    """How the ledger knows a pass or a link."""
    return hashlib.sha256(token.encode()).hexdigest()


def form_token(token: str) -> str:
    """What the forms of a session hold: nobody who lacks its pass can make it."""
    return hmac.new(token.encode(), b"mailer desk form", hashlib.sha256).hexdigest()[:32]


def is_form_token(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), form_token(token).encode())


def begin_session(app: App, user: User, *, browser: str, address: str) -> NewSession:
    """A pass for `user`, of whom somebody has made sure."""
    token = secrets.token_urlsafe(32)
    app.ledger.sessions.begin(user.id, digest(token), browser=browser, address=address)
    return NewSession(user=user, token=token)
