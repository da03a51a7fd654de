"""Finds Markdown that had no effect, and addresses that are not links: readers would get both as they were typed.

    find_leftovers(source, children)    those of one paragraph: its source, and its inline tokens
    find_markup(text)                   the Markdown in a text that cannot have any, such as a title; report_markup reports it
    is_open_fence(token, lines)         whether a code block was never closed

Only visible text is searched: not code, not what was escaped, and for addresses not the text of a link. Pure.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position, abbreviate

MARKUP, ADDRESS = "leftover-markup", "bare-address"
_OPAQUE = "\ufffc"  # stands for whatever is not visible text
_EMPHASIS = "write *so* or **so**, without spaces inside the marks; \\* if you mean the sign"
_LINK = "write [words](address), without a space between the two or in the address"
_HEADING = "write ## and a space before the title of an article, ### before a subheading; \\# if you mean the sign"
_LINES = (
    (re.compile(r"\A\|.*"), "a table needs |---|---| as its second line, and a blank line before it"),
    (re.compile(r"^(?!#\w+(?:[ \t]+#\w+)+[ \t]*$)(?:#{7,}|##+(?=\S)|#(?=[^\W\d_])).*", re.MULTILINE), _HEADING),
    (re.compile(r"^={3,}[ \t]*$", re.MULTILINE), "write ### before the subheading instead of a line under it"),
    (re.compile(r"^\[[ xX]\][ \t]", re.MULTILINE), "tick boxes are not supported; write ✓ or ✗"),
    (re.compile(r"(?<=\n)[-*+](?=[^\W\d_]).*"), "an item of a list needs a space after its mark"),
)
_ANYWHERE = (
    (
        re.compile(
            r"!?\[[^\[\]\n]{0,200}\](?:[(\[]|[ \t]\((?=https?:|www\.|mailto:|[^\s()]+\.(?:jpe?g|png|gif|webp)\)))"
            r"[^()\[\]\n]{0,300}[)\]]?"
        ),
        _LINK,
    ),
    (re.compile(r"\](?:\(|\[)[^\s()\[\]]*"), _LINK),
    (re.compile(r"(?<!~)~~(?!~)[^~\n]*(?:~~)?"), "text cannot be struck through: delete it, or say what was changed"),
)
_STRONG = (re.compile(r"(?<!\*)\*{2,3}(?!\*)"), re.compile(r"(?<!_)__(?!_)"))
_BARE = re.compile(r"(?<![\w@/.+-])(?:(?:https?://|www\.)[^\s<>\ufffc]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)", re.IGNORECASE)
_PLAIN_TEXT = re.compile(
    r"(?<![\w*])(?P<stars>\*{1,3})(?=\w)[^*\n]{1,200}(?<=\w)(?P=stars)(?![\w*])"
    r"|(?<![\w_])(?P<bars>_{1,2})(?=\w)[^_\n]{1,200}(?<=\w)(?P=bars)(?![\w_])"
    r"|!?\[[^\[\]\n]{1,200}\]\([^()\[\]\n]{1,300}\)|</?(?:b|i|em|strong|a|br|p|span)(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
_TRAILING = ".,:;!?)]}'\"”’»…"
_AROUND = 24  # characters of the text after a mark that are shown


@dataclass(frozen=True, slots=True)
class Leftover:
    """`text`, at the offset `at` of the paragraph's source, breaks `rule`."""

    rule: str
    text: str
    at: int
    expected: str


def find_leftovers(source: str, children: Sequence[Token]) -> Iterator[Leftover]:
    """Yields the leftovers in a paragraph, in no order; of those that overlap, the first found.

    `children` are as parsed, before escapes and punctuation are replaced.
    """
    visible, outside_links, offsets = _visible_text(source, children)
    taken: list[tuple[int, int]] = []
    for rule, start, text, expected in (*_markup(visible), *_addresses(outside_links)):
        end = start + len(text)
        if not any(start < other_end and other_start < end for other_start, other_end in taken):
            taken.append((start, end))
            yield Leftover(rule, text.strip(), offsets[start], expected)


def report_markup(text: str, locate: Callable[[int], Position], start: int, findings: DiagnosticCollector) -> None:
    """Reports the Markdown in a field of plain text; `locate(start)` is the position of its first character."""
    for found in find_markup(text):
        message = f"“{abbreviate(found[0], 40)}” has no effect here, and is shown as typed"
        expected = "write plain text; Markdown is for the note and the text of articles"
        findings.add(MARKUP, locate(start + found.start()), message, expected)


def find_markup(text: str) -> Iterator[re.Match[str]]:
    """Yields emphasis, links and HTML in a text that is not read as Markdown."""
    yield from _PLAIN_TEXT.finditer(text)


def is_open_fence(token: Token, lines: Sequence[str]) -> bool:
    """Whether the code block `token` in `lines` has no closing line, so that it contains all that follows."""
    if token.type != "fence" or token.map is None:
        return False
    first, end = token.map
    last = lines[min(end, len(lines)) - 1].strip(" \t>")
    is_closed = end - first > 1 and not last.strip(token.markup[0]) and len(last) >= len(token.markup)
    return not is_closed


def _visible_text(source: str, children: Sequence[Token]) -> tuple[str, str, list[int]]:
    """Returns the visible text, the same without the text of links, and the offset in `source` of each character."""
    visible: list[str] = []
    outside: list[str] = []
    offsets: list[int] = []
    depth = cursor = 0
    for token in children:
        if token.type in {"link_open", "link_close"}:
            depth += token.nesting
        text = {"text": token.content, "softbreak": "\n", "hardbreak": "\n"}.get(token.type, _OPAQUE)
        found = source.find(text, cursor) if text != _OPAQUE else -1
        start = found if found >= 0 else min(cursor, max(len(source) - 1, 0))
        visible.append(text)
        outside.append(_OPAQUE * len(text) if depth else text)
        offsets += range(start, start + len(text)) if found >= 0 else [start] * len(text)
        cursor = start + len(text) if found >= 0 else cursor
    return "".join(visible), "".join(outside), [*offsets, len(source)]


_Match = tuple[str, int, str, str]


def _markup(text: str) -> Iterator[_Match]:
    for pattern, expected in (*_LINES, *_ANYWHERE):
        for match in pattern.finditer(text):
            yield MARKUP, match.start(), match[0], expected
    for pattern in _STRONG:
        marks = list(pattern.finditer(text))
        for match in marks[:1] if len(marks) > 1 or any(map(_stands_out, marks)) else ():
            end = marks[1].end() if len(marks) > 1 else match.end() + _AROUND
            shown = text[match.start() : end].partition("\n")[0]
            yield MARKUP, match.start(), shown, _EMPHASIS


def _stands_out(mark: re.Match[str]) -> bool:
    """Whether `mark` is not inside a word, as in “f**k”, and not an underlined gap."""
    before, after = mark.string[: mark.start()][-1:], mark.string[mark.end() :][:1]
    return mark[0].startswith("*") and before.isalnum() != after.isalnum()


def _addresses(text: str) -> Iterator[_Match]:
    for match in _BARE.finditer(text):
        shown = match[0].rstrip(_TRAILING)
        is_mail = not re.match(r"https?://|www\.", shown, re.IGNORECASE)
        yield ADDRESS, match.start(), shown, f"write <{shown}>" if is_mail else "write [words](https://…)"
