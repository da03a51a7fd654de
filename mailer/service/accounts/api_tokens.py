"""Tokens by which programs use the API: given out once, known by their digest.

give_out(newsroom, name, scopes)   -> the token itself, which is nowhere else
recognise(newsroom, secret)        -> the Token of who shows it, or None

A token is 256 random bits, of which the ledger has the digest alone. Raises UsageError.
"""

import secrets
from collections.abc import Iterable

from mailer.app import App
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.types.accounts import Scope
from mailer.service.accounts.sessions import digest

PREFIX = "mailer_"  # by which one that got into a repository is found
LONGEST = 200  # characters that are looked at


def create(app: App, name: str, scopes: Iterable[Scope]) -> str:
    """Make the token `name`. Raises UsageError for a name that cannot be, or is taken."""
    secret = PREFIX + secrets.token_urlsafe(32)
    app.ledger.api_tokens.add(name, digest(secret), frozenset(scopes))
    return secret


def authenticate(app: App, secret: str) -> ApiToken | None:
    """Whose token this is, as long as it holds good."""
    if not secret.startswith(PREFIX) or len(secret) > LONGEST:
        return None
    return app.ledger.api_tokens.find(digest(secret))
