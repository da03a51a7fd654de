"""Encodes the bodies of MIME parts, once where they are the same for everybody: RFC 2045.

    compile_body(parts, encoding) -> EncodedBody;  EncodedBody.prefix + EncodedBody.render(values) is the body

Parts are split at their merge fields. Static text is encoded ahead. The value of a merge field is encoded when it is known, and
joined so that a decoder sees one text: in quoted-printable between soft line breaks (6.7 rule 5), in base64 at its own
alignment (6.8: three octets to four characters), for which the static text after it is encoded in all three alignments.

Always holds: line ends are CRLF; quoted-printable and base64 lines have at most 76 characters, 8bit lines at most 998
octets; no line begins with a single dot (RFC 5321 4.5.2). In 8bit such a dot is doubled. In the other two encodings no line
begins with a dot, and there are no runs of spaces, no tabs, and no spaces at the end of a line. So the text on the wire is,
octet for octet, what the receiver gets and the relaxed canonical form of DKIM (RFC 6376 3.4.4), and can be hashed as it is.
"""

import base64
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mailer.edition.merge_fields import Fillable, ReaderValues, TemplateParts
from mailer.mime.render_cache import RenderCache

LINE_LIMIT = 998  # octets without CRLF: RFC 5322 2.1.1
_ADDRESS_LIMIT = (
    640  # octets that an address may add to a line: 64 before the @, each escaped as six in HTML, and its domain
)
_SOFT_BREAK = b"=\r\n"
_QUOTED_LINE = 75  # characters, and room for the `=` of a soft break


class Encoding(StrEnum):
    QUOTED_PRINTABLE = "quoted-printable"
    BASE64 = "base64"
    EIGHT_BIT = "8bit"


class EncodedBody(Protocol):
    """The compiled body of a part. `prefix` is what comes before its first merge field."""

    encoding: Encoding
    prefix: bytes

    def render(self, values: ReaderValues) -> list[bytes]:
        """Returns what follows `prefix`, in pieces."""


def choose_encoding(parts: TemplateParts, *, eight_bit: bool) -> Encoding:
    """Returns 8bit if it is allowed and every line stays short; else the encoding that is smaller for the static text."""
    static = _octets("".join(part for part in parts if isinstance(part, str)))
    if eight_bit and _lines_stay_short(parts):
        return Encoding.EIGHT_BIT
    specials = len(re.findall(rb"[^\r\n -<>-~]|  |(?m:^\.)", static))
    quoted = len(static) + 2 * specials + len(static) // 25
    return Encoding.QUOTED_PRINTABLE if quoted <= len(static) * 78 // 57 else Encoding.BASE64


def compile_body(parts: TemplateParts, encoding: Encoding) -> EncodedBody:
    """Returns `parts` as a body in `encoding`."""
    match encoding:
        case Encoding.QUOTED_PRINTABLE:
            return _QuotedPrintable(parts)
        case Encoding.BASE64:
            return _Base64(parts)
        case Encoding.EIGHT_BIT:
            return _Identity(parts)


def merge(parts: TemplateParts) -> TemplateParts:
    """Returns the same parts with adjacent static ones joined, and without empty ones."""
    out: list[str | Fillable] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        elif part != "":
            out.append(part)
    return tuple(out)


class _QuotedPrintable:
    """A body in quoted-printable. Each merge field is on lines of its own, so its value is encoded the same everywhere."""

    encoding = Encoding.QUOTED_PRINTABLE

    def __init__(self, parts: TemplateParts) -> None:
        pieces = [b""]
        placeholders: list[tuple[int, Fillable]] = []
        for part in merge(parts):
            if isinstance(part, str):
                pieces[-1] += quote(part)
                continue
            if pieces[-1] and not pieces[-1].endswith(b"\n"):
                pieces[-1] += _SOFT_BREAK
            placeholders.append((len(pieces), part))
            pieces += [b"", _SOFT_BREAK]
        self.prefix, *self._pieces = pieces
        fillers = dict.fromkeys(filler for _, filler in placeholders)
        numbers = {filler: number for number, filler in enumerate(fillers)}
        self._caches = [RenderCache((filler,), quote) for filler in fillers]
        self._placeholders = [(position - 1, numbers[filler]) for position, filler in placeholders]

    def render(self, values: ReaderValues) -> list[bytes]:
        encoded = [cache.render(values) for cache in self._caches]
        pieces = self._pieces.copy()
        for position, number in self._placeholders:
            pieces[position] = encoded[number]
        return pieces


def quote(text: str) -> bytes:
    """Returns `text`, which begins a line, in quoted-printable; each line has room for a soft break after it."""
    if _needs_no_quoting(text):
        return text.replace("\n", "\r\n").encode("ascii")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return b"\r\n".join([_quote_line(line.encode("utf-8", "surrogatepass")) for line in lines])


_LITERAL = re.compile(r"[\n -<>-~]*")


def _needs_no_quoting(text: str) -> bool:
    return (
        _LITERAL.fullmatch(text) is not None
        and "  " not in text
        and " \n" not in text
        and "\n." not in text
        and not text.startswith(".")
        and not text.endswith(" ")
        and (len(text) <= _QUOTED_LINE or all(len(line) <= _QUOTED_LINE for line in text.split("\n")))
    )


_QUOTED = [bytes([octet]) if 32 <= octet <= 126 and octet != 61 else b"=%02X" % octet for octet in range(256)]
_CHUNK = re.compile(rb"\..{0,72}(?<!=)(?<!=.)|.{1,75}(?<!=)(?<!=.)")  # =XX stays whole; a first dot grows to =2E


def _quote_line(line: bytes) -> bytes:
    encoded = b"".join(map(_QUOTED.__getitem__, line)).replace(b"  ", b" =20")
    if encoded.endswith(b" "):
        encoded = encoded[:-1] + b"=20"
    if len(encoded) <= _QUOTED_LINE and not encoded.startswith(b"."):
        return encoded
    chunks = _CHUNK.findall(encoded)
    return _SOFT_BREAK.join([b"=2E" + chunk[1:] if chunk.startswith(b".") else chunk for chunk in chunks])


class _Base64:
    """A body in base64, which has neither dots nor spaces."""

    encoding = Encoding.BASE64

    def __init__(self, parts: TemplateParts) -> None:
        pieces = [
            _Base64Chunk.of(_octets(part)) if isinstance(part, str) else RenderCache((part,), _octets)
            for part in merge(parts)
        ]
        first = pieces[0] if pieces else None
        prefix: list[bytes] = []
        self._carry = first.append(prefix, b"") if isinstance(first, _Base64Chunk) else b""
        self._pieces = pieces[1:] if isinstance(first, _Base64Chunk) else pieces
        self.prefix = b"".join(prefix)

    def render(self, values: ReaderValues) -> list[bytes]:
        out: list[bytes] = []
        carry = self._carry  # fewer than three octets, to be encoded with what follows
        for piece in self._pieces:
            if isinstance(piece, _Base64Chunk):
                carry = piece.append(out, carry)
            else:
                data = carry + piece.render(values)
                whole = len(data) - len(data) % 3
                out.append(_base64_lines(data[:whole]))
                carry = data[whole:]
        out.append(_base64_lines(carry))
        return out


@dataclass(frozen=True, slots=True)
class _Base64Chunk:
    """Static octets, encoded three times: from the first, second and third octet, each up to its last whole triple."""

    octets: bytes
    encoded: tuple[bytes, bytes, bytes]

    @classmethod
    def of(cls, octets: bytes) -> "_Base64Chunk":
        encoded = [_base64_lines(octets[skip : len(octets) - (len(octets) - skip) % 3]) for skip in range(3)]
        return cls(octets, (encoded[0], encoded[1], encoded[2]))

    def append(self, out: list[bytes], carry: bytes) -> bytes:
        """Appends `carry` and this to `out`; returns the new carry."""
        skip = -len(carry) % 3
        if len(self.octets) < skip:
            return carry + self.octets
        out.append(_base64_lines(carry + self.octets[:skip]))
        out.append(self.encoded[skip])
        rest = (len(self.octets) - skip) % 3
        return self.octets[len(self.octets) - rest :] if rest else b""


def _base64_lines(octets: bytes) -> bytes:
    """Returns base64 in lines of at most 76 characters, each ended by CRLF."""
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


class _Identity:
    """A body in 8bit: as it is, leading dots doubled."""

    encoding = Encoding.EIGHT_BIT
    prefix = b""

    def __init__(self, parts: TemplateParts) -> None:
        self._pieces = [
            _octets(part) if isinstance(part, str) else RenderCache((part,), _octets) for part in merge(parts)
        ]

    def render(self, values: ReaderValues) -> list[bytes]:
        pieces = [piece if isinstance(piece, bytes) else piece.render(values) for piece in self._pieces]
        return [b"".join([b"\n", *pieces]).replace(b"\n.", b"\n..")[1:]]


def encode_attachment(data: bytes) -> bytes:
    """Returns `data` in base64."""
    return _base64_lines(data)


def _octets(text: str) -> bytes:
    """Returns `text` as UTF-8 in canonical form: every line end is CRLF, RFC 2046 4.1.1."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.replace("\n", "\r\n").encode("utf-8", "surrogatepass")


def _lines_stay_short(parts: TemplateParts) -> bool:
    """Whether no line can exceed 998 octets; a merge field whose values have any length can."""
    if any(not isinstance(part, str) and not part.has_fixed_length for part in parts):
        return False
    text = "".join(part if isinstance(part, str) else "x" * _ADDRESS_LIMIT for part in parts)
    return all(len(line.encode("utf-8", "surrogatepass")) <= LINE_LIMIT for line in text.split("\n"))
