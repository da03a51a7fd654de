"""What the letter and the pages say, in the language of the dispatch.

The catalogues are mailer/i18n/locale/<language>.po, read once each when they are first asked for; the message ids are the
English sentences. A language without a catalogue, or a sentence without a translation, falls back to English: a
reader sees an English line rather than an error. Dates are written in their long form by Babel.

Nothing here raises for a language that does not exist.
"""

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.messages.pofile import read_po

LANGUAGES = ("en", "de", "fr", "es", "pt", "he", "ar")
"""Those that have a catalogue."""

_RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ji", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
)
_RIGHT_TO_LEFT_SCRIPTS = frozenset({"adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"})
_ENGLISH = Locale("en", "GB")  # 26 October 2026; who wants October 26, 2026 says `language: en-US`


def gettext(language: str, message: str, **values: object) -> str:
    """`message` in `language`, its `%(name)s` filled with `values`; a plain text, not escaped for anything."""
    text = _catalogue(primary_subtag(language)).get(message, message)
    return text % values if values else text


def effective_language(language: str) -> str:
    """The language that the words for `language` really are in: English where there is no catalogue."""
    return language if primary_subtag(language) in LANGUAGES else "en"


@lru_cache(maxsize=256)
def long_date(date: dt.date, language: str) -> str:
    """`date` as a person writes it: 26 October 2026, 23 באוקטובר 2026."""
    return format_date(date, format="long", locale=_locale(language))


def text_direction(language: str) -> str:
    """`rtl` or `ltr`; a script in the tag (`az-Arab`, `ar-Latn`) decides before the language does."""
    subtags = language.lower().replace("_", "-").split("-")
    for subtag in subtags[1:]:
        if len(subtag) == 4 and subtag.isalpha():
            return "rtl" if subtag in _RIGHT_TO_LEFT_SCRIPTS else "ltr"
    return "rtl" if subtags[0] in _RIGHT_TO_LEFT else "ltr"


def primary_subtag(language: str) -> str:
    primary = language.lower().replace("_", "-").partition("-")[0]
    return "he" if primary == "iw" else primary


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    for tag in (language.replace("-", "_"), primary_subtag(language)):
        if tag.lower() == "en":
            return _ENGLISH
        try:
            return Locale.parse(tag)
        except (UnknownLocaleError, ValueError):
            continue
    return _ENGLISH


@lru_cache(maxsize=len(LANGUAGES) + 8)
def _catalogue(primary: str) -> Mapping[str, str]:
    if primary not in LANGUAGES:
        return {}
    with (files("mailer.i18n") / "locale" / f"{primary}.po").open("rb") as file:
        catalogue = read_po(file, locale=primary, charset="utf-8", abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
