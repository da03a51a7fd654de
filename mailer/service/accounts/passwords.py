"""Login with a password at the desk.

    sign_in(app, name, password, ...)    NewSession for the browser, PendingSignIn if a code is missing, or None

Passwords are hashed by argon2id with the library's parameters; a hash with older ones is replaced at the next login. An
unknown name takes as long as a known one. Raises UsageError for a weak password, NoPasswordsError where MAILER_OIDC_ONLY is set.
"""

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.accounts.users import User, name_key
from mailer.service.accounts.sessions import NewSession
from mailer.service.accounts.two_factor import PendingSignIn, begin_or_ask_code

SHORTEST, LONGEST = 12, 1000  # characters of a password
_LEAST_SCORE = 4  # of zxcvbn: more than 10^10 guesses; it knows common passwords, names and keyboard rows
_LEAST_BESIDE_NAME = 8
_MOST_RATED = 72  # characters that zxcvbn takes
HASHER = PasswordHasher()


class NoPasswordsError(UsageError):
    """The settings allow login by the identity provider only."""

    def __init__(self, provider: str) -> None:
        super().__init__("This desk has no passwords.", f"Sign in with {provider}.")


def hash_password(password: str, name: str) -> str:
    """Returns the hash of a password that `name` chose. Raises UsageError."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(
            f"Use at least {SHORTEST} characters for the password.",
            "Three or four unrelated words make a good one.",
        )
    from zxcvbn import zxcvbn  # noqa: PLC0415 - loading its word lists takes 0.1 s

    beside_name = name_key(password).replace(name_key(name), "")
    score = zxcvbn(password[:_MOST_RATED], user_inputs=name.split())["score"]
    if score < _LEAST_SCORE or len(beside_name) < _LEAST_BESIDE_NAME:
        raise UsageError("This password is too easy to guess.", "Three or four unrelated words make a good one.")
    return HASHER.hash(_normal(password))


def sign_in(app: App, name: str, password: str, *, browser: str, address: str) -> NewSession | PendingSignIn | None:
    """Signs `name` in; returns None if name or password is wrong. Deliberately slow: some 50 ms and 64 MB."""
    require_passwords(app)
    users = app.ledger.users
    credential = users.credential(name)
    user, password_hash = credential or (None, "")
    is_right = _verify(password_hash or _dummy_hash(), password)
    if user is None or not password_hash or not is_right:
        return None
    if HASHER.check_needs_rehash(password_hash):
        users.replace_hash(user.id, password_hash, HASHER.hash(_normal(password)))
    return begin_or_ask_code(app, user, browser=browser, address=address)


def require_passwords(app: App) -> None:
    """Raises NoPasswordsError if passwords are disabled."""
    if app.settings.oidc_only:
        raise NoPasswordsError(app.settings.oidc_name)


def check_password(app: App, user: User, password: str) -> bool:
    """Returns whether `password` is the one of `user`, who is signed in."""
    credential = app.ledger.users.credential(user.name)
    return bool(credential and credential[1]) and _verify(credential[1] if credential else "", password)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, _normal(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """Returns the same characters, however a keyboard composes them (RFC 8265 4.2)."""
    return unicodedata.normalize("NFC", password)


@cache
def _dummy_hash() -> str:
    return HASHER.hash(secrets.token_urlsafe(16))
