"""Opaque tokens: the number of a delivery, encrypted for one purpose, in 26 characters of lower-case base32.

They are in unsubscribe links, VERP return paths and Message-IDs; for some purposes it is the number of something else.
Eight octets for the purpose and eight for the number are one block of AES-256 (FIPS 197), under a key derived from a secret of
MAILER_SECRET_KEYS by HKDF (RFC 5869). Encoding with redundancy and then encrypting the whole with a block cipher gives both
secrecy and authenticity (Bellare and Rogaway, “Encode-then-encipher encryption”, Asiacrypt 2000): nobody can read or make a
token without the key; a guessed or altered token is valid with a chance of 2**-64; a token for one purpose is invalid for
another; equal numbers give equal tokens. Tokens contain no address and never expire. The first key issues. The others are
retired: they verify only what old messages need, the LASTING purposes. So a retired key that leaks unsubscribes people, and does
no more.

Tokens of version 0.1 were numbers sealed by AES-SIV (RFC 5297), in 39 characters. They are still read for the LASTING purposes:
old messages have them in their unsubscribe links.

The links in transactional mail allow more, and no key can make them: each is a random secret, of which the ledger keeps a digest
under the first key (`new_link_secret`, `TokenKeys.link_digest`). Neither the key nor a copy of the ledger alone opens anything.

A sealed text stands for a text in a URL of the desk, such as an address, so that no log of a web server contains it
(`TokenKeys.seal_text`). It gives access to nothing.

Reading never raises, whatever the text, and takes the same time whichever key fits.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from copy import copy
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
"""The lengths of tokens that are read."""

PLACEHOLDER = "a" * LENGTH
"""The token in test messages and in the archive: recognised, and never valid."""

MAX_NUMBER = 2**63 - 1
_OCTETS = 16  # of a block
_SEALED_TEXT = b"mailer sealed text 1"
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 6
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(10 * (LENGTH // 2 - 1), -1, -10)  # of each pair of letters in a token


class Purpose(StrEnum):
    """What a token is for. The values are part of every token: they never change."""

    UNSUBSCRIBE = "unsubscribe"
    UNDO = "undo"  # takes back an unsubscription, on the page that confirms it
    PREFERENCES = "preferences"  # a subscriber's own page, from the link of a message; by delivery
    NONCE = "nonce"  # a form on one of these pages: which page, and when it was shown
    BOUNCE = "bounce"  # the VERP return path
    MESSAGE_ID = "message-id"
    TRANSACTIONAL = "letter"  # the Message-ID of transactional mail
    FORM = "form"  # when a form was shown, in seconds


LASTING = frozenset({Purpose.UNSUBSCRIBE, Purpose.BOUNCE, Purpose.MESSAGE_ID, Purpose.TRANSACTIONAL})
"""The purposes for which retired keys and tokens of version 0.1 verify, too."""


class MailedLink(StrEnum):
    """What a link in a transactional mail opens. The values are part of every digest: they never change."""

    PREFERENCES = "preferences"  # the page of the subscriber, with all that they may do there
    SIGNUP = "signup"  # confirms a sign-up
    ADDRESS = "address"  # confirms a change of address
    UNDO_MOVE = "undo move"  # takes back a change of address


_NAMES = {purpose: hashlib.sha256(b"mailer token " + purpose.encode()).digest()[:8] for purpose in Purpose}


class _Key:
    """The ciphers of one secret key. Each number and purpose has a block of its own."""

    def __init__(self, key: str) -> None:
        cipher = Cipher(AES(_derive(key, b"mailer token block", 32)), ECB())  # noqa: S305 - a single block needs no mode
        self.encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update
        self._aes_siv = AESSIV(_derive(key, b"mailer token key", 64))

    def read(self, purpose: Purpose, octets: bytes) -> int | None:
        """Returns the number in the octets of a token of either version; None if it is invalid."""
        if len(octets) == _OCTETS:
            plain = self._decrypt(octets)
            name, number = plain[:8], int.from_bytes(plain[8:], "big")
            return number if name == _NAMES[purpose] and number <= MAX_NUMBER else None
        if purpose not in LASTING:
            return None
        try:
            return int.from_bytes(self._aes_siv.decrypt(octets, [b"mailer token 1", purpose.encode()]), "big")
        except InvalidTag:
            return None


class TokenKeys:
    """The keys of the installation: the first one, and retired ones behind it. Its repr has only their names."""

    __slots__ = ("_first", "_issuing", "_keys", "_link_key", "_text_key", "names")

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys = {key_name(key): _Key(key) for key in keys}
        self._first = self._issuing = next(iter(self._keys.values()))
        self._link_key = _derive(keys[0], b"mailer mailed link", 32)
        self._text_key = AESSIV(_derive(keys[0], b"mailer sealed text", 64))
        self.names = tuple(self._keys)
        """The `key_name` of each key, the first one first."""

    def __repr__(self) -> str:
        return f"TokenKeys({', '.join(self.names)})"

    def signing_with(self, name: str) -> "TokenKeys":
        """Returns the same keys, with the one of this name issuing: a send keeps the key that it began with. They read the same.

        Raises SettingsError if there is no such key.
        """
        if name not in self._keys:
            raise SettingsError(
                f"A secret key that the ledger still names ({name}) is not in MAILER_SECRET_KEYS.",
                "Put it back there, behind the new one.",
            )
        keys = copy(self)
        keys._issuing = self._keys[name]  # noqa: SLF001 - our own
        return keys

    def issue(self, purpose: Purpose, number: int) -> str:
        """Returns the token of `number`, from 0 to MAX_NUMBER. Raises ValueError."""
        if not 0 <= number <= MAX_NUMBER:
            raise ValueError(f"not the number of a delivery: {number}")
        block = self._issuing.encrypt(_NAMES[purpose] + number.to_bytes(8, "big"))
        bits = int.from_bytes(block, "big") << 2
        return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])  # in half the time of base64.b32encode

    def read(self, purpose: Purpose, token: str) -> int | None:
        """Returns the number in a token of this purpose; None if it is invalid. Bounces may have it in upper case."""
        octets = _decode(token)
        if octets is None:
            return None
        found = [key.read(purpose, octets) for key in (self._keys.values() if purpose in LASTING else (self._first,))]
        return next((number for number in found if number is not None), None)

    def is_current(self, purpose: Purpose, token: str) -> bool:
        """Whether the first key, and no retired one, made this token."""
        octets = _decode(token)
        return octets is not None and self._first.read(purpose, octets) is not None

    def link_digest(self, link: MailedLink, secret: str) -> str:
        """Returns the digest of the secret in a mailed link, 64 hexadecimal digits. Another first key gives another digest."""
        text = f"{link}:{secret.lower()}".encode(errors="surrogatepass")
        return hmac.new(self._link_key, text, "sha256").hexdigest()

    def seal_text(self, text: str) -> str:
        """Returns `text` encrypted under the first key (AES-SIV, RFC 5297), in base64url. Equal texts give equal results."""
        sealed = self._text_key.encrypt(text.encode(errors="surrogatepass"), [_SEALED_TEXT])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open_text(self, sealed: str) -> str | None:
        """Returns the text that `sealed` stands for; None if the first key did not seal it."""
        try:
            octets = base64.urlsafe_b64decode(sealed.encode() + b"=" * (-len(sealed) % 4))
            return self._text_key.decrypt(octets, [_SEALED_TEXT]).decode(errors="surrogatepass")
        except (ValueError, InvalidTag):
            return None


def new_link_secret() -> str:
    """Returns a random secret of 128 bits, which looks like a token."""
    return base64.b32encode(secrets.token_bytes(_OCTETS)).decode().rstrip("=").lower()


def key_name(key: str) -> str:
    """Returns the public name of a secret key, 16 hexadecimal digits, which the ledger stores."""
    return _derive(key, b"mailer key name", 8).hex()


def is_inert(token: str) -> bool:
    """Whether `token` is the PLACEHOLDER, of either version."""
    return len(token) in LENGTHS and set(token) == set(PLACEHOLDER)


def _derive(key: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA512(), length=length, salt=None, info=purpose).derive(key.encode(errors="surrogatepass"))


def _decode(token: str) -> bytes | None:
    """Returns the 16 octets of a token, or 24 of one of version 0.1; None if it is malformed, spare bits included."""
    if len(token) not in LENGTHS or not token.isascii():
        return None
    padded = token.upper() + "=" * (-len(token) % 8)
    try:
        octets = base64.b32decode(padded)
    except binascii.Error:
        return None
    return octets if base64.b32encode(octets).decode() == padded else None
