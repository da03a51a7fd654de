"""Compares titles: whether two that differ a little are meant to be the same."""

import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache

_QUOTES = "\"'“”„‟‘’‚«»‹›״׳`"
_SAME = 0.72  # the similarity of titles, or sources, that are meant to be the same
_COMPARED = 300  # characters of a title


def unquoted(title: str) -> str:
    """Returns `title` without quotes around all of it."""
    title = title.strip()
    inner = title[1:-1]
    around = len(title) > 2 and title[0] in _QUOTES and title[-1] in _QUOTES
    return inner.strip() if around and not set(inner) & set(_QUOTES) - {"'", "’"} else title


def similarity(one: str, other: str) -> float:
    """Returns how similar two titles are, 0 to 1, whatever their case, quotes and punctuation; 0 for different ones."""
    first, second = _bare(one), _bare(other)
    if not first or not second:
        return 0.0
    if first == second:
        return 1.0
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) >= 12 and longer.startswith(shorter):
        return 0.9
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    if matcher.real_quick_ratio() < _SAME or matcher.quick_ratio() < _SAME:
        return 0.0  # a bound, found in linear time: they differ
    return matcher.ratio()


def is_same(one: str, other: str) -> bool:
    return similarity(one, other) >= _SAME


@lru_cache(4096)
def _bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text[:_COMPARED].casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in decomposed if not unicodedata.combining(c)).split())
