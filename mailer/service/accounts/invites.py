"""Invitations: links by which users choose a password, once.

    create_invite(app, user)                    the URL of such a link
    accept_invite(app, token, password, ...)    NewSession, by the token of such a URL; PendingSignIn if a code is missing

A link holds 256 random bits, of which the ledger stores only the digest.
"""

import secrets

from mailer.app import App
from mailer.ledger.accounts.users import User
from mailer.service.accounts.passwords import hash_password, require_passwords
from mailer.service.accounts.sessions import NewSession, token_digest
from mailer.service.accounts.two_factor import PendingSignIn, begin_or_ask_code

LINK_GOOD_FOR = 3 * 86_400  # seconds


def create_invite(app: App, user: User, *, good_for: float = LINK_GOOD_FOR) -> str:
    """Returns the URL at which `user` chooses a password, once, within `good_for` seconds; earlier ones become invalid."""
    require_passwords(app)
    token = secrets.token_urlsafe(32)
    app.ledger.users.set_link(user.id, token_digest(token), app.clock() + good_for)
    return f"{app.settings.base_url.rstrip('/')}/desk/link/{token}"


def accept_invite(
    app: App, token: str, password: str, *, browser: str, address: str
) -> NewSession | PendingSignIn | None:
    """Sets a password by the link of `token`, and signs the user in; None if the link is no longer valid.

    A link replaces the password only: a user with two-factor sign-in needs a code as well.
    """
    require_passwords(app)
    user = app.ledger.users.by_link(token_digest(token))
    if user is None:
        return None
    chosen = app.ledger.users.redeem(token_digest(token), hash_password(password, user.name))
    return begin_or_ask_code(app, chosen, browser=browser, address=address) if chosen else None
