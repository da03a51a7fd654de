"""Reads dates as people write them into cells of spreadsheets."""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from mailer.i18n.date_format import ENGLISH, find_locale, parse_locale

_FIGURES = re.compile(r"(\d{1,4})([-./])[ ]?(\d{1,2})\2[ ]?(\d{1,4})\.?(?:,?[ T]+\d{1,2}:\d\d.*)?")
_NAMED = re.compile(r"(?:(\d{1,2})\.?[- ]+)?([^\W\d]{3,})\.?[- ]+(?:(\d{1,2}),[ ]+)?(\d{4}|\d{2})")
_EARLIEST, _LATEST = 1970, 2099
_SERIAL = re.compile(r"(\d{5})(?:[.,]\d+)?")
_EPOCH = dt.date(1899, 12, 30)  # of the serial numbers of Excel and LibreOffice


@dataclass(frozen=True, slots=True)
class ParsedDay:
    """A day, or a time, in the form of ISO 8601. `is_ambiguous`: day and month may be swapped."""

    text: str
    is_ambiguous: bool = False


def parse_day(text: str, language: str) -> ParsedDay | None:
    """Returns the day in a cell of a spreadsheet; None for any other text.

    ISO 8601; the forms that Excel writes in `language`, such as 31/01/2024, 31.1.24 and 31-Jan-24; and Excel's serial numbers.
    The order of day and month is that of the language; in English without a region it is ambiguous if both are possible. Between
    full stops, the day comes first.
    """
    text = text.strip()
    try:
        dt.datetime.fromisoformat(text)
        return ParsedDay(text)
    except ValueError:
        pass
    if serial := _SERIAL.fullmatch(text):
        return _valid(_EPOCH + dt.timedelta(days=int(serial[1])))
    if named := _NAMED.fullmatch(text):
        day, word, other, year = named.groups()
        month = _months(language).get(word.casefold()) if day or other else None
        return _day(year, month, int(day or other)) if month else None
    if figures := _FIGURES.fullmatch(text):
        first, mark, second, third = figures.groups()
        if len(first) == 4:
            return _day(first, int(second), int(third))
        if len(first) > 2 or len(third) == 3:
            return None
        one, two = int(first), int(second)
        month_first = mark != "." and _writes_month_first(language)
        if max(one, two) > 12:
            month_first = two > 12
        day, month = (two, one) if month_first else (one, two)
        found = _day(third, month, day)
        unsure = mark != "." and language.lower() == "en" and max(one, two) <= 12 and one != two
        return ParsedDay(found.text, is_ambiguous=unsure) if found else None
    return None


def _day(year: str, month: int, day: int) -> ParsedDay | None:
    number = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
    try:
        return _valid(dt.date(number, month, day))
    except ValueError:
        return None


def _valid(date: dt.date) -> ParsedDay | None:
    return ParsedDay(date.isoformat()) if _EARLIEST <= date.year <= _LATEST else None


@lru_cache(maxsize=64)
def _writes_month_first(language: str) -> bool:
    pattern = str(parse_locale(language).date_formats["short"].pattern)
    return pattern.casefold().find("m") < pattern.casefold().find("d")


@lru_cache(maxsize=64)
def _months(language: str) -> dict[str, int]:
    """Returns the months by their names and abbreviations, in the language and in English."""
    return {
        name.strip(".").casefold(): number
        for locale in (ENGLISH, find_locale(language))
        for names in locale.months["format"].values()
        for number, name in names.items()
        if not name.isdigit()
    }
