"""Two-factor sign-in: after the password, a code of an app (TOTP, RFC 6238), or a recovery code.

    begin_two_factor(app, user)                 makes a secret; `two_factor_setup` is what the user scans or types
    activate_two_factor(app, user, code, ...)   the recovery codes, once the user has typed a code of the app
    verify_code(app, user, code)                whether a code is right; each code is right once
    begin_or_ask_code(app, user, ...)           after the password: a session, or a pending sign-in
    finish_sign_in(app, token, code, ...)       the session of a pending sign-in, whose code is right

A code holds for 30 seconds; the one before and the one after are taken, too, because clocks differ.
"""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyotp import TOTP
from pyotp.utils import strings_equal

from mailer.app import App
from mailer.errors import SettingsError, UsageError
from mailer.ledger.accounts.two_factor import TwoFactor
from mailer.ledger.accounts.users import User
from mailer.link_tokens import key_name
from mailer.service.accounts.sessions import NewSession, begin_session

RECOVERY_CODES = 10
PENDING_FOR = 300  # seconds between password and code
_OCTETS = 20  # of a secret: RFC 4226 4
_RECOVERY_OCTETS = 10
_STEP = 30  # seconds
_DRIFT = 1  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoFactorSetup:
    """What an app needs to make the codes of a user."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSignIn:
    """The password of `user` was right; a code is missing. `token` is what the browser presents with it."""

    user: User
    token: str = field(repr=False)


def begin_or_ask_code(app: App, user: User, *, browser: str, address: str) -> NewSession | PendingSignIn:
    """Begins a session for a user whose password was right, or returns the pending sign-in of one who needs a code."""
    if not has_two_factor(app, user):
        return begin_session(app, user, browser=browser, address=address)
    value = json.dumps(["sign-in", user.id, app.clock() + PENDING_FOR, _password_mark(app, user)])
    return PendingSignIn(user=user, token=app.keys.seal_text(value))


def pending_user(app: App, token: str) -> User | None:
    """Returns the user of a pending sign-in; None if it has expired, or the password was changed since."""
    try:
        kind, user_id, until, mark = json.loads(app.keys.open_text(token) or "null")
    except (TypeError, ValueError):
        return None
    user = app.ledger.users.get(user_id) if kind == "sign-in" and app.clock() < until else None
    return user if user is not None and mark == _password_mark(app, user) else None


def finish_sign_in(app: App, token: str, code: str, *, browser: str, address: str) -> NewSession | None:
    """Begins the session of a pending sign-in; None if it has expired, or the code is wrong."""
    user = pending_user(app, token)
    if user is None or not verify_code(app, user, code):
        return None
    return begin_session(app, user, browser=browser, address=address)


def _password_mark(app: App, user: User) -> str:
    """Returns a text that changes with the password."""
    credential = app.ledger.users.credential(user.name)
    return hashlib.sha256(credential[1].encode()).hexdigest()[:16] if credential else ""


def begin_two_factor(app: App, user: User) -> None:
    """Makes a new secret, unless it is on already."""
    app.ledger.two_factor.begin(user.id, app.keys.names[0])


def two_factor_setup(app: App, user: User) -> TwoFactorSetup:
    """Returns the secret that is being set up. Raises UsageError if none is."""
    found = app.ledger.two_factor.find(user.id)
    if found is None or found.is_on:
        raise UsageError("Two-factor sign-in is not being set up.", "Begin again under Settings.")
    otp = _otp(app, found)
    url = otp.provisioning_uri(name=user.name, issuer_name=app.publication.name.replace(":", " "))
    return TwoFactorSetup(url=url, secret=otp.secret)


def activate_two_factor(app: App, user: User, code: str, *, keep_session: int) -> tuple[str, ...]:
    """Turns it on if `code` is one of the app; returns the recovery codes, which are shown once. Raises UsageError."""
    found = app.ledger.two_factor.find(user.id)
    step = _matching_step(app, found, code) if found and not found.is_on else None
    if step is None:
        raise UsageError(
            "This code is wrong.", "Type the six digits that the app shows now. The clock of the phone must be right."
        )
    codes = _new_codes()
    app.ledger.two_factor.activate(user.id, step, [_digest(each) for each in codes], keep_session=keep_session)
    return codes


def renew_recovery_codes(app: App, user: User) -> tuple[str, ...]:
    """Returns new recovery codes, in place of the earlier ones."""
    codes = _new_codes()
    app.ledger.two_factor.replace_recovery(user.id, [_digest(each) for each in codes])
    return codes


def has_two_factor(app: App, user: User) -> bool:
    found = app.ledger.two_factor.find(user.id)
    return found is not None and found.is_on


def verify_code(app: App, user: User, code: str) -> bool:
    """Whether a code of the app, or a recovery code, is right and was not used before."""
    found = app.ledger.two_factor.find(user.id)
    if found is None or not found.is_on:
        return False
    step = _matching_step(app, found, code)
    if step is not None:
        return app.ledger.two_factor.use_step(user.id, step)
    return app.ledger.two_factor.use_recovery(user.id, _digest(code))


def _matching_step(app: App, found: TwoFactor, code: str) -> int | None:
    """Returns the time step of a code; None if it is of none near now."""
    digits = re.sub(r"[\s-]", "", code)
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    otp, now = _otp(app, found), int(app.clock() // _STEP)
    return next(
        (step for step in range(now - _DRIFT, now + _DRIFT + 1) if strings_equal(otp.generate_otp(step), digits)), None
    )


def _otp(app: App, found: TwoFactor) -> TOTP:
    for key in app.settings.secret_keys:
        value = key.get_secret_value()
        if key_name(value) == found.key_name:
            kdf = HKDF(
                algorithm=SHA256(), length=_OCTETS, salt=bytes.fromhex(found.salt), info=b"mailer two-factor secret"
            )
            secret = kdf.derive(value.encode(errors="surrogatepass"))
            return TOTP(base64.b32encode(secret).decode("ascii"), interval=_STEP)
    raise SettingsError(
        f"The secret key {found.key_name}, which two-factor sign-in needs, is missing in MAILER_SECRET_KEYS.",
        "Add it again, after the new key.",
    )


def _new_codes() -> tuple[str, ...]:
    made = (base64.b32encode(secrets.token_bytes(_RECOVERY_OCTETS)).decode().lower() for _ in range(RECOVERY_CODES))
    return tuple("-".join(each[start : start + 4] for start in range(0, len(each), 4)) for each in made)


def _digest(code: str) -> str:
    """Returns the digest of a recovery code, however it is spaced; 80 random bits need no slow hash."""
    return hashlib.sha256(re.sub(r"[\s-]", "", code).lower().encode(errors="surrogatepass")).hexdigest()
