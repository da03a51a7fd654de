"""Dates in the forms of a language.

    long_date(date, language)    26 October 2026

Dates in the cells of spreadsheets are read by spreadsheet_dates.py.
"""

import datetime as dt
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from mailer.i18n.bcp47 import primary_subtag

ENGLISH = Locale("en", "GB")  # 26 October 2026; `language: en-US` gives October 26, 2026


@lru_cache(maxsize=256)
def long_date(date: dt.date, language: str) -> str:
    """Returns `date` in its long form: 26 October 2026, 23 באוקטובר 2026."""
    return format_date(date, format="long", locale=find_locale(language))


@lru_cache(maxsize=64)
def find_locale(language: str) -> Locale:
    """Returns the locale of a language tag or of its language alone; English if it is unknown."""
    for tag in (language.replace("-", "_"), primary_subtag(language)):
        if tag.lower() == "en":
            return ENGLISH
        try:
            return Locale.parse(tag)
        except (UnknownLocaleError, ValueError):
            continue
    return ENGLISH


def parse_locale(language: str) -> Locale:
    """Returns the locale of a language tag with its region if it is known, otherwise find_locale(language)."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return find_locale(language)
