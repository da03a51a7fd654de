"""Language tags of BCP 47 (RFC 5646): their form and their usual letter case.

Used for every language that a person types: in a dispatch, in the settings of a list, in `MAILER_LANGUAGE`. Only the form of a
tag is checked, not whether its subtags are registered.
"""

import re

EXPECTED_LANGUAGE = "use a language code such as en or pt-BR"
_TAG = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}"  # language, extended language
    r"(-[a-z]{4})?"  # script
    r"(-([a-z]{2}|[0-9]{3}))?"  # region
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(-[0-9a-wy-z](-[a-z0-9]{2,8})+)*"  # extensions
    r"(-x(-[a-z0-9]{1,8})+)?",  # private use
    re.ASCII | re.IGNORECASE,
)
_MAX_LENGTH = 35  # RFC 5646 4.4.1


def is_valid_tag(text: str) -> bool:
    """Whether `text` is a well-formed tag (RFC 5646 2.1).

    The grammar also allows languages of four to eight letters. None is registered, so a word such as “english” is refused.
    """
    return len(text) <= _MAX_LENGTH and _TAG.fullmatch(text) is not None


def normalize_case(tag: str) -> str:
    """Returns a well-formed tag in the letter case of RFC 5646 2.1.1: `zh-Hant-TW`, `pt-BR`."""
    subtags = tag.lower().split("-")
    for number, subtag in enumerate(subtags[1:], start=1):
        if len(subtag) == 1:
            break  # the rest is extensions and private use, in lower case
        if len(subtag) == 2:
            subtags[number] = subtag.upper()
        elif len(subtag) == 4 and subtag.isalpha():
            subtags[number] = subtag.title()
    return "-".join(subtags)


def primary_subtag(language: str) -> str:
    primary = language.lower().replace("_", "-").partition("-")[0]
    return "he" if primary == "iw" else primary
