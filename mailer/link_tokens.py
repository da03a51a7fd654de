"""Opaque tokens: the number of a delivery, enciphered for one purpose, in 26 letters of lower-case base32.

What stands in an unsubscribe link, a VERP return path or a Message-ID; for some purposes it is another number. Eight octets
that name the purpose and eight of the number are one block of AES-256 (FIPS 197), under a key derived from a secret of
MAILER_SECRET_KEYS by HKDF (RFC 5869). Encoding with redundancy, then enciphering the whole with a block cipher, gives secrecy and
authenticity both (Bellare and Rogaway, “Encode-then-encipher encryption”, Asiacrypt 2000): nobody can read or make a
token without the key, one guessed or altered holds with a chance of 2**-64, one made for one purpose is nothing for another,
and equal numbers give equal tokens. Tokens carry no address and never expire. The first key issues, all of them verify.

Until 0.1 tokens were numbers sealed by AES-SIV (RFC 5297), in 39 letters. Those are read as ever: people leave by old letters.

Reading never raises, whatever text it gets, and takes all keys whichever fits.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mailer.errors import SettingsError

LENGTH = 26
LENGTHS = (LENGTH, 39)
"""Of tokens that are read."""

PLACEHOLDER = "a" * LENGTH
"""Stands where a token would in a test message or the archive: recognised, and never valid."""

MAX_NUMBER = 2**63 - 1
_OCTETS = 16  # of a block
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 6
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(10 * (LENGTH // 2 - 1), -1, -10)  # of each pair of letters in a token


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


_NAMES = {purpose: hashlib.sha256(b"mailer token " + purpose.encode()).digest()[:8] for purpose in Purpose}


class _Key:
    """What one secret key enciphers with: single blocks, none of which is ever that of another number or purpose."""

    def __init__(self, key: str) -> None:
        cipher = Cipher(AES(_derive(key, b"mailer token block", 32)), ECB())  # noqa: S305 - of one block there is no mode
        self.encipher = cipher.encryptor().update
        self._decipher = cipher.decryptor().update
        self._sealed = AESSIV(_derive(key, b"mailer token key", 64))

    def read(self, purpose: Purpose, octets: bytes) -> int | None:
        """The number in the octets of a token, of either kind."""
        if len(octets) == _OCTETS:
            plain = self._decipher(octets)
            name, number = plain[:8], int.from_bytes(plain[8:], "big")
            return number if name == _NAMES[purpose] and number <= MAX_NUMBER else None
        try:
            return int.from_bytes(self._sealed.decrypt(octets, [b"mailer token 1", purpose.encode()]), "big")
        except InvalidTag:
            return None


class TokenKeys:
    """The installation's keys, of which the first issues. Shows their names only."""

    __slots__ = ("_issuing", "_keys", "names")

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys = {key_name(key): _Key(key) for key in keys}
        self._issuing = next(iter(self._keys.values()))
        self.names = tuple(self._keys)
        """What `key_name` calls each key, the issuing one first."""

    def __repr__(self) -> str:
        return f"TokenKeys({', '.join(self.names)})"

    def signing_with(self, name: str) -> "TokenKeys":
        """The same keys, with the one of this name issuing: a send keeps the key it began with.

        Raises SettingsError when the key is gone.
        """
        if name not in self._keys:
            raise SettingsError(
                f"A secret key that the ledger still names ({name}) is not in MAILER_SECRET_KEYS.",
                "Put it back there, behind the new one.",
            )
        keys = TokenKeys.__new__(TokenKeys)
        keys._keys = {name: self._keys[name], **self._keys}  # noqa: SLF001 - our own
        keys._issuing = keys._keys[name]  # noqa: SLF001 - our own
        keys.names = tuple(keys._keys)  # noqa: SLF001 - our own
        return keys

    def issue(self, purpose: Purpose, number: int) -> str:
        """The token of a delivery. `number` is from 0 to MAX_NUMBER; else ValueError."""
        if not 0 <= number <= MAX_NUMBER:
            raise ValueError(f"not the number of a delivery: {number}")
        block = self._issuing.encipher(_NAMES[purpose] + number.to_bytes(8, "big"))
        bits = int.from_bytes(block, "big") << 2
        return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])  # in half the time of base64.b32encode

    def read(self, purpose: Purpose, token: str) -> int | None:
        """The number in a token of this purpose; None for anything else. Upper case is read too: bounces shout."""
        octets = _decode(token)
        if octets is None:
            return None
        found = [key.read(purpose, octets) for key in self._keys.values()]
        return next((number for number in found if number is not None), None)


def key_name(key: str) -> str:
    """A public name of a secret key, 16 hexadecimal digits: what the ledger stores of it."""
    return _derive(key, b"mailer key name", 8).hex()


def is_inert(token: str) -> bool:
    return len(token) in LENGTHS and set(token) == set(PLACEHOLDER)


def _derive(key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA512(), length=length, salt=None, info=purpose).derive(key.encode(errors="surrogatepass"))


def _decode(token: str) -> bytes | None:
    """The 16 octets of a token, or 24 of one of before; None unless it is written exactly as one, spare bits included."""
    if len(token) not in LENGTHS or not token.isascii():
        return None
    padded = token.upper() + "=" * (-len(token) % 8)
    try:
        octets = base64.b32decode(padded)
    except binascii.Error:
        return None
    return octets if base64.b32encode(octets).decode() == padded else None
