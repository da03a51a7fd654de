"""Two texts side by side, as the lines in which they differ."""

import difflib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A line of a comparison: `+` in the second text only, `-` in the first only, `@` where lines are left out."""

    sign: str
    text: str


def changes(before: str, after: str) -> tuple[Change, ...]:
    """How `before` becomes `after`; nothing when they are the same."""
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=2)
    return tuple(Change(line[:1], "" if line.startswith("@") else line[1:]) for line in list(lines)[2:])
