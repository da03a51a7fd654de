"""Signs messages with DKIM, so that a receiver can check who sent a message and that it was not changed: RFC 6376, RFC 8463.

    DkimSigner(signers, common, differing, prefix).sign(values, rest, at) -> the DKIM-Signature fields

Canonicalised relaxed/relaxed, hashed with SHA-256, one signature for each key. A DkimSigner is made once a variant, from what
is the same for everybody: these header fields and the beginning of the body are hashed then, and each message continues from a
copy of those hashes. Bodies have to be in canonical form, as those of `mime` are.

`h=` lists every field of the message, and those of OVERSIGNED once more than they occur, also if they do not occur, so that none
can be added (5.4.2, 8.15). There is no `l=`: nothing can be appended to the body either. Equal messages get equal signatures.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mailer.mime.header_encoding import structured

OVERSIGNED = (
    "From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Unsubscribe",
    "List-Unsubscribe-Post",
)  # fmt: skip
_COLUMNS = 72  # of names or of a signature on a line, which a space and a tag may precede


class SigningKey(Protocol):
    """A private key. `algorithm` is its name in `a=`."""

    @property
    def algorithm(self) -> str: ...

    def sign(self, digest: bytes) -> bytes:
        """Returns the signature of a SHA-256 digest."""

    def public(self) -> bytes:
        """Returns the `p=` of its DNS record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A key, and the place of its public half in DNS: `selector`._domainkey.`domain`."""

    domain: str
    selector: str
    key: SigningKey = field(repr=False)


class DkimSigner:
    """Signs the messages of one variant.

    `common` are the header fields that are the same in all of them, `differing` the names of the others; `prefix` is the
    beginning of each body.
    """

    def __init__(
        self, signers: Sequence[DkimKey], common: Sequence[bytes], differing: Sequence[str], prefix: bytes
    ) -> None:
        self._body = hashlib.sha256(prefix)
        self._header = hashlib.sha256(b"".join(map(relaxed, common)))
        names = [each.partition(b":")[0].decode("ascii") for each in common] + [*differing, *OVERSIGNED]
        openings = [_opening(signer, names) for signer in signers]
        self._signers = [
            (signer.key, opening, relaxed(opening)[:-2]) for signer, opening in zip(signers, openings, strict=True)
        ]

    def sign(self, differing: Sequence[bytes], rest: Sequence[bytes], at: int) -> list[bytes]:
        """Returns a DKIM-Signature field for each key, made at `at` seconds since the epoch.

        `differing` are the fields of these names, in that order; `rest` is what follows the prefix of the body.
        """
        body = self._body.copy()
        body.update(b"".join(rest))  # in one update: each large one releases the GIL
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
    """Returns a header field in relaxed canonical form: RFC 6376 3.4.2."""
    name, _, value = header_field.partition(b":")
    return b"%s:%s\r\n" % (name.rstrip().lower(), b" ".join(value.split()))


def _opening(signer: DkimKey, names: Sequence[str]) -> bytes:
    """Returns the beginning of the field in each message: the tags before time, hash and signature, up to a line end."""
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
