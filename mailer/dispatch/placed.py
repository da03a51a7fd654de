"""A front matter's tree as plain values, and where each of its keys and values stands in the file."""

import re
from collections.abc import Sequence
from typing import Any

from mailer.dispatch.problem import Position
from mailer.dispatch.source import Source
from mailer.dispatch.yamltree import Items, Keys, Node, Text

Place = tuple[int | str, ...]
"""Where a value stands in the tree: ("earlier", 0, "slug")."""

_BRACES = re.compile(r"\{[{%#]")


class Placed:
    """`plain` is what the tree says; a key with nothing after it is as good as absent."""

    def __init__(self, source: Source, tree: Keys) -> None:
        self._source = source
        self._keys: dict[Place, int] = {}
        self._values: dict[Place, Node] = {}
        self.start = source.position(tree.start)
        self.plain = self._plain(tree, ())

    def _plain(self, node: Node, place: Place) -> Any:
        self._values[place] = node
        if isinstance(node, Text):
            return node.value
        if isinstance(node, Items):
            return [self._plain(item, (*place, number)) for number, item in enumerate(node.items)]
        plain = {}
        for name, (key, value) in node.entries.items():
            self._keys[*place, name] = key.start
            if not (isinstance(value, Text) and value.is_nothing):
                plain[name] = self._plain(value, (*place, name))
        return plain

    def key(self, place: Place) -> Position:
        """Where the key stands; where it is missing, the nearest value that surrounds it."""
        while place and place not in self._keys and place not in self._values:
            place = place[:-1]
        offset = self._keys.get(place, self._values[place].start if place in self._values else 0)
        return self._source.position(offset)

    def value(self, place: Place) -> Position:
        node = self._values.get(place)
        return self.key(place) if node is None else self._source.position(node.start)

    def within(self, place: Place, offset: int) -> Position:
        """Where the braces stand that open at `offset` of the text at `place`."""
        node = self._values[place]
        assert isinstance(node, Text)
        typed = self._source.text[node.start : node.end]
        start = typed.find(node.value.strip())
        if start >= 0:
            return self._source.position(node.start + start + offset)
        number = len(_BRACES.findall(node.value.strip()[:offset]))
        braces = [match.start() for match in _BRACES.finditer(typed)]
        return self._source.position(node.start + (braces[number] if number < len(braces) else 0))

    def node(self, place: Place) -> Node | None:
        return self._values.get(place)

    def texts(self) -> Sequence[tuple[Place, str]]:
        return [(place, node.value.strip()) for place, node in self._values.items() if isinstance(node, Text)]
