"""Wraps plaintext by display width.

A Hebrew or Latin letter is one column wide, a Chinese character two, a combining mark none. Lines break at spaces and,
in Chinese and Japanese, between characters, but not before closing or after opening punctuation. No-break spaces are kept; a
word that is longer than a line, a URL above all, stays whole on a line of its own.
"""

import re

from wcwidth import wcwidth

COLUMNS = 72

_SPACES = re.compile(r"[ \t]+")
_EAST_ASIAN = (
    "\u2e80-\u2fdf\u3001-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff"
)
_CLOSES = "、。，．・：；？！゛゜ー’”）〕］｝〉》」』】〗〙ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々〻,.:;?!)]}»…"
_OPENS = "‘“（〔［｛〈《「『【〖〘([{«"
_ANY_EAST_ASIAN = re.compile(f"[{_EAST_ASIAN}]")
_BREAKS = re.compile(
    f"(?<=[{_EAST_ASIAN}])(?<![{re.escape(_OPENS)}])(?![{re.escape(_CLOSES)}])(?=.)"
    f"|(?<![{re.escape(_OPENS)}])(?<=.)(?=[{_EAST_ASIAN}])(?![{re.escape(_CLOSES)}])"
)


def width(text: str) -> int:
    """Returns the columns that `text` takes; controls and combining marks take none."""
    if text.isascii():
        return len(text)
    return sum(max(wcwidth(character), 0) for character in text)


def wrap(text: str, first: str = "", rest: str = "", columns: int = COLUMNS) -> str:
    """Returns `text` in lines of at most `columns`, the first after `first`, the others after `rest`.

    A line feed in `text` is kept. No line ends in a space.
    """
    widest = len(first) + len(text) if first.isascii() and text.isascii() else 2 * (len(first) + len(text))
    if widest <= columns and "\n" not in text and "\t" not in text and "  " not in text:
        return (first + text.strip(" ")).rstrip(" ")
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used, empty = (rest if lines else first), width(rest if lines else first), True
        for piece, spaced in _pieces(paragraph):
            size = width(piece)
            if not empty and used + spaced + size > columns:
                lines.append(line.rstrip(" "))
                line, used, empty = rest, width(rest), True
            gap = " " if spaced and not empty else ""
            line, used, empty = line + gap + piece, used + len(gap) + size, False
        lines.append(line.rstrip(" "))
    return "\n".join(lines)


def _pieces(paragraph: str) -> list[tuple[str, bool]]:
    """Returns the unbreakable pieces, each with whether there is a space before it."""
    pieces: list[tuple[str, bool]] = []
    for word in _SPACES.split(paragraph.strip(" \t")):
        if not word:
            continue
        if _ANY_EAST_ASIAN.search(word):
            parts = [part for part in _BREAKS.split(word) if part]
            pieces.extend((part, index == 0) for index, part in enumerate(parts))
        else:
            pieces.append((word, True))
    return pieces
