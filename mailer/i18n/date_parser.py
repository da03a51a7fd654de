"""Parses dates as people and papers write them: October 26, 2026; 26. Okt. 2026; 26 באוקטובר 2026; 26/10/2026.

    read_date(text)       the date, if the text contains nothing else
    ends_in_date(text)    the text before the date at its end, and the date
    is_month_first(text)  whether English dates are written as in the United States
    find_date(text)       the first date somewhere in a line, or the month in it

The words for months and days are Babel's, in the languages below. Ambiguous figures (03/04/2026) are taken
day first, as most of the world writes them, and marked as ambiguous.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale

_LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "pt",
    "it",
    "nl",
    "sv",
    "da",
    "nb",
    "pl",
    "cs",
    "fi",
    "ru",
    "uk",
    "he",
    "ar",
    "tr",
)
_LINKING = frozenset({"de", "del", "of", "the", "den", "der", "le", "el", "il", "am", "г", "року", "года"})
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th|er|ère|º|ª|°|e)\b", re.IGNORECASE)
_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_FIGURES = re.compile(r"\d{1,4}(?P<mark>[-./])\d{1,2}(?P=mark)\d{1,4}")
_BETWEEN = frozenset(" \t,.-–—/'’\u05be\u200e\u200f\u060c\xa0")
_LONGEST = 60  # characters of a date
_LONGEST_LINE = 200  # characters in which a date is searched for
_WORD = re.compile(r"[^\s]+")
_WORDS_OF_DATE = 6
_ISSUE = re.compile(
    r"\b(?:no|nr|num|issue|vol|volume|nummer|number|ausgabe|heft|jg|numéro|número|edição|édition|n)[.:°º]?\s*\d+|[#№]\s*\d+",
    re.IGNORECASE,
)
_MONTH_OF_YEAR = re.compile(r"(?P<month>[^\W\d_]{3,})\.?,?\s+(?:de\s+)?(?P<year>[12]\d{3})(?!\d)")


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """A date; `languages` of its words, none for figures. `is_month`: only the month is stated."""

    date: dt.date
    languages: frozenset[str] = frozenset()
    is_ambiguous: bool = False
    is_month: bool = False


def read_date(text: str) -> ParsedDate | None:
    """Returns the date in `text`, with nothing else but a day of the week; else None."""
    text = text.strip().strip(".").strip()
    if not text or len(text) > _LONGEST or not any(map(str.isdigit, text)):
        return None
    if figures := _FIGURES.fullmatch(text):
        return _numeric([int(part) for part in re.findall(r"\d+", text)], figures["mark"])
    text = _ORDINAL.sub("", text)
    if not set(_TOKEN.sub("", text)) <= _BETWEEN:
        return None
    return _words(_TOKEN.findall(text))


def ends_in_date(text: str) -> tuple[str, ParsedDate] | None:
    """Returns (“Harbour Times”, 25 October 2026) for “Harbour Times, Oct. 25, 2026”; None without a date at its end."""
    for start in _starts(text):
        if read := read_date(text[start:]):
            return text[:start].rstrip(" \t,;:–—-|·"), read
    return None


def find_date(text: str) -> ParsedDate | None:
    """Returns the first date in a line such as “Issue 12, 1 March 2026”, else the first day of the month in it; or None."""
    text = _ISSUE.sub(lambda match: ";" * len(match[0]), text[:_LONGEST_LINE])
    words = list(_WORD.finditer(text))
    for first, word in enumerate(words):
        for last in reversed(words[first : first + _WORDS_OF_DATE]):
            if read := read_date(text[word.start() : last.end()].strip("()[]|·–—-,;: ")):
                return read
    for match in _MONTH_OF_YEAR.finditer(text):
        if month := _month(match["month"].casefold()):
            return ParsedDate(dt.date(int(match["year"]), month[0], 1), month[1], is_month=True)
    return None


def _starts(text: str) -> Iterator[int]:
    """Yields the offsets at which the date at the end of `text` might begin, the longest first."""
    floor = max(0, len(text) - _LONGEST)
    yield from (match.end() for match in re.finditer(r"[,;:|·–—]\s*|\s+", text) if match.end() >= floor)


def _numeric(parts: list[int], mark: str) -> ParsedDate | None:
    first, second, third = parts
    if first > 31:
        return _valid_date(first, second, third)
    if third < 100:
        return None
    if second > 12:
        return _valid_date(third, first, second)
    ambiguous = mark != "." and first <= 12 and first != second
    return _valid_date(third, second, first, is_ambiguous=ambiguous)


def _words(tokens: list[str]) -> ParsedDate | None:
    numbers = [int(token) for token in tokens if token.isdecimal()]
    words = [token.casefold() for token in tokens if not token.isdecimal()]
    months = [found for word in words if (found := _month(word))]
    others = [word for word in words if not _month(word) and word not in _LINKING and word not in _weekdays()]
    if len(months) != 1 or others or len(numbers) != 2:
        return None
    day, year = numbers if numbers[1] > 31 else numbers[::-1]
    number, languages = months[0]
    return _valid_date(year, number, day, languages) if year >= 1000 else None


def _valid_date(
    year: int, month: int, day: int, languages: frozenset[str] = frozenset(), *, is_ambiguous: bool = False
) -> ParsedDate | None:
    try:
        return ParsedDate(dt.date(year, month, day), languages, is_ambiguous)
    except ValueError:
        return None


def is_word_of_date(word: str) -> bool:
    """Whether a word in lower case is a month or a day of the week."""
    return _month(word) is not None or word in _weekdays() or _ORDINAL.sub("", word).isdecimal()


def _month(word: str) -> tuple[int, frozenset[str]] | None:
    found = _months().get(word)
    return found or _months().get(word.removeprefix("ב"))  # Hebrew: in October


@lru_cache(maxsize=1)
def _months() -> dict[str, tuple[int, frozenset[str]]]:
    found: dict[str, tuple[int, set[str]]] = {"sept": (9, {"en"})}
    for language in _LANGUAGES:
        for widths in Locale(language).months.values():
            for width in ("wide", "abbreviated"):
                for number, name in widths.get(width, {}).items():
                    for word in _TOKEN.findall(name.casefold()):
                        known = found.setdefault(word, (number, set()))
                        if known[0] == number and not word.isdecimal():
                            known[1].add(language)
    return {word: (number, frozenset(languages)) for word, (number, languages) in found.items() if languages}


@lru_cache(maxsize=1)
def _weekdays() -> frozenset[str]:
    return frozenset(
        word
        for language in _LANGUAGES
        for widths in Locale(language).days.values()
        for width in ("wide", "abbreviated")
        for name in widths.get(width, {}).values()
        for word in _TOKEN.findall(name.casefold())
    )


_ENGLISH_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_MONTH_FIRST = re.compile(rf"\b{_ENGLISH_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_ENGLISH_MONTH},?\s+\d{{4}}\b", re.IGNORECASE)


def is_month_first(text: str) -> bool:
    """Whether most English dates in `text` have the month first, as in the United States: October 26, 2026."""
    return len(_MONTH_FIRST.findall(text)) > len(_DAY_FIRST.findall(text))
