"""Source maps: from a value of front matter, or a character of inline text, to its line and column in the file."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from markdown_it.token import Token

from mailer.dispatch.diagnostics import Position
from mailer.dispatch.frontmatter.yaml_parser import MappingNode, Node, ScalarNode, SequenceNode
from mailer.dispatch.source_text import SourceText
from mailer.dispatch.template.placeholders import MaskedBody

Place = tuple[int | str, ...]
"""The path of a value in the tree: ("earlier", 0, "slug")."""

_BRACES = re.compile(r"\{[{%#]")


class InlineSourceMap:
    """The positions of inline text, of which markdown-it keeps only the lines.

    Inline tokens are entered in source order. A line of a paragraph is the end of a line of the file, after the markers of
    the lists and quotes around it; a heading's text comes after its `#` signs, a cell's after the cell before it.
    """

    def __init__(self, body: MaskedBody) -> None:
        self._body = body
        self._content = ""
        self._first = 0
        self._skip = 0  # where in the line to look for the text of a heading or cell
        self._is_cell = False
        self._starts: list[int] = []
        self._cell_line, self._cell_end = -1, 0
        self._outer: list[tuple[str, int]] = []

    def enter(self, token: Token, opening: Token) -> None:
        """Selects the inline `token`, whose block is opened by `opening`."""
        assert token.map is not None
        self._content, self._first, self._starts, self._skip = token.content, token.map[0], [], 0
        self._is_cell = opening.type in {"th_open", "td_open"}
        line = self._line(0)
        if self._is_cell:
            if self._cell_line != self._first:
                self._cell_line, self._cell_end = self._first, 0
            typed = token.content.replace("|", "\\|")
            self._skip = max(line.find(typed, self._cell_end), 0)
            self._cell_end = self._skip + len(typed) + (1 if typed else 0)
        elif opening.tag.startswith("h"):
            marks = re.search(r"#+", line)
            self._skip = marks.end() if marks else 0

    @contextmanager
    def inside_image(self, text: str, at: int) -> Iterator[None]:
        """Maps tokens to the position of the image at `at` while the alt text of that image is parsed."""
        self._outer.append((text, at))
        yield
        self._outer.pop()

    def restore(self, text: str) -> str:
        """Returns `text` as it was typed, with its template parts."""
        return self._body.restore(text)

    def at(self, text: str, offset: int) -> Position:
        """Returns the position of text[offset], where `text` is the inline token's or that of an image inside it."""
        if text is not self._content and text != self._content:
            outer = next((place for place in self._outer if place[0] == self._content), (self._content, 0))
            offset = outer[1]
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer("\n", self._content))]
        number = bisect_right(self._starts, offset) - 1
        start = self._starts[number]
        return self._body.position(self._first + number, self._column(number, start, offset))

    def _line(self, number: int) -> str:
        lines = self._body.lines
        return lines[min(self._first + number, len(lines) - 1)]

    def _column(self, number: int, start: int, offset: int) -> int:
        if self._is_cell:
            return self._skip + len(self._content[:offset].replace("|", "\\|"))
        stop = self._starts[number + 1] - 1 if number + 1 < len(self._starts) else len(self._content)
        text = self._content[start:stop]
        bare = text.strip(" \t")
        indent = len(text) - len(text.lstrip(" \t"))
        line = self._line(number).rstrip(" \t")
        is_end = line.endswith(bare) and not self._skip
        found = len(line) - len(bare) if is_end else line.find(bare, self._skip)
        return max(found + offset - start - indent, 0)


class YamlSourceMap:
    """The positions of the keys and values of front matter.

    `plain` has the values without positions; a key without a value counts as absent.
    """

    def __init__(self, source: SourceText, tree: MappingNode) -> None:
        self._source = source
        self._keys: dict[Place, int] = {}
        self._values: dict[Place, Node] = {}
        self.start = source.position(tree.start)
        self.plain = self._plain(tree, ())

    def _plain(self, node: Node, place: Place) -> Any:
        self._values[place] = node
        if isinstance(node, ScalarNode):
            return node.value
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*place, number)) for number, item in enumerate(node.items)]
        plain = {}
        for name, (key, value) in node.entries.items():
            self._keys[*place, name] = key.start
            if not (isinstance(value, ScalarNode) and value.is_null):
                plain[name] = self._plain(value, (*place, name))
        return plain

    def key(self, place: Place) -> Position:
        """Returns the position of the key; where it is missing, that of the nearest value around it."""
        while place and place not in self._keys and place not in self._values:
            place = place[:-1]
        offset = self._keys.get(place, self._values[place].start if place in self._values else 0)
        return self._source.position(offset)

    def value(self, place: Place) -> Position:
        node = self._values.get(place)
        return self.key(place) if node is None else self._source.position(node.start)

    def position_within(self, place: Place, offset: int) -> Position:
        """Returns the position of the braces that open at `offset` of the text at `place`."""
        node = self._values[place]
        assert isinstance(node, ScalarNode)
        typed = self._source.text[node.start : node.end]
        start = typed.find(node.value.strip())
        if start >= 0:
            return self._source.position(node.start + start + offset)
        number = len(_BRACES.findall(node.value.strip()[:offset]))
        braces = [match.start() for match in _BRACES.finditer(typed)]
        return self._source.position(node.start + (braces[number] if number < len(braces) else 0))

    def node(self, place: Place) -> Node | None:
        return self._values.get(place)

    def scalars(self) -> Sequence[tuple[Place, str]]:
        return [(place, node.value.strip()) for place, node in self._values.items() if isinstance(node, ScalarNode)]
