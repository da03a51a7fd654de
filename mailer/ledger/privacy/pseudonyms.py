"""Pseudonyms of erased subscribers.

A pseudonym is a keyed hash of the identity (HMAC-SHA-256), one for each subscriber, under a key that the ledger creates at its
first erasure and never reveals. It replaces the identity in deliveries and in the suppression, so that sums and unique keys
hold and the subscriber stays suppressed, while nobody without the ledger can tell who it was.
"""

import hmac
import secrets

from sqlalchemy import Connection, insert, select

from mailer.ledger.store.compiled_statements import CompiledStatement
from mailer.ledger.store.tables import meta, suppression
from mailer.ledger.types.suppressions import SuppressionReason

PREFIX = "erased:"  # no identity begins so: it has no @
_KEY = "erasure-key"
_READ_KEY = CompiledStatement(select(meta.c.value).where(meta.c.key == _KEY))


def erasure_key(conn: Connection) -> bytes | None:
    """Returns the key; None if nobody was erased yet."""
    found = _READ_KEY.run(conn).fetchone()
    return bytes.fromhex(found[0]) if found else None


def make_erasure_key(conn: Connection) -> bytes:
    """Returns the key, creating it if there is none."""
    key = erasure_key(conn)
    if key is None:
        key = secrets.token_bytes(32)
        conn.execute(insert(meta).values(key=_KEY, value=key.hex()))
    return key


def pseudonym(key: bytes, identity: str) -> str:
    """Returns the pseudonym of `identity`; a pseudonym is returned unchanged."""
    if is_pseudonym(identity):
        return identity
    return PREFIX + hmac.digest(key, identity.encode("utf-8", "surrogatepass"), "sha256").hex()


def is_pseudonym(identity: str) -> bool:
    """Whether an identity is a pseudonym."""
    return identity.startswith(PREFIX) and "@" not in identity


def aliases(conn: Connection, identity: str) -> tuple[str, ...]:
    """Returns the identities that `identity` may have in the ledger: itself, and its pseudonym if anybody was erased."""
    key = erasure_key(conn)
    return (identity,) if key is None else (identity, pseudonym(key, identity))


class ErasedAddresses:
    """The pseudonyms of all erased subscribers."""

    def __init__(self, conn: Connection) -> None:
        self._key = erasure_key(conn)
        erased = select(suppression.c.identity).where(suppression.c.reason == SuppressionReason.ERASED)
        self._markers = frozenset(conn.execute(erased).scalars()) if self._key else frozenset()

    def __bool__(self) -> bool:
        return bool(self._markers)

    def marker(self, identity: str) -> str | None:
        """Returns the pseudonym if `identity` was erased."""
        found = pseudonym(self._key or b"", identity)
        return found if found in self._markers else None
