"""The direction of a text whose language is unknown."""

import unicodedata


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
