"""The slug of a dispatch, which an editor types, and the anchor of an article, which is generated.

Both are plain ASCII, for mail clients and servers disagree about anything else.
"""

import re
import unicodedata

LONGEST_SLUG = 200  # characters: it becomes the name of a file and of a folder
SLUG = rf"[a-z0-9][a-z0-9-]{{0,{LONGEST_SLUG - 1}}}"
EXPECTED_SLUG = f"use only a-z, 0-9 and hyphens, at most {LONGEST_SLUG}, such as 2026-10-26-east-quay"
_SLUG = re.compile(SLUG)
_LONGEST = 60
_MOST_READ = 1000  # characters of a title: normalising takes quadratic time on combining marks
_SPELLED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i"})


def is_slug(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None


def slugify(title: str) -> str:
    """Returns `title` in the characters of a slug, at most 60 of them; "" when it has none, as in Hebrew."""
    plain = unicodedata.normalize("NFKD", title[:_MOST_READ].lower().translate(_SPELLED))
    words = re.findall(r"[a-z0-9]+", re.sub(r"[\u0300-\u036f'’]", "", plain))
    slug = "-".join(words)
    return slug if len(slug) <= _LONGEST else slug[:_LONGEST].rpartition("-")[0] or slug[:_LONGEST]


class Anchors:
    """Creates anchors that are unique within a dispatch."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._count = 0
        self._next: dict[str, int] = {}

    def create(self, title: str) -> str:
        """Returns an anchor for the next article, from its title or else its number."""
        self._count += 1
        stem = slugify(title) or f"article-{self._count}"
        anchor, number = stem, self._next.get(stem, 2)
        while anchor in self._taken:
            anchor, number = f"{stem}-{number}", number + 1
        self._next[stem] = number
        self._taken.add(anchor)
        return anchor
