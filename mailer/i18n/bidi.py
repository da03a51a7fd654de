"""The direction of a text, by its language or by its first strong character; and isolates (UAX #9), so that a text of one
direction does not turn the order of what is around it.
"""

import unicodedata

_RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ji", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
)
_RIGHT_TO_LEFT_SCRIPTS = frozenset({"adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"})


def first_strong_direction(text: str) -> str:
    """Returns the direction of the first strong character (UAX #9, P2): `ltr`, `rtl`, or "" without one."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
            case _:
                continue
    return ""


def isolate(text: str) -> str:
    """Returns `text` between FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE."""
    return f"\u2068{text}\u2069"


def has_right_to_left(text: str) -> bool:
    """Whether `text` has a letter that is written from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(character) in {"R", "AL"} for character in text)


def has_left_to_right(text: str) -> bool:
    """Whether `text` has a letter that is written from left to right."""
    return any(unicodedata.bidirectional(character) == "L" for character in text)


def text_direction(language: str) -> str:
    """Returns `rtl` or `ltr`; a script in the tag (`az-Arab`, `ar-Latn`) overrides the language."""
    subtags = language.lower().replace("_", "-").split("-")
    for subtag in subtags[1:]:
        if len(subtag) == 4 and subtag.isalpha():
            return "rtl" if subtag in _RIGHT_TO_LEFT_SCRIPTS else "ltr"
    return "rtl" if subtags[0] in _RIGHT_TO_LEFT else "ltr"
