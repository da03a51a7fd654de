"""Signatures of webhook messages: Standard Webhooks 1.0, the symmetric scheme.

A secret is 32 octets, derived by HKDF from a key of MAILER_SECRET_KEYS and a salt, so that it is not stored; a person sees it
as `whsec_` and base64. The signature is HMAC-SHA-256 over id, time and body with dots between; while a secret is rotated there
are two, and a receiver accepts either. Pure. Raises SettingsError for a key that is missing.
"""

import base64
import hmac
from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mailer.errors import SettingsError
from mailer.ledger.webhooks.webhooks import SigningSecret
from mailer.link_tokens import key_name

_PREFIX = "whsec_"
_LENGTH = 32  # octets


def derive_secret(keys: Sequence[str], seal: SigningSecret) -> bytes:
    """Derives the secret of `seal` from the installation's `keys`."""
    for key in keys:
        if key_name(key) == seal.key_name:
            kdf = HKDF(algorithm=SHA256(), length=_LENGTH, salt=bytes.fromhex(seal.salt), info=b"mailer webhook secret")
            return kdf.derive(key.encode(errors="surrogatepass"))
    raise SettingsError(
        f"The secret key {seal.key_name}, which signs a webhook, is missing in MAILER_SECRET_KEYS.",
        "Add it again, after the new key.",
    )


def encode_secret(secret: bytes) -> str:
    """Returns the secret in the form for its receiver."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def sign_message(secrets: Iterable[bytes], message_id: str, at: int, body: bytes) -> str:
    """Returns the value of `webhook-signature`: one signature by each of `secrets`, separated by spaces."""
    signed = b".".join((message_id.encode("ascii"), str(at).encode("ascii"), body))
    digests = (hmac.digest(secret, signed, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
