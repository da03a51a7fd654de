"""Translations of the texts in messages and pages, dates in words, and the direction of a language.

The catalogues are mailer/i18n/locale/<language>.po, each read once, at first use; the message ids are the English sentences. A
language without a catalogue, or a sentence without a translation, falls back to English. Babel formats dates.

Nothing here raises for an unknown language.
"""

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.messages.pofile import read_po

LANGUAGES = ("en", "de", "fr", "es", "pt", "he", "ar")
"""The languages with a catalogue."""

_RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ji", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
)
_RIGHT_TO_LEFT_SCRIPTS = frozenset({"adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"})
_ENGLISH = Locale("en", "GB")  # 26 October 2026; `language: en-US` gives October 26, 2026


def gettext(language: str, message: str, **values: object) -> str:
    """Returns `message` in `language`, its `%(name)s` replaced by `values`, as plain text without escaping."""
    text = _load_catalogue(primary_subtag(language)).get(message, message)
    return text % values if values else text


def effective_language(language: str) -> str:
    """Returns the language in which texts for `language` are shown: English without a catalogue."""
    return language if primary_subtag(language) in LANGUAGES else "en"


@lru_cache(maxsize=256)
def long_date(date: dt.date, language: str) -> str:
    """Returns `date` in its long form: 26 October 2026, 23 באוקטובר 2026."""
    return format_date(date, format="long", locale=_find_locale(language))


def text_direction(language: str) -> str:
    """Returns `rtl` or `ltr`; a script in the tag (`az-Arab`, `ar-Latn`) overrides the language."""
    subtags = language.lower().replace("_", "-").split("-")
    for subtag in subtags[1:]:
        if len(subtag) == 4 and subtag.isalpha():
            return "rtl" if subtag in _RIGHT_TO_LEFT_SCRIPTS else "ltr"
    return "rtl" if subtags[0] in _RIGHT_TO_LEFT else "ltr"


def primary_subtag(language: str) -> str:
    primary = language.lower().replace("_", "-").partition("-")[0]
    return "he" if primary == "iw" else primary


@lru_cache(maxsize=64)
def _find_locale(language: str) -> Locale:
    for tag in (language.replace("-", "_"), primary_subtag(language)):
        if tag.lower() == "en":
            return _ENGLISH
        try:
            return Locale.parse(tag)
        except (UnknownLocaleError, ValueError):
            continue
    return _ENGLISH


@lru_cache(maxsize=len(LANGUAGES) + 8)
def _load_catalogue(primary: str) -> Mapping[str, str]:
    if primary not in LANGUAGES:
        return {}
    with (files("mailer.i18n") / "locale" / f"{primary}.po").open("rb") as file:
        catalogue = read_po(file, locale=primary, charset="utf-8", abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
