"""Format=flowed (RFC 3676): lines that a narrow screen may join and wrap again. DelSp is no.

A soft line end has a space before it, a fixed one has none. Quotes are a row of `>`; a line that would be taken for a quote,
for an mbox's `From `, or that begins with a space gets one more (4.4). The lines of a list item hang only where they are
fixed. Text without spaces, Chinese above all, is not broken: a joined break would leave a space in it.
"""

import re

from mailer.edition.plaintext.wrap import COLUMNS, width, wrap

_QUOTE = re.compile(r"(?:>(?: |$))*")
_SPACES = re.compile(r"[ \t]+")  # no-break spaces hold
_STUFFED = re.compile(r"[ >]|From ")


def flow(text: str, first: str = "", rest: str = "", columns: int = COLUMNS) -> str:
    """Returns `text` as a paragraph, its first line after `first`; `rest` is its indent, whose quotes each line has."""
    quote = _quote(rest)
    if ">" in rest[len(quote) :]:
        return fixed_lines(wrap(text, first, rest, columns), rest)
    before = first[len(quote) :]
    flowing: list[str] = []
    for paragraph in text.split("\n"):
        flowing.extend(_soft_wrap(before, paragraph, columns - width(quote)))
        before = rest[len(quote) :]
    return "\n".join(_space_stuffed(line, quote) for line in flowing)


def fixed_lines(text: str, indent: str = "") -> str:
    """Returns lines that are not joined; each begins with `indent`, or is empty."""
    quote = _quote(indent)
    lines = (line.removeprefix(quote) if line.startswith(quote) else "" for line in text.split("\n"))
    return "\n".join(_space_stuffed(line.rstrip(" "), quote) for line in lines)


def _soft_wrap(before: str, paragraph: str, columns: int) -> list[str]:
    """Returns the lines of a paragraph after `before`; each but the last ends in a space."""
    lines: list[str] = []
    line, is_empty = before, True
    for word in filter(None, _SPACES.split(paragraph)):
        if not is_empty and width(line) + 1 + width(word) > columns:
            lines.append(line + " ")
            line, is_empty = word, False
            continue
        line, is_empty = (line + word if is_empty else f"{line} {word}"), False
    return [*lines, line.rstrip(" ")]


def _quote(indent: str) -> str:
    match = _QUOTE.match(indent)
    return match[0] if match else ""


def _space_stuffed(line: str, quote: str) -> str:
    marks = quote.replace(" ", "")
    if marks:
        return f"{marks} {line}" if line else marks
    return f" {line}" if _STUFFED.match(line) else line
