"""Sanitizing of text from outside for one line: no line breaks, no control or bidirectional characters."""

import re

_HARMLESS = re.compile(r"[ -~]*")
_LINE_ENDS = re.compile("[\t-\r\x85\u2028\u2029]+")
_NONCHARACTERS = "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_REMOVED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef" + _NONCHARACTERS + "]"
)


def is_clean(text: str) -> bool:
    """Whether `clean` returns `text` unchanged."""
    return text.isprintable() or not (_LINE_ENDS.search(text) or _REMOVED.search(text))


def clean_line(text: str) -> str:
    """Returns `text` on one line: line ends and tabs as a space; control, bidi and noncharacters removed."""
    if _HARMLESS.fullmatch(text):
        return text
    return _REMOVED.sub("", _LINE_ENDS.sub(" ", text))
