"""API tokens: created once, recognised by their digest.

    create_api_token(app, name, scopes)   -> the token itself, which is stored nowhere else
    find_api_token(app, secret)           -> the ApiToken that `secret` is, or None

A token is 256 random bits, of which the ledger stores only the digest. Raises UsageError.
"""

import secrets
from collections.abc import Iterable

from mailer.app import App
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.accounts.sessions import token_digest

PREFIX = "mailer_"  # so that secret scanners find tokens in repositories
LONGEST = 200  # characters; anything longer is not a token


def create_api_token(app: App, name: str, scopes: Iterable[Scope]) -> str:
    """Creates the token `name`. Raises UsageError for an invalid name, or one that is taken."""
    secret = PREFIX + secrets.token_urlsafe(32)
    app.ledger.api_tokens.add(name, token_digest(secret), frozenset(scopes))
    return secret


def find_api_token(app: App, secret: str) -> ApiToken | None:
    """Returns the API token that `secret` is, if it is valid."""
    if not secret.startswith(PREFIX) or len(secret) > LONGEST:
        return None
    return app.ledger.api_tokens.find(token_digest(secret))
