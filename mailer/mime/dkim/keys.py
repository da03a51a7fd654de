"""The DKIM keys: RSA (RFC 6376, 8301) and Ed25519 (RFC 8463), in PEM files, and their DNS records.

    load_signing(settings) -> DkimConfig;  new_key(...) -> Key;  DnsRecord.of(...).text

Files are read only in `load_signing`, once. An invalid key raises a SettingsError that names the setting and the file, never the
key; a risky one is a warning in the DkimConfig.
"""

import os
import stat
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mailer.errors import SettingsError
from mailer.mime.dkim.signer import DkimKey
from mailer.settings.settings import Settings

RSA_BITS = 2048
_MIN_BITS, _MAX_BITS = 1024, 4096  # bits that every receiver verifies: RFC 8301 3.2
_FILE_LIMIT = 65536  # octets
_DNS_STRING = 255  # octets: RFC 1035 3.3
_PADDING, _HASH = PKCS1v15(), Prehashed(SHA256())


class KeyFaultError(ValueError):
    """The key cannot be used to sign; the message is the reason in a few words."""


@dataclass(frozen=True, slots=True)
class RsaKey:
    """An RSA key."""

    algorithm: ClassVar[str] = "rsa-sha256"
    kind: ClassVar[str] = "rsa"
    private: RSAPrivateKey = field(repr=False)

    def sign(self, digest: bytes) -> bytes:
        return self.private.sign(digest, _PADDING, _HASH)

    def public(self) -> bytes:
        """Returns the `p=` of its DNS record: RFC 6376 3.6.1."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """An Ed25519 key. It signs the digest, not the text: RFC 8463 3."""

    algorithm: ClassVar[str] = "ed25519-sha256"
    kind: ClassVar[str] = "ed25519"
    private: Ed25519PrivateKey = field(repr=False)

    def sign(self, digest: bytes) -> bytes:
        return self.private.sign(digest)

    def public(self) -> bytes:
        """Returns the `p=` of its DNS record: RFC 8463 4.2."""
        return self.private.public_key().public_bytes_raw()


Key = RsaKey | Ed25519Key
_OPTION: dict[type[Key], str] = {RsaKey: "", Ed25519Key: " --ed25519"}


def new_key(kind: type[Key]) -> Key:
    """Returns a new key; an RSA key takes some tenths of a second."""
    if kind is RsaKey:
        return RsaKey(generate_private_key(public_exponent=65537, key_size=RSA_BITS))
    return Ed25519Key(Ed25519PrivateKey.generate())


def read_key(pem: bytes) -> Key:
    """Returns the key of a PEM file, PKCS#8 or PKCS#1. Raises KeyFaultError."""
    if b"PRIVATE KEY" not in pem:
        raise KeyFaultError("holds a public key" if b"PUBLIC KEY" in pem else "holds no private key in PEM form")
    try:
        private = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyFaultError("holds a key under a passphrase, which nobody is there to type") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFaultError("holds a key that cannot be read") from None
    if isinstance(private, Ed25519PrivateKey):
        return Ed25519Key(private)
    if not isinstance(private, RSAPrivateKey):
        raise KeyFaultError("holds a key that is neither RSA nor Ed25519")
    if private.key_size < _MIN_BITS:
        raise KeyFaultError(f"holds an RSA key of {private.key_size} bits, which receivers take for no signature")
    return RsaKey(private)


def write_pem(key: Key) -> bytes:
    """Returns the key in PEM form, PKCS#8. Only for a file that no other user may read."""
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecord:
    """The TXT record of a key, and its name."""

    name: str
    text: str

    @classmethod
    def of(cls, domain: str, selector: str, key: Key) -> "DnsRecord":
        """Returns the record of `key`."""
        public = b64encode(key.public()).decode("ascii")
        return cls(name=f"{selector}._domainkey.{domain}", text=f"v=DKIM1; k={key.kind}; p={public}")

    @property
    def strings(self) -> list[str]:
        """The text in strings of at most 255 octets, which a receiver joins without a space: RFC 6376 3.6.2.2."""
        return [self.text[start : start + _DNS_STRING] for start in range(0, len(self.text), _DNS_STRING)]

    @property
    def web_form(self) -> str:
        """The name and the text, each on one line, for the form of a DNS provider."""
        return f"Name: {self.name}\nValue: {self.text}"

    def __str__(self) -> str:
        """Returns the record in the form of a zone file."""
        quoted = " ".join(f'"{string}"' for string in self.strings)
        return f"{self.name}. IN TXT ( {quoted} )"


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimConfig:
    """The keys to sign with, and warnings about them, a sentence each."""

    signers: tuple[DkimKey, ...] = ()
    warnings: tuple[str, ...] = ()


def load_signing(settings: Settings) -> DkimConfig:
    """Returns the keys of the settings. Raises SettingsError."""
    wanted: list[tuple[str, str, Path, type[Key]]] = []
    if settings.dkim_key:
        wanted.append(("MAILER_DKIM_KEY", settings.dkim_selector, settings.dkim_key, RsaKey))
    if settings.dkim_ed25519_key:
        wanted.append(
            ("MAILER_DKIM_ED25519_KEY", settings.dkim_ed25519_selector, settings.dkim_ed25519_key, Ed25519Key)
        )
    if len(wanted) > 1 and settings.dkim_selector == settings.dkim_ed25519_selector:
        raise SettingsError(
            f"MAILER_DKIM_ED25519_SELECTOR is “{settings.dkim_selector}”, as MAILER_DKIM_SELECTOR is.",
            "Give each key a selector of its own: under one name DNS has one key.",
        )
    signers: list[DkimKey] = []
    warnings: list[str] = []
    for variable, selector, path, kind in wanted:
        key, found = _load(variable, path, kind)
        signers.append(DkimKey(domain=settings.dkim_domain, selector=selector, key=key))
        warnings += found
    if signers and not is_aligned(settings.sender.domain, settings.dkim_domain):
        warnings.append(
            f"MAILER_DKIM_DOMAIN is {settings.dkim_domain}, but the sender's address is at {settings.sender.domain}: "
            "receivers that ask for DMARC will not count the signature."
        )
    return DkimConfig(signers=tuple(signers), warnings=tuple(warnings))


def _load(variable: str, path: Path, kind: type[Key]) -> tuple[Key, list[str]]:
    """Returns the key of the file, and warnings about it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read(_FILE_LIMIT)
    except OSError as error:
        raise SettingsError(
            f"{variable}: the file {path} cannot be read ({error.strerror}).",
            f"Name the file of the private key there, or make one with: mailer dkim new{_OPTION[kind]}",
        ) from None
    try:
        key = read_key(pem)
    except KeyFaultError as fault:
        raise SettingsError(
            f"{variable}: the file {path} {fault}.",
            f"It should be a private key in a PEM file, such as this makes: mailer dkim new{_OPTION[kind]}",
        ) from None
    if not isinstance(key, kind):
        found, other = ("an Ed25519", "MAILER_DKIM_ED25519_KEY") if kind is RsaKey else ("an RSA", "MAILER_DKIM_KEY")
        raise SettingsError(
            f"{variable}: the file {path} holds {found} key.", f"Name it in {other}, its selector beside it."
        )
    warnings = []
    if isinstance(key, RsaKey) and not RSA_BITS <= key.private.key_size <= _MAX_BITS:
        warnings.append(
            f"{variable} has {key.private.key_size} bits: some receivers will not count it. "
            f"Make one of {RSA_BITS} with: mailer dkim new"
        )
    if mode & stat.S_IRWXO:
        warnings.append(f"{variable}: others on this machine can read {path}. Take that away with: chmod o= {path}")
    return key, warnings


def is_aligned(sender: str, signer: str) -> bool:
    """Whether the domains may belong to one organisation: DMARC, RFC 7489 3.1.1. False is certain, True is not."""
    return sender.split(".")[-2:] == signer.split(".")[-2:]
