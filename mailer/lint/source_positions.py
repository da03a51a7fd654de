"""An index of the file of a dispatch: the text that a reader will read, and the keys of front matter and articles.

    SourceIndex(dispatch).text_spans()  every run of text for readers, with the position of each of its characters
    .key("photo", "credit")             the position of a value of the front matter
    .article_key(article, "source")     the position of a value under an article's title

Text that readers do not see (code, template parts, addresses) is blanked out, so that offsets stay. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position
from mailer.dispatch.frontmatter.parser import split_front_matter
from mailer.dispatch.frontmatter.yaml_parser import MappingNode, Node, ScalarNode, SequenceNode, parse_yaml
from mailer.dispatch.markdown.parser import map_lines
from mailer.dispatch.model import Article, Dispatch
from mailer.dispatch.source_map import YamlSourceMap
from mailer.dispatch.source_text import SourceText
from mailer.dispatch.template.front_matter_text import Locate

_NOT_READ = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}"  # template parts
    r"|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)"  # code
    r"|(?<=\]\()[^()\s]+(?=[)\s])"  # the address of a link
    r"|\bhttps?://[^\s<>)\]]+"
    r"|\[\[[^\]\n]+\]\]|\[\^[^\]\n]*\]:?"
)
LONGEST_LINE = 20_000
"""Characters of a line; longer lines are not searched, because patterns are slow on them."""

_UNREAD_KEYS = frozenset({"slug", "file", "url", "lists", "date", "language"})
_ARTICLE_KEY = re.compile(r"[ \t]*(?P<key>[a-z]+)[ \t]*:[ \t]*(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A run of text on one line; `at(offset)` is the position of its character."""

    text: str
    at: Locate


class SourceIndex:
    """Indexes the file of `dispatch`, which was parsed without errors."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._source = SourceText(dispatch.source)
        ignored = DiagnosticCollector(dispatch.path)
        self._span, start = split_front_matter(self._source, ignored)
        self._start = start or 0
        self._tree = parse_yaml(self._source, *self._span, ignored) if self._span else None
        self._source_map = YamlSourceMap(self._source, self._tree) if self._tree else None

    @property
    def text(self) -> str:
        return self._source.text

    def position(self, offset: int) -> Position:
        return self._source.position(offset)

    def key(self, *place: int | str) -> Position:
        """Returns the position of the value at `place` of the front matter; without one, of the nearest around it."""
        return self._source_map.value(place) if self._source_map else Position()

    def has_key(self, *place: int | str) -> bool:
        return self._source_map is not None and self._source_map.node(place) is not None

    def find(self, text: str) -> Position:
        """Returns the first position of `text` as it was typed; the beginning of the file when there is none."""
        found = self.text.find(text) if text else -1
        return self.position(max(found, 0))

    def article_key(self, article: Article, key: str) -> Position:
        """Returns the position of the value of `key` under the title of `article`; its title where there is none."""
        lines = self._lines
        for number in range(article.position.line, len(lines)):
            match = _ARTICLE_KEY.fullmatch(lines[number])
            if not lines[number].strip():
                break
            if match and match["key"] == key:
                return Position(number + 1, match.start("value") + 1)
        return article.position

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def text_spans(self) -> Iterator[TextSpan]:
        """Yields the texts of the front matter, then the lines of the body, in the order of the file."""
        if self._source_map:
            for place, text in self._source_map.scalars():
                if place and _UNREAD_KEYS.isdisjoint(place):
                    yield TextSpan(
                        _blank_out(text).replace("\n", " "), partial(self._source_map.position_within, place)
                    )
        for offset, line in self.body_lines:
            yield TextSpan(line, partial(self._at, offset))

    @cached_property
    def body_lines(self) -> tuple[tuple[int, str], ...]:
        """The lines of the body that are read, each with its offset in the file."""
        body = self.text[self._start :]
        code = map_lines(body).code
        offset, lines = self._start, []
        for number, line in enumerate(body.split("\n")):
            if number not in code and line.strip() and len(line) <= LONGEST_LINE:
                lines.append((offset, _blank_out(line)))
            offset += len(line) + 1
        return tuple(lines)

    def _at(self, start: int, offset: int) -> Position:
        return self._source.position(start + offset)

    def comments(self) -> Iterator[tuple[int, str]]:
        """Yields the comments of the front matter, each from its #, with its offset in the file."""
        if self._span is None or self._tree is None:
            return
        first, end = self._span
        scalars = sorted((text.start, text.end) for text in _scalars(self._tree))
        for match in re.finditer(r"(?:^|(?<=[ \t]))#[^\n]*", self.text[first:end], re.MULTILINE):
            offset = first + match.start()
            if not any(start <= offset < stop for start, stop in scalars):
                yield offset, match[0]


def _blank_out(text: str) -> str:
    return _NOT_READ.sub(lambda match: " " * len(match[0]), text)


def _scalars(node: Node) -> Iterator[ScalarNode]:
    match node:
        case ScalarNode():
            yield node
        case SequenceNode(items=items):
            for item in items:
                yield from _scalars(item)
        case MappingNode(entries=entries):
            for key, value in entries.values():
                yield key
                yield from _scalars(value)
