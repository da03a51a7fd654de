"""Verifies the requests of providers that sign nothing: a password of ours, which they send.

It comes by basic auth, whatever the user name (RFC 7617), as a bearer token (RFC 6750), or as the last part of the path.
"""

import base64
import binascii
import hmac

from mailer.feedback.providers.model import ProofBasis, ProofError, ProviderRequest


def verify(request: ProviderRequest, basis: ProofBasis) -> None:
    """Raises ProofError unless the request has one of the passwords."""
    given = [*_authorization(request.headers.get("authorization", "")), request.path_secret]
    if not any(given):
        raise ProofError("it has no password")
    matches = [
        hmac.compare_digest(each.encode(errors="surrogateescape"), secret.encode())
        for each in given
        for secret in basis.secrets
    ]
    if not any(matches):
        raise ProofError("it has a wrong password")


def _authorization(value: str) -> list[str]:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() == "bearer":
        return [rest.strip()]
    if scheme.lower() != "basic":
        return []
    try:
        pair = base64.b64decode(rest.strip(), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return []
    return [pair.partition(":")[2]]
