"""Writes header fields: RFC 5322, encoded words RFC 2047, folded at 78.

Always holds: a field is one field. A value with a line break or another control character is refused, whatever was checked
before. Text that is not plain ASCII, or that could be taken for an encoded word (`=?`, CVE-2024-6923), is encoded.
"""

import re
from base64 import b64encode
from typing import AnyStr

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_COLUMNS = 76  # of a line of text: RFC 2047 2
_QUOTED = [
    chr(octet) if chr(octet).isascii() and (chr(octet).isalnum() or chr(octet) in "!*+-/") else f"={octet:02X}"
    for octet in range(256)
]  # unencoded only what is allowed in a phrase, too: RFC 2047 5 (3)
_QUOTED[ord(" ")] = "_"
_ATOM_TEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")


class HeaderError(ValueError):
    """A value that is not allowed in a header."""


def unstructured(name: str, text: str) -> bytes:
    """Returns `Name: text` and CRLF for a field of free text (Subject)."""
    return _line(name, encode_text(text, len(name) + 2))


def address_field(name: str, display: str, address: str) -> bytes:
    """Returns `Name: Display <address>` with one mailbox: RFC 5322 3.4, RFC 6532 for a non-ASCII address."""
    _refuse_controls(address)
    if not display:
        return _line(name, address)
    if display.isascii() and "=?" not in display:
        _refuse_controls(display)
        phrase = display if _ATOM_TEXT.match(display) else '"' + re.sub(r'(["\\])', r"\\\1", display) + '"'
    else:
        phrase = encode_text(display, len(name) + 2)
    return _line(name, phrase, f"<{address}>")


def structured(name: str, *words: str) -> bytes:
    """Returns `Name: words`, every word unchanged; lines break between words only."""
    for word in words:
        _refuse_controls(word)
    return _line(name, *words)


def encode_text(text: str, indent: int) -> str:
    """Returns `text` for a header that has used `indent` columns: plain or as encoded words, folded with CRLF.

    Plain only where folding and unfolding give the same text back: no runs of spaces, no word too long for a line.
    """
    _refuse_controls(text)
    if not text:
        return ""
    words = text.split(" ")
    plain = text.isascii() and "=?" not in text and max(map(len, words)) <= 60 and min(map(len, words)) > 0
    if plain and indent + len(text) <= _COLUMNS:
        return text
    lines: list[str] = []
    for word in words if plain else _encoded_words(text, _COLUMNS - indent):
        if lines and indent + 1 + len(word) <= _COLUMNS:
            lines[-1] += f" {word}"
            indent += 1 + len(word)
        else:
            indent = len(word) + (1 if lines else indent)
            lines.append(word)
    return "\r\n ".join(lines)


def _encoded_words(text: str, room: int) -> list[str]:
    """Returns encoded words (RFC 2047 2) of at most 75 characters, the first of at most `room`; in the shorter of Q and B."""
    characters = [character.encode("utf-8", "replace") for character in text]
    quoted = ["".join(map(_QUOTED.__getitem__, character)) for character in characters]
    if 3 * sum(map(len, quoted)) <= 4 * sum(map(len, characters)):
        return [f"=?utf-8?q?{''.join(word)}?=" for word in _grouped(quoted, room - 12, 63)]
    groups = _grouped(characters, (room - 12) // 4 * 3, 45)
    return [f"=?utf-8?b?{b64encode(b''.join(word)).decode('ascii')}?=" for word in groups]


def _grouped(pieces: list[AnyStr], first: int, others: int) -> list[list[AnyStr]]:
    """Splits `pieces` into groups: the first of at most `first` characters or octets in all, the next of at most `others`."""
    groups: list[list[AnyStr]] = [[]]
    left = first
    for piece in pieces:
        if len(piece) > left and groups[-1]:
            groups.append([])
            left = others
        groups[-1].append(piece)
        left -= len(piece)
    return groups


def _line(name: str, *words: str) -> bytes:
    """Returns the field, folded before each word that would pass column 78; a word too long for a line has its own."""
    lines = [f"{name}:"]
    for word in words:
        first, _, more = word.partition("\r\n")
        if len(lines[-1]) + 1 + len(first) > 78:
            lines.append("")
        lines[-1] += f" {first}"
        if more:
            lines += more.split("\r\n")
    return ("\r\n".join(lines) + "\r\n").encode("utf-8")


def _refuse_controls(text: str) -> None:
    if found := _CONTROL.search(text):
        raise HeaderError(f"a control character (U+{ord(found[0]):04X}) cannot stand in a header")
