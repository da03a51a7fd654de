"""Emphasis and line ends in Chinese, Japanese and Korean text, where words have no spaces between them.

CommonMark lets `**` open or close only beside a space or a sign, so that `**重点。**后面` would show its stars. The rule of
CommonMark’s proposed amendment is applied instead: a wide sign or letter counts as one beside which emphasis may begin or end
(https://github.com/tats-u/markdown-cjk-friendly/blob/main/specification.md). A line end between two characters of Chinese or
Japanese is no space: CSS Text 3, 4.1.3. Pure.
"""

import unicodedata
from collections.abc import Sequence

from markdown_it.rules_inline.state_inline import Delimiter, StateInline
from markdown_it.token import Token


def emphasis(state: StateInline, silent: bool) -> bool:
    """Reads a run of `*` or `_` as markdown-it’s own rule does, by the amended rule of what may open and close."""
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    length = state.scanDelims(state.pos, canSplitWord=True).length
    end = state.pos + length
    before = state.src[state.pos - 1] if state.pos else " "
    after = state.src[end] if end < state.posMax else " "
    opens, closes = _flanks(before, after, splits_words=marker == "*")
    for _ in range(length):
        state.push("text", "", 0).content = marker
        state.delimiters.append(
            Delimiter(marker=ord(marker), length=length, token=len(state.tokens) - 1, end=-1, open=opens, close=closes)
        )
    state.pos = end
    return True


def join_lines(children: Sequence[Token]) -> None:
    """Removes the line ends between two characters of Chinese or Japanese, in place."""
    last = ""  # the character before; "" for anything but text
    waiting: tuple[Token, str] | None = None  # a line end, and the character before it
    for token in children:
        if token.nesting or (token.type == "text" and not token.content):
            continue
        text = token.content if token.type == "text" else ""
        if waiting and text and _joins(waiting[1]) and _joins(text[0]):
            waiting[0].type, waiting[0].content = "text", ""
        waiting = (token, last) if token.type == "softbreak" else None
        last = text[-1:]


def _flanks(before: str, after: str, *, splits_words: bool) -> tuple[bool, bool]:
    """Returns whether a run between these two characters can open and can close emphasis."""
    left = not after.isspace() and (not _is_narrow_sign(after) or _ends_words(before))
    right = not before.isspace() and (not _is_narrow_sign(before) or _ends_words(after))
    if splits_words:
        return left, right
    return left and (not right or _is_sign(before)), right and (not left or _is_sign(after))


def _ends_words(character: str) -> bool:
    return character.isspace() or _is_sign(character) or _is_wide(character)


def _is_narrow_sign(character: str) -> bool:
    return _is_sign(character) and not _is_wide(character)


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] == "P" or character in "$+<=>^`|~"


def _is_wide(character: str) -> bool:
    """Whether `character` is one of Chinese, Japanese or Korean text; an emoji, which is wide too, is not."""
    return unicodedata.east_asian_width(character) in {"W", "F", "H"} and unicodedata.category(character) != "So"


def _joins(character: str) -> bool:
    """Whether a line end beside `character` can be removed: Korean separates words by spaces."""
    return bool(character) and _is_wide(character) and "HANGUL" not in unicodedata.name(character, "")
