"""Suggestions for misspelt keys, slugs and names."""

from collections.abc import Collection
from difflib import get_close_matches

_LISTED = 15  # a longer list does not help
_SHORTEST_PART = 3
_LONGEST = 100  # a longer word is no misspelling of a known one, and difflib is slow


def suggest_slug(slug: str, known: Collection[str]) -> str:
    """Suggests a slug of `known`: the last one, by its date, that contains `slug`; else the nearest one."""
    part = sorted(name for name in known if len(slug) >= _SHORTEST_PART and slug in name)
    return f"did you mean “{part[-1]}”?" if part else suggest(slug, known)


def suggest(word: str, known: Collection[str]) -> str:
    """Returns “did you mean …?” for the nearest of `known`; else a list of them, if it is short; else ""."""
    if len(word) <= _LONGEST:
        lower = {name.lower(): name for name in known}
        close = get_close_matches(word.lower(), lower, n=1)
        if close:
            return f"did you mean “{lower[close[0]]}”?"
    return f"expected one of {', '.join(sorted(known))}" if 0 < len(known) <= _LISTED else ""
