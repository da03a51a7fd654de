"""Replaces the template parts of a body by placeholders, one opaque word for each, which is text to Markdown.

A placeholder is ASCII letters and digits: a nonce that the text does not contain, and the number of the part.
A fault of a part is reported only once it is known that the part is not code: a placeholder in code is
replaced by what was typed. Every offset of the masked text has its position in the file.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from mailer.dispatch.diagnostics import Position, RuleViolation
from mailer.dispatch.source_text import SourceText
from mailer.dispatch.template.expression import Expression
from mailer.dispatch.template.lexer import Tag, TagKind, Token, read_expression, read_tag, tokenize, unclosed_error


@dataclass(frozen=True, slots=True)
class LineMap:
    """Line numbers of a text, from 0: code, tag lines, and lines in which a block begins."""

    code: frozenset[int] = frozenset()
    tags: frozenset[int] = frozenset()
    starts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """A template part of the body: its source and what was parsed. `tag` is set for a tag alone on its line."""

    number: int
    source: str
    position: Position
    expression: Expression | None = None
    tag: Tag | None = None
    fault: RuleViolation | None = None


class MaskedBody:
    """A body with placeholders. `source` is the whole file, of which the body begins at offset `start`."""

    def __init__(self, source: SourceText, start: int, line_map: LineMap) -> None:
        self._source = source
        body = source.text[start:]
        self._nonce = _nonce(body)
        self._marker_pattern = re.compile(rf"{self._nonce}([0-9]+)z")
        self.placeholders: list[Placeholder] = []
        pieces: list[str] = []
        self._masked_offsets = [0]  # offsets in `text` at which a piece begins
        self._source_offsets = [start]  # the offsets in the file that these are
        self._marker_pieces: set[int] = set()
        at = length = 0
        for part in _parts(body, line_map):
            marker = f"{self._nonce}{len(self.placeholders)}z"
            self.placeholders.append(self._placeholder(body, start, part, on_line=part.is_line))
            literal = body[at : part.start]
            pieces += [literal, marker]
            self._marker_pieces.add(len(self._masked_offsets))
            self._masked_offsets += [length + len(literal), length + len(literal) + len(marker)]
            self._source_offsets += [start + part.start, start + part.end]
            length += len(literal) + len(marker)
            at = part.end
        self.text = "".join([*pieces, body[at:]])
        self.lines = self.text.split("\n")
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]

    def _placeholder(self, body: str, start: int, part: "_TemplatePart", *, on_line: bool) -> Placeholder:
        position = self._source.position(start + part.start)
        expression: Expression | RuleViolation | None = None
        tag: Tag | None = None
        fault: RuleViolation | None = None
        if part.inner is None:
            fault = unclosed_error(part.kind)
        elif part.kind is TagKind.EXPRESSION:
            expression = read_expression(_QUOTE_MARKS.sub("\n", part.inner), position)
        elif part.kind is TagKind.COMMENT:
            fault = RuleViolation(
                "template-comment", "comments are not allowed", "remove it, or write \\{# for literal braces"
            )
        else:
            read, fault = read_tag(part.inner, position)
            if on_line or read is None:
                tag = read
            else:
                fault = RuleViolation("tag-line", f"“{{% {read.name} %}}” is not alone on its line", _ALONE)
        if isinstance(expression, RuleViolation):
            expression, fault = None, expression
        return Placeholder(
            number=len(self.placeholders),
            source=body[part.start : part.end],
            position=position,
            expression=expression,
            tag=tag,
            fault=fault,
        )

    def position(self, line: int, column: int = 0) -> Position:
        """Returns the position in the file of a place in `text`; `line` and `column` count from 0."""
        offset = min(self._starts[min(line, len(self._starts) - 1)] + column, len(self.text))
        piece = bisect_right(self._masked_offsets, offset) - 1
        inside = 0 if piece in self._marker_pieces else offset - self._masked_offsets[piece]
        return self._source.position(self._source_offsets[piece] + inside)

    def is_tag_line(self, line: str) -> bool:
        """Whether `line`, without the white space around it, is a tag on a line of its own."""
        match = self._marker_pattern.fullmatch(line)
        return match is not None and self.placeholders[int(match[1])].tag is not None

    def split(self, text: str) -> Iterator[str | Placeholder]:
        """Yields `text` with its markers replaced by their placeholders; no empty strings."""
        at = 0
        for match in self._marker_pattern.finditer(text):
            if match.start() > at:
                yield text[at : match.start()]
            yield self.placeholders[int(match[1])]
            at = match.end()
        if at < len(text):
            yield text[at:]

    def marker(self, placeholder: Placeholder) -> str:
        """Returns the word that stands for `placeholder`."""
        return f"{self._nonce}{placeholder.number}z"

    def restore(self, text: str) -> str:
        """Returns `text` as it was typed."""
        return "".join(piece if isinstance(piece, str) else piece.source for piece in self.split(text))


_ALONE = "put it on a line of its own, between paragraphs"
_QUOTE_MARKS = re.compile(r"\n[ \t]*(?:>[ \t]?)+")  # of a quote that the expression runs through


@dataclass(frozen=True, slots=True)
class _TemplatePart:
    kind: TagKind
    start: int
    end: int
    inner: str | None
    is_line: bool = False


def looks_like_tag_line(line: str) -> bool:
    """Whether `line`, without the white space around it, is one tag and nothing else, before any masking."""
    parts = list(tokenize(line)) if line.startswith("{%") else []
    return len(parts) == 1 and parts[0] == Token(TagKind.TAG, 0, len(line), line[2:-2])


def _parts(body: str, line_map: LineMap) -> Iterator[_TemplatePart]:
    """Yields the parts of `body`, chunk by chunk: a chunk is a run of lines that one paragraph could hold."""
    chunk_start, offset = 0, 0
    for number, line in enumerate(body.split("\n")):
        end = offset + len(line)
        is_apart = number in line_map.code or number in line_map.tags or not line.strip()
        if is_apart or number in line_map.starts:
            yield from _chunk(body, chunk_start, offset)
            chunk_start = offset
        if is_apart:
            if number in line_map.tags:
                start = offset + line.index("{%")
                inner = line.strip()[line.strip().index("{%") + 2 : -2]
                yield _TemplatePart(TagKind.TAG, start, offset + len(line.rstrip()), inner, is_line=True)
            chunk_start = end
        offset = end + 1
    yield from _chunk(body, chunk_start, len(body))


def _chunk(body: str, start: int, end: int) -> Iterator[_TemplatePart]:
    for part in tokenize(body, start, end, code_spans=True):
        yield _TemplatePart(part.kind, part.start, part.end, part.inner)


def _nonce(text: str) -> str:
    """Returns a word that `text` does not contain; the same one for the same text."""
    seed = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    while (nonce := f"x{seed[:12]}x") in text:
        seed = sha256(seed.encode()).hexdigest()
    return nonce
