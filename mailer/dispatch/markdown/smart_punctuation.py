"""Smart punctuation: quotation marks by language, apostrophes, dashes and the ellipsis.

    punctuate(children, language)         the inline tokens of a paragraph, in place
    punctuate_text(text, language)        a text that is not Markdown: a title, a caption, a source

The first works on the inline tokens of one paragraph, before escapes are joined to the text: what was escaped, code and bare
addresses stay as they were typed, and so does a placeholder, which counts as a letter. Takes time proportional to the text.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from markdown_it.token import Token

P = TypeVar("P")
Quotes = tuple[str, str, str, str]
"""Opening and closing, for " and for '."""

_ENGLISH: Quotes = ("“", "”", "‘", "’")
_LOW: Quotes = ("„", "“", "‚", "‘")
_LOW_HIGH: Quotes = ("„", "”", "‚", "’")
_ANGLED: Quotes = ("«", "»", "“", "”")
_SLAVIC: Quotes = ("«", "»", "„", "“")
_NORDIC: Quotes = ("”", "”", "’", "’")
_FRENCH: Quotes = ("«\u00a0", "\u00a0»", "“", "”")

QUOTES: dict[str, Quotes] = {
    "en": _ENGLISH,
    "ar": _ENGLISH,
    "bg": _LOW,
    "ca": _ANGLED,
    "cs": _LOW,
    "da": ("»", "«", "›", "‹"),
    "de": _LOW,
    "de-ch": ("«", "»", "‹", "›"),
    "el": _ANGLED,
    "es": _ANGLED,
    "et": _LOW,
    "fa": ("«", "»", "‹", "›"),
    "fi": _NORDIC,
    "fr": _FRENCH,
    "fr-ch": ("«\u202f", "\u202f»", "‹\u202f", "\u202f›"),
    "he": ("”", "”", "’", "’"),
    "hr": _LOW_HIGH,
    "hu": ("„", "”", "»", "«"),
    "is": _LOW,
    "it": ("«", "»", "“", "”"),
    "ja": ("「", "」", "『", "』"),
    "lt": _LOW,
    "lv": _LOW,
    "nb": ("«", "»", "‘", "’"),
    "nl": _ENGLISH,
    "nn": ("«", "»", "‘", "’"),
    "no": ("«", "»", "‘", "’"),
    "pl": ("„", "”", "«", "»"),
    "pt": ("«", "»", "“", "”"),
    "pt-br": _ENGLISH,
    "ro": ("„", "”", "«", "»"),
    "ru": _SLAVIC,
    "sk": _LOW,
    "sl": _LOW,
    "sr": _LOW_HIGH,
    "sv": _NORDIC,
    "tr": _ENGLISH,
    "uk": _SLAVIC,
    "zh": _ENGLISH,
}
_APOSTROPHE = "’"
_DASHES = (
    (re.compile(r"(?<!\.)\.{3}(?!\.)"), "…"),
    (re.compile(r"(?<!-)---(?!-)"), "—"),
    (re.compile(r"(?<!-)--(?!-)"), "–"),
)
_BREAKS = frozenset({"softbreak", "hardbreak"})


def quotes_of(language: str) -> Quotes:
    """Returns the quotation marks of `language`; English ones for a language that is not in the table."""
    tag = language.lower()
    while tag:
        if tag in QUOTES:
            return QUOTES[tag]
        tag = tag.rpartition("-")[0]
    return _ENGLISH


def punctuate(children: Sequence[Token], language: str) -> None:
    """Sets the punctuation of one paragraph's `children`, in place."""
    texts = [token for token in _outside_addresses(children) if token.type == "text"]
    for token in texts:
        for pattern, sign in _DASHES:
            token.content = pattern.sub(sign, token.content)
    if any('"' in token.content or "'" in token.content for token in texts):
        _Pairing(children, {id(token) for token in texts}, quotes_of(language)).run()


def punctuate_text(text: str, language: str) -> str:
    """Returns `text`, which is not Markdown, with the punctuation of `language`."""
    token = Token("text", "", 0, content=text)
    punctuate([token], language)
    return token.content


def punctuate_template(pieces: Sequence[P | str], language: str) -> tuple[P | str, ...]:
    """Returns `pieces` with the punctuation of `language` in their texts; whatever else is among them counts as a letter."""
    tokens = [
        Token("text", "", 0, content=piece) if isinstance(piece, str) else Token("merge_field", "", 0, content="x")
        for piece in pieces
    ]
    punctuate(tokens, language)
    return tuple(
        token.content if isinstance(piece, str) else piece for piece, token in zip(pieces, tokens, strict=True)
    )


def _outside_addresses(children: Sequence[Token]) -> list[Token]:
    """Returns the tokens without the text of <https://…>, which is an address."""
    depth, outside = 0, []
    for token in children:
        if token.info == "auto":
            depth += token.nesting
        elif depth == 0:
            outside.append(token)
    return outside


class _Pairing:
    """Pairs quotation marks in one pass: a mark that may open waits, with its nesting level, for one that closes."""

    def __init__(self, children: Sequence[Token], open_to_change: set[int], quotes: Quotes) -> None:
        self._children, self._open_to_change, self._quotes = children, open_to_change, quotes
        self._pieces: dict[int, list[str]] = {}
        self._waiting: list[tuple[str, int, int, int]] = []  # mark, level, token, place in its text
        self._count: Counter[tuple[str, int]] = Counter()

    def run(self) -> None:
        before = " "
        for number, token in enumerate(self._children):
            while self._waiting and self._waiting[-1][1] > token.level:
                self._drop()
            if id(token) in self._open_to_change:
                self._text(number, token, before)
            if token.type in _BREAKS:
                before = " "
            elif token.content:
                before = token.content[-1]
        while self._waiting:
            self._drop()
        for number, pieces in self._pieces.items():
            self._children[number].content = "".join(pieces)

    def _text(self, number: int, token: Token, before: str) -> None:
        text = token.content
        if '"' not in text and "'" not in text:
            return
        pieces = self._pieces[number] = list(text)
        for at, mark in enumerate(text):
            if mark not in "\"'":
                continue
            left = text[at - 1] if at else before
            right = text[at + 1] if at + 1 < len(text) else self._after(number)
            opens, closes = _flanks(left, right)
            if mark == '"' and left.isdigit() and not opens and not self._count[mark, token.level]:
                continue  # inches
            if closes and self._close(mark, token.level, number, at):
                continue
            if opens:
                self._waiting.append((mark, token.level, number, at))
                self._count[mark, token.level] += 1
            elif mark == "'":
                pieces[at] = _APOSTROPHE

    def _after(self, number: int) -> str:
        for token in self._children[number + 1 : number + 8]:
            if token.type in _BREAKS:
                return " "
            if token.content:
                return token.content[0]
        return " "

    def _close(self, mark: str, level: int, number: int, at: int) -> bool:
        if not self._count[mark, level]:
            return False
        while self._waiting[-1][:2] != (mark, level):
            self._drop()
        _, _, opening_number, opening_at = self._waiting.pop()
        self._count[mark, level] -= 1
        opening, closing = self._quotes[:2] if mark == '"' else self._quotes[2:]
        self._pieces[opening_number][opening_at] = opening
        self._pieces[number][at] = closing
        return True

    def _drop(self) -> None:
        """Drops an opening mark that nothing closed; a single one was an apostrophe: ’tis, the ’90s."""
        mark, level, number, at = self._waiting.pop()
        self._count[mark, level] -= 1
        if mark == "'":
            self._pieces[number][at] = _APOSTROPHE


def _flanks(left: str, right: str) -> tuple[bool, bool]:
    """Whether a mark between `left` and `right` may open, and whether it may close (CommonMark 6.2, left-flanking)."""
    opens = not right.isspace() and (not _is_sign(right) or left.isspace() or _is_sign(left))
    closes = not left.isspace() and (not _is_sign(left) or right.isspace() or _is_sign(right))
    if opens and closes:
        opens, closes = _is_sign(left), _is_sign(right)
    return opens, closes


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
