"""Bodies of MIME parts, encoded once where they are the same for everybody: RFC 2045.

A Part is cut at its slots. What is static is encoded ahead; a slot's value is encoded when it is known, and joined so
that a decoder sees one unbroken text: in quoted-printable between soft line breaks (6.7 rule 5), in base64 at its own
alignment (6.8: three octets to four characters), the static text after it being kept ready in all three alignments.

Everything leaves with CRLF line ends and dots doubled (RFC 5321 4.5.2), ready for the wire; quoted-printable lines hold
at most 76 characters, base64 lines 76, 8bit lines at most 998 octets.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mailer.edition.model import Filler, Parts, Values

LINE_LIMIT = 998  # octets without CRLF: RFC 5322 2.1.1
_BOUNDED = 330  # octets that a token, an address, or the two together may add to a line


class Encoding(StrEnum):
    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"
    EIGHT_BIT = "8bit"


class Body(Protocol):
    """A part's body, compiled."""

    encoding: Encoding

    def render(self, values: Values) -> bytes: ...


def choose_encoding(parts: Parts, *, eight_bit: bool) -> Encoding:
    """8bit where it is allowed and every line stays short; else the smaller one over the static text."""
    static = _octets("".join(part for part in parts if isinstance(part, str)))
    if eight_bit and _lines_stay_short(parts):
        return Encoding.EIGHT_BIT
    quoted = len(static) + 2 * len(re.findall(rb"[^\t\r\n -<>-~]", static)) + len(static) // 25
    return Encoding.QUOTED_PRINTABLE if quoted <= len(static) * 78 // 57 else Encoding.BASE64


def compile_body(parts: Parts, encoding: Encoding) -> Body:
    return _Base64(parts) if encoding is Encoding.BASE64 else _Spliced(encoding, parts)


class _Spliced:
    """A body whose static text stands as it is, whatever the values are."""

    def __init__(self, encoding: Encoding, parts: Parts) -> None:
        self.encoding = encoding
        self._quoted = encoding is Encoding.QUOTED_PRINTABLE
        encode = quote if self._quoted else _octets
        self._pieces = [_stuff(encode(part)) if isinstance(part, str) else part for part in merge(parts)]

    def render(self, values: Values) -> bytes:
        out: list[bytes] = []
        fresh = True  # the next octet begins a line
        for piece in self._pieces:
            data = piece if isinstance(piece, bytes) else self._slot(piece.fill(values), fresh=fresh)
            if not data:
                continue
            if fresh and data.startswith(b"."):
                out.append(b".")
            out.append(data)
            fresh = data.endswith(b"\n")
        return b"".join(out)

    def _slot(self, value: str, *, fresh: bool) -> bytes:
        """In quoted-printable between soft line breaks, so that static text behind it always begins a line."""
        if not self._quoted:
            return _stuff(_octets(value))
        encoded = quote(value)
        after = b"" if not encoded or encoded.endswith(b"\n") else b"=\r\n"
        return _stuff((b"" if fresh else b"=\r\n") + encoded + after)


def merge(parts: Parts) -> Parts:
    """The same parts with no two static ones side by side, and no empty ones."""
    out: list[str | Filler] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        elif part != "":
            out.append(part)
    return tuple(out)


def quote(text: str) -> bytes:
    """`text` in quoted-printable, lines ended by CRLF; each line has room for the `=` of a soft break behind it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return b"\r\n".join(_quote_line(line.encode("utf-8", "surrogatepass")) for line in lines)


def _quote_line(line: bytes) -> bytes:
    encoded = binascii.b2a_qp(line, quotetabs=False, istext=True, header=False).replace(b"=\n", b"=\r\n")
    last = encoded.rsplit(b"\n", 1)[-1]
    if len(last) < 76:
        return encoded
    cut = len(encoded) - 3 if encoded[-3:-2] == b"=" else len(encoded) - 1
    return encoded[:cut] + b"=\r\n" + encoded[cut:]


class _Base64:
    """A body in base64."""

    encoding = Encoding.BASE64

    def __init__(self, parts: Parts) -> None:
        self._pieces = [_Aligned.of(_octets(part)) if isinstance(part, str) else part for part in merge(parts)]

    def render(self, values: Values) -> bytes:
        out: list[bytes] = []
        carry = b""  # fewer than three octets that wait for company
        for piece in self._pieces:
            if isinstance(piece, _Aligned):
                carry = piece.append(out, carry)
            else:
                data = carry + _octets(piece.fill(values))
                whole = len(data) - len(data) % 3
                out.append(_base64_lines(data[:whole]))
                carry = data[whole:]
        out.append(_base64_lines(carry))
        return b"".join(out)


@dataclass(frozen=True, slots=True)
class _Aligned:
    """Static octets, encoded three times: from the first, second and third octet on, each up to its last whole triple."""

    octets: bytes
    encoded: tuple[bytes, bytes, bytes]

    @classmethod
    def of(cls, octets: bytes) -> "_Aligned":
        ready = [_base64_lines(octets[skip : len(octets) - (len(octets) - skip) % 3]) for skip in range(3)]
        return cls(octets, (ready[0], ready[1], ready[2]))

    def append(self, out: list[bytes], carry: bytes) -> bytes:
        """Put this behind `carry`; returns the new carry."""
        skip = -len(carry) % 3
        if len(self.octets) < skip:
            return carry + self.octets
        out.append(_base64_lines(carry + self.octets[:skip]))
        out.append(self.encoded[skip])
        rest = (len(self.octets) - skip) % 3
        return self.octets[len(self.octets) - rest :] if rest else b""


def _base64_lines(octets: bytes) -> bytes:
    """Lines of at most 76 characters, each ended by CRLF; base64 has no dots to double."""
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def encode_attachment(data: bytes) -> bytes:
    return _base64_lines(data)


def _octets(text: str) -> bytes:
    """UTF-8 in canonical form: every line end is CRLF, RFC 2046 4.1.1."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.replace("\n", "\r\n").encode("utf-8", "surrogatepass")


def _stuff(data: bytes) -> bytes:
    """Double each dot that begins a line, but for the first line, which may be none."""
    return data.replace(b"\n.", b"\n..") if b"\n." in data else data


def _lines_stay_short(parts: Parts) -> bool:
    """Whether no line can pass 998 octets: slots with values of any length forbid it."""
    if any(not isinstance(part, str) and not getattr(part, "is_bounded", False) for part in parts):
        return False
    text = "".join(part if isinstance(part, str) else "x" * _BOUNDED for part in parts)
    return all(len(line.encode("utf-8", "surrogatepass")) <= LINE_LIMIT for line in text.split("\n"))
