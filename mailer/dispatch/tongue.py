"""Languages as a dispatch names them, and the direction of a text that names none."""

import re
import unicodedata

EXPECTED_LANGUAGE = "expected a BCP 47 tag, such as en, pt-BR or he"
_TAG = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}"  # language, extended language
    r"(-[a-z]{4})?"  # script
    r"(-([a-z]{2}|[0-9]{3}))?"  # region
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(-[0-9a-wy-z](-[a-z0-9]{2,8})+)*"  # extensions
    r"(-x(-[a-z0-9]{1,8})+)?",  # private use
    re.IGNORECASE,
)
_LONGEST = 35  # RFC 5646 4.4.1


def is_language(text: str) -> bool:
    """Whether `text` is a well-formed tag (RFC 5646 2.1); languages of more than three letters do not exist."""
    return len(text) <= _LONGEST and _TAG.fullmatch(text) is not None


def first_strong(text: str) -> str:
    """The direction of the first strong character (UAX #9, P2): `ltr`, `rtl`, or "" when there is none."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
            case _:
                continue
    return ""
