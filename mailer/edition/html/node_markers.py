"""Markers: opaque words in place of variant and reader content while templates and premailer process the HTML.

A marker is a nonce, a letter and a number: nothing escapes, encodes or moves it, in text, attributes or addresses. A region
(a branch, a footnote) is between two comments with a marker in each, which stay in place between table rows too. `split`
then makes Nodes of the finished text. Readers' values come later, so a value that looks like a marker is only text.

Raises LayoutError where a template broke a marker or a region.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256

from markupsafe import Markup

from mailer.edition.html.conditional_nodes import (
    ConditionalNode,
    FootnoteList,
    FootnoteNode,
    Node,
    Nodes,
    join_adjacent,
)
from mailer.edition.template_loader import LayoutError


@dataclass(slots=True)
class _OpenRegion:
    region: "ConditionalNode | FootnoteNode | FootnoteList | None"
    index: int
    nodes: list[Node] = field(default_factory=list)


class Markers:
    """The markers of one compilation. `seed` is all text that could contain a marker by chance; it decides the nonce."""

    def __init__(self, seed: str) -> None:
        self._nonce = "q" + sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._nodes: list[Node] = []
        self._pattern = re.compile(f"<!--{self._nonce}([bc])(\\d+)z-->|{self._nonce}w(\\d+)z")

    def placeholder(self, node: Node) -> Markup:
        """Returns a marker that becomes `node`."""
        return Markup(f"{self._nonce}w{self._add(node)}z")  # noqa: S704 - letters and digits

    def wrap(self, region: "ConditionalNode | FootnoteNode | FootnoteList", inner: Markup) -> Markup:
        """Returns `inner` as the content of `region`, whose own content is disregarded."""
        index = self._add(region)
        return Markup(f"<!--{self._nonce}b{index}z-->{inner}<!--{self._nonce}c{index}z-->")  # noqa: S704 - letters and digits around Markup

    def _add(self, node: Node) -> int:
        self._nodes.append(node)
        return len(self._nodes) - 1

    def split(self, text: str) -> Nodes:
        """Returns `text` as nodes."""
        stack = [_OpenRegion(None, -1)]
        position = 0
        for match in self._pattern.finditer(text):
            stack[-1].nodes.append(self._static(text[position : match.start()]))
            position = match.end()
            border, region, marker = match.groups()
            if marker is not None:
                stack[-1].nodes.append(self._nodes[int(marker)])
            elif border == "b":
                node = self._nodes[int(region)]
                assert isinstance(node, ConditionalNode | FootnoteNode | FootnoteList)
                stack.append(_OpenRegion(node, int(region)))
            elif stack[-1].index != int(region):
                raise _corrupted()
            else:
                closed = stack.pop()
                stack[-1].nodes.append(_filled(closed))
        stack[-1].nodes.append(self._static(text[position:]))
        if len(stack) > 1:
            raise _corrupted()
        return join_adjacent(stack[0].nodes)

    def _static(self, text: str) -> str:
        if self._nonce in text.lower():
            raise _corrupted()
        return text


def _filled(closed: _OpenRegion) -> Node:
    nodes: Nodes = join_adjacent(closed.nodes)
    match closed.region:
        case ConditionalNode(choice=choice, branch=branch):
            return ConditionalNode(choice, branch, nodes)
        case FootnoteNode(label=label):
            return FootnoteNode(label, nodes)
        case FootnoteList(section=section):
            return FootnoteList(section, tuple(node for node in nodes if isinstance(node, FootnoteNode)))
        case None:
            raise _corrupted()


def _corrupted() -> LayoutError:
    return LayoutError(
        "a template changes or splits the marker of a merge field or a condition",
        "Print these values whole and without filters; look for |upper, |lower, |replace, |truncate or slices in templates/.",
    )
