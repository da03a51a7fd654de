"""Signatures that let a receiver know who sent a message and that nobody changed it: DKIM, RFC 6376, RFC 8463.

    Seal(signers, common, differing, lead).fields(values, rest, at) -> the DKIM-Signature fields

Canonicalised relaxed/relaxed, hashed with SHA-256, one signature for each signer. A Seal is made once a variant, of what is
the same for everybody: the header fields and the beginning of the body are hashed then, and each message goes on from
a copy of those hashes. Bodies have to be in canonical form, as those of `mime` are.

What is signed is listed in `h=`: every field of the message, the essential ones once more than they occur, so that none can
be added (5.4.2, 8.15). There is no `l=`: nothing can be put behind the body either. Equal messages get equal signatures.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mailer.mime.headers import structured

OVERSIGNED = ("From", "To", "Subject", "Date")
_COLUMNS = 72  # of names or of a signature on a line, which a space and a tag may precede


class SigningKey(Protocol):
    """A private key. `algorithm` is its name in `a=`."""

    @property
    def algorithm(self) -> str: ...

    def sign(self, digest: bytes) -> bytes:
        """The signature over a SHA-256 digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A key, and where DNS has the public half of it: `selector`._domainkey.`domain`."""

    domain: str
    selector: str
    key: SigningKey = field(repr=False)


class DkimSigner:
    """Signs the messages of one variant.

    `common` are the header fields that all of them have, `differing` the names of those whose values differ; `lead` is how
    each body begins.
    """

    def __init__(
        self, signers: Sequence[DkimKey], common: Sequence[bytes], differing: Sequence[str], lead: bytes
    ) -> None:
        self._body = hashlib.sha256(lead)
        self._header = hashlib.sha256(b"".join(map(relaxed, common)))
        names = [each.partition(b":")[0].decode("ascii") for each in common] + [*differing, *OVERSIGNED]
        openings = [_opening(signer, names) for signer in signers]
        self._signers = [
            (signer.key, opening, relaxed(opening)[:-2]) for signer, opening in zip(signers, openings, strict=True)
        ]

    def sign(self, differing: Sequence[bytes], rest: Sequence[bytes], at: int) -> list[bytes]:
        """One DKIM-Signature field for each signer, made at `at` seconds since the epoch.

        `differing` are the fields announced, in that order; `rest` is what follows the lead of the body.
        """
        body = self._body.copy()
        body.update(b"".join(rest))  # at once: each update of much lets other threads run in between
        header = self._header.copy()
        header.update(b"".join(map(relaxed, differing)))
        stamp = b" t=%d; bh=%s;" % (at, b64encode(body.digest()))
        fields = []
        for key, opening, canonical in self._signers:
            digest = header.copy()
            digest.update(canonical + stamp + b" b=")  # 3.7: no value of b=, no line end
            signature = b64encode(key.sign(digest.digest()))
            lines = [signature[start : start + _COLUMNS] for start in range(0, len(signature), _COLUMNS)]
            fields.append(opening + stamp + b"\r\n b=" + b"\r\n ".join(lines) + b"\r\n")
        return fields


def relaxed(header_field: bytes) -> bytes:
    """A header field in relaxed canonical form: RFC 6376 3.4.2."""
    name, _, value = header_field.partition(b":")
    return b"%s:%s\r\n" % (name.rstrip().lower(), b" ".join(value.split()))


def _opening(signer: DkimKey, names: Sequence[str]) -> bytes:
    """What the field of each message begins with: its tags but for time, hash and signature, up to the end of a line."""
    lines = ["h="]
    for name in names:
        if len(lines[-1]) + len(name) >= _COLUMNS:
            lines.append("")
        lines[-1] += f"{name.lower()}:"
    return structured(
        "DKIM-Signature",
        "v=1;",
        f"a={signer.key.algorithm};",
        "c=relaxed/relaxed;",
        f"d={signer.domain};",
        f"s={signer.selector};",
        *lines[:-1],
        f"{lines[-1].removesuffix(':')};",
    )
