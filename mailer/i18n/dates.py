"""Dates in the long form of a language."""

import datetime as dt
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from mailer.i18n.bcp47 import primary_subtag

_ENGLISH = Locale("en", "GB")  # 26 October 2026; `language: en-US` gives October 26, 2026


@lru_cache(maxsize=256)
def long_date(date: dt.date, language: str) -> str:
    """Returns `date` in its long form: 26 October 2026, 23 באוקטובר 2026."""
    return format_date(date, format="long", locale=_find_locale(language))


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
