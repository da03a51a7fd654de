"""Opaque tokens: the number of a delivery, sealed for one purpose, in 39 letters of lower-case base32.

What stands in an unsubscribe link, a VERP return path or a Message-ID; for some purposes it is another number. AES-SIV
(RFC 5297) under a key derived from a secret of MAILER_SECRET_KEYS by HKDF (RFC 5869) seals the eight bytes of the number,
with the purpose as associated data: nobody can make, alter or read one without the key, one made for one purpose is
nothing for another, and equal numbers give equal tokens. Tokens carry no address and never expire. The first key issues,
all of them verify.

Reading never raises, whatever text it gets, and takes all keys whichever fits.
"""

import base64
import binascii
from collections.abc import Sequence
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mailer.errors import SettingsError

LENGTH = 39
INERT = "a" * LENGTH
"""Stands where a token would in a test message or the archive: recognised, and never valid."""

MAX_NUMBER = 2**63 - 1
_CONTEXT = b"mailer token 1"

_TOGETHER = 3  # tokens that are encoded at once
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567".ljust(256)  # RFC 4648 6


class Purpose(StrEnum):
    UNSUBSCRIBE = "unsubscribe"
    UNDO = "undo"  # of an unsubscription, on the page that answers it
    PREFERENCES = "preferences"  # a person's own page, as a letter leads there
    MEMBER = "member"  # the same by a member's number: goes to that address alone, and so may do more
    ADDRESS = "address"  # confirms a change of address, over the number of the letter that asks for it
    NONCE = "nonce"  # a form on one of these pages: which page, and when it was shown
    BOUNCE = "bounce"  # the VERP return path
    MESSAGE_ID = "message-id"
    CONFIRM = "confirm"  # of what a letter asks to be confirmed, over the letter's number
    LETTER = "letter"  # the Message-ID of a letter to one person
    FORM = "form"  # when a form was shown, in seconds


_ASSOCIATED = {purpose: [_CONTEXT, purpose.encode()] for purpose in Purpose}


class TokenKeys:
    """The installation's keys, of which the first issues. Shows their names only."""

    __slots__ = ("_ciphers", "_issuing", "names")

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("no key")
        self._ciphers = {key_name(key): AESSIV(_derive(key, b"mailer token key", 64)) for key in keys}
        self._issuing = next(iter(self._ciphers.values()))
        self.names = tuple(self._ciphers)
        """What `key_name` calls each key, the issuing one first."""

    def __repr__(self) -> str:
        return f"TokenKeys({', '.join(self.names)})"

    def with_first(self, name: str) -> "TokenKeys":
        """The same keys, with the one of this name issuing: a send keeps the key it began with.

        Raises SettingsError when the key is gone.
        """
        if name not in self._ciphers:
            raise SettingsError(
                f"A secret key that the ledger still names ({name}) is not in MAILER_SECRET_KEYS.",
                "Put it back there, behind the new one.",
            )
        keys = TokenKeys.__new__(TokenKeys)
        keys._ciphers = {name: self._ciphers[name], **self._ciphers}  # noqa: SLF001 - our own
        keys._issuing = keys._ciphers[name]  # noqa: SLF001
        keys.names = tuple(keys._ciphers)  # noqa: SLF001
        return keys

    def issue(self, purpose: Purpose, number: int) -> str:
        """The token of a delivery. `number` is from 0 to MAX_NUMBER; else ValueError."""
        return self.issue_each((purpose,), number)[0]

    def issue_each(self, purposes: Sequence[Purpose], number: int) -> list[str]:
        """One token of the number for each of up to three purposes: quicker than one by one."""
        if not 0 <= number <= MAX_NUMBER:
            raise ValueError(f"not a delivery's number: {number}")
        if len(purposes) > _TOGETHER:
            raise ValueError(f"not more than {_TOGETHER} tokens at once")
        octets = number.to_bytes(8, "big")
        return _encode([self._issuing.encrypt(octets, _ASSOCIATED[purpose]) for purpose in purposes])

    def read(self, purpose: Purpose, token: str) -> int | None:
        """The number in a token of this purpose; None for anything else. Upper case is read too: bounces shout."""
        sealed = _decode(token)
        if sealed is None:
            return None
        found = None
        for cipher in self._ciphers.values():
            try:
                found = int.from_bytes(cipher.decrypt(sealed, _ASSOCIATED[purpose]), "big")
            except InvalidTag:
                continue
        return found


def key_name(key: str) -> str:
    """A public name of a secret key, 16 hexadecimal digits: what the ledger stores of it."""
    return _derive(key, b"mailer key name", 8).hex()


def is_inert(token: str) -> bool:
    return token == INERT


def _derive(key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA512(), length=length, salt=None, info=purpose).derive(key.encode(errors="surrogatepass"))


def _spreading(most: int) -> list[tuple[int, int, int]]:
    """How to move groups of five bits into octets: halves, quarters and so on of `most` letters apart, by three bits a letter."""
    letters, steps = most, []
    while letters := letters // 2:
        lower = sum(((1 << 5 * letters) - 1) << start for start in range(0, most * 8, 2 * 8 * letters))
        steps.append((lower, lower << 5 * letters, 3 * letters))
    return steps


_SPREADING = _spreading(128)


def _encode(sealed: Sequence[bytes]) -> list[str]:
    """Each 24 octets in base32, unpadded: in a few steps over all of them, up to _TOGETHER, quicker than letter by letter."""
    padded = b"\0".join(sealed) + b"\0"  # 25 octets are 40 letters, of which the last says nothing
    bits = int.from_bytes(padded, "big")
    for lower, upper, by in _SPREADING:
        bits = bits & lower | (bits & upper) << by
    step = LENGTH + 1
    letters = bits.to_bytes(len(sealed) * step, "big").translate(_LETTERS).decode("ascii")
    return [letters[start : start + LENGTH] for start in range(0, len(letters), step)]


def _decode(token: str) -> bytes | None:
    """The 24 bytes of a token; None unless it is written exactly as one, spare bits included."""
    if len(token) != LENGTH or not token.isascii():
        return None
    try:
        sealed = base64.b32decode(f"{token.upper()}=")
    except binascii.Error:
        return None
    return sealed if base64.b32encode(sealed).decode() == f"{token.upper()}=" else None
