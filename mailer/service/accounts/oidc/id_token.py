"""Verifies the ID token of OpenID Connect Core 1.0. Needs the extra `oidc`.

    read_keys(document)                               the keys that a provider publishes (RFC 7517)
    verify_id_token(token, keys, expected, now=...)   the claims of a valid token

These always hold: the signature is by a published key, with one of ALGORITHMS; never `none`, never a shared secret. Issuer and
audience are exactly those expected, nonce and time are those of this login. Pure. Raises TokenError, and its subclass
UnknownSignatureError where newer keys could help.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import Key, KeySet, import_key
from joserfc.jwt import JWTClaimsRegistry

from mailer.errors import MailerError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
LEEWAY = 120  # seconds by which clocks may differ
OLDEST = 600  # seconds since a token was issued
_LONGEST = 64 * 1024  # characters of a token
_KINDS = ("RSA", "EC", "OKP")
_LONGEST_SUBJECT = 255  # OpenID Connect Core 2
_CHECK_CLOCKS = "Try again. If it happens again, tell the person who runs this server: a clock may be wrong."
_ASK = "Try again. If it happens again, tell the person who runs this server."


class TokenError(MailerError):
    """The ID token is invalid, or not for this login."""


class UnknownSignatureError(TokenError):
    """The ID token is not signed by a known key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedClaims:
    """The issuer, audience and nonce that a token must have."""

    issuer: str
    client_id: str
    nonce: str


def read_keys(document: Mapping[str, object]) -> KeySet:
    """Returns the public signing keys of a JWK set; invalid ones and those for other uses are left out."""
    listed = document.get("keys")
    found = [_key(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return KeySet([key for key in found if key])


def _key(data: dict[str, Any]) -> Key | None:
    if data.get("kty") not in _KINDS or data.get("use", "sig") != "sig":
        return None
    try:
        return import_key(data)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def verify_id_token(token: str, keys: KeySet, expected: ExpectedClaims, *, now: float) -> dict[str, Any]:
    """Returns the claims of `token`. `now`: seconds since the epoch."""
    claims = _verify_signature(token, keys)
    checks = JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        checks.validate(claims)
    except ExpiredTokenError:
        raise TokenError("The ID token has expired.", _CHECK_CLOCKS) from None
    except JoseError as error:
        raise TokenError(f"The ID token is not for this sign-in ({error.description or error.error}).", _ASK) from None
    _check_azp(claims, expected.client_id)
    if claims.get("nonce") != expected.nonce:
        raise TokenError("The ID token belongs to another sign-in.", _ASK)
    if claims["iat"] < now - OLDEST - LEEWAY:
        raise TokenError("The ID token was issued too long ago.", _CHECK_CLOCKS)
    if not 0 < len(claims["sub"]) <= _LONGEST_SUBJECT or not claims["sub"].isprintable():
        raise TokenError("The ID token names no user.", _ASK)
    return claims


def _check_azp(claims: Mapping[str, Any], client_id: str) -> None:
    """Checks `azp`, which a token for several audiences must have: OpenID Connect Core 3.1.3.7."""
    audience = claims["aud"]
    others = isinstance(audience, list) and set(audience) != {client_id}
    if claims.get("azp", None if others else client_id) != client_id:
        raise TokenError("The ID token was made for another program.", _ASK)


def _verify_signature(token: str, keys: KeySet) -> dict[str, Any]:
    if len(token) > _LONGEST or not token.isascii():
        raise TokenError("The ID token is malformed.", _ASK)
    try:
        return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except (BadSignatureError, InvalidKeyIdError):
        raise UnknownSignatureError("The ID token is not signed by the provider.", _ASK) from None
    except JoseError as error:
        raise TokenError(f"The ID token is invalid ({error.description or error.error}).", _ASK) from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise TokenError("The ID token is malformed.", _ASK) from None
