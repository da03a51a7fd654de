"""Parses the YAML of a front matter into a tree of texts, each with its position.

Built from PyYAML's events, so that every value is a text: NO stays NO, 12:30 stays 12:30 and a date
stays as it was typed. All features of YAML except keys, lists and texts are refused (anchors, aliases, tags, merge keys,
documents), and so are duplicate keys and deep nesting. Nothing is raised: a fault is a diagnostic, and there is no tree.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamStartEvent,
)
from yaml.reader import ReaderError

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import abbreviate
from mailer.dispatch.frontmatter.model import MODELS, keys_of
from mailer.dispatch.source_text import SourceText

DEEPEST = 5
LARGEST = 64_000
"""Characters of a front matter."""

_NO_MAPPING = "mapping values are not allowed"  # PyYAML's words
_TEXT_BEHIND = "<scalar>"  # its word for text where a value has ended
_VALUE_WITH_COLON = re.compile(r"""[ \t]*(?:- )?(?P<key>\w+): +(?P<value>[^\s"'\[{&*!|>][^"\\\n]*)$""", re.MULTILINE)
_QUOTED = re.compile(r"""[ \t]*(?:- )?(?:(?P<key>\w+): +)?(?P<value>["'][^\\\n]*?)[ \t]*$""", re.MULTILINE)
_QUOTE = "put the value in quotes"

_EXPLANATIONS = (
    (
        _NO_MAPPING,
        "this “: ” is not allowed here",
        "put the value in quotes, or check the indentation",
    ),
    ("unexpected end of stream", "a quotation mark is not closed", "close it, or put the whole value in quotes"),
    ("unknown escape", "this “\\” is not allowed between double quotes", "write “\\\\”, or use single quotes"),
    ("\\t", "a tab is not allowed here", "use spaces"),
    ("expected ':'", "the line before this has no “:”", "write it as “name: value”"),
    ("flow ", "a bracket or brace is not closed", "close it, or put the value in quotes"),
    (_TEXT_BEHIND, "there is text after the closing quotation mark", "put the whole value in quotes"),
    ("<block", "this line is not indented like those before it", "align them"),
)
"""Each: part of a message of PyYAML, the message that replaces it, the remedy."""


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A scalar; offsets are those of the file and include the quotes."""

    value: str
    start: int
    end: int
    plain: bool = True

    @property
    def is_null(self) -> bool:
        """Whether this is `key:` without a value."""
        return self.plain and not self.value


@dataclass(frozen=True, slots=True)
class SequenceNode:
    start: int
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MappingNode:
    """`entries`: name -> key and value; of a duplicate key, the first."""

    start: int
    flow: bool = False
    entries: dict[str, tuple[ScalarNode, "Node"]] = field(default_factory=dict)


Node = ScalarNode | SequenceNode | MappingNode


class _UnsupportedYamlError(Exception):
    pass


def parse_yaml(source: SourceText, start: int, end: int, findings: DiagnosticCollector) -> MappingNode | None:
    """Returns the tree of source.text[start:end]; None when it is faulty, with the reason among the diagnostics."""
    return _YamlReader(source, start, end, findings).read()


class _YamlReader:
    def __init__(self, source: SourceText, start: int, end: int, findings: DiagnosticCollector) -> None:
        self.source, self.offset, self.findings = source, start, findings
        self.text = source.text[start:end]

    def read(self) -> MappingNode | None:
        if len(self.text) > LARGEST:
            self._find(
                "too-large", self.offset, f"the fields at the top have more than {LARGEST:,} characters", "shorten them"
            )
            return None
        events: Iterator[Event] = yaml.parse(self.text, Loader=yaml.BaseLoader)
        try:
            return self._document(events)
        except _UnsupportedYamlError:
            return None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = self.offset + min(_index(mark), len(self.text))
            words = f"{error.context or ''} {error.problem or ''}"
            self._find(
                "yaml-syntax",
                at,
                *(self._unquoted_colon(at, words) or self._inner_quotes(at, words) or _explain(words)),
            )
        except ReaderError as error:
            at = self.offset + min(error.position, len(self.text))
            self._find("yaml-syntax", at, "there is a character here that is not allowed", "remove it")
        except (ValueError, OverflowError):  # PyYAML on "\UFFFFFFFF"
            self._find(
                "yaml-syntax", self.offset, "an escape (“\\…”) names a character that does not exist", "remove it"
            )
        return None

    def _unquoted_colon(self, at: int, words: str) -> tuple[str, str] | None:
        """Returns message and remedy for a value with a colon at the offset `at`; None for any other fault."""
        start = self.source.text.rfind("\n", 0, at) + 1
        line = _VALUE_WITH_COLON.match(self.source.text, start)
        if _NO_MAPPING not in words or line is None or at < line.start("value"):
            return None
        key, value = line["key"], abbreviate(line["value"].rstrip())
        if key in MODELS:
            remedy = f"write {keys_of(key)} on lines of their own under it, each indented by two spaces"
            return f"“{key}” is not a text but a group of fields", remedy
        return f"the {key} contains a colon and needs quotes", f'write {key}: "{value}"'

    def _inner_quotes(self, at: int, words: str) -> tuple[str, str] | None:
        """Returns message and remedy for a value in quotes with further ones inside; None for any other fault."""
        line = _QUOTED.match(self.source.text, self.source.text.rfind("\n", 0, at) + 1)
        if _TEXT_BEHIND not in words or line is None or at < line.start("value"):
            return None
        value, mark = line["value"], line["value"][0]
        inner = value[1:-1] if value.endswith(mark) else value
        text = (
            value if re.match(r'[^"]*\S"', inner) else inner
        )  # "Fog" and "rain": its first is not the one around it all
        if text.count('"') % 2:
            return None
        for quote in ("“", "”") * (text.count('"') // 2):
            text = text.replace('"', quote, 1)
        text = text.replace("'", "’")
        written = f'{line["key"]}: "{text}"' if line["key"] else f'"{text}"'
        return (
            f"a quotation mark inside the {line['key'] or 'text'} ends it too early",
            f"write {abbreviate(written, 120)}",
        )

    def _document(self, events: Iterator[Event]) -> MappingNode | None:
        tree: Node | None = None
        for event in events:
            if isinstance(event, StreamStartEvent):
                continue
            if isinstance(event, DocumentStartEvent):
                if tree is not None:
                    self._refuse(event, "a second set of fields")
                tree = self._node(next(events), events, 1)
        if tree is None or (isinstance(tree, ScalarNode) and tree.is_null):
            return MappingNode(self.offset)
        if isinstance(tree, MappingNode):
            return tree
        self._find(
            "front-matter",
            tree.start,
            "the fields at the top are not of the form “name: value”",
            "write lines such as title: …",
        )
        return None

    def _node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        start = self.offset + _start(event)
        if isinstance(event, AliasEvent):
            self._refuse(event, f"the alias *{event.anchor}")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._refuse(event, f"the anchor &{event.anchor}")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, "a tag")
        if depth > DEEPEST:
            self._refuse(event, "nesting this deep")
        if isinstance(event, ScalarEvent):
            return ScalarNode(event.value, start, self.offset + _index(event.end_mark), plain=event.style is None)
        if isinstance(event, SequenceStartEvent):
            items = SequenceNode(start)
            while not isinstance(inner := next(events), SequenceEndEvent):
                items.items.append(self._node(inner, events, depth + 1))
            return items
        if isinstance(event, MappingStartEvent):
            return self._keys(MappingNode(start, flow=bool(event.flow_style)), events, depth)
        raise AssertionError(event)

    def _keys(self, keys: MappingNode, events: Iterator[Event], depth: int) -> MappingNode:
        while not isinstance(inner := next(events), MappingEndEvent):
            if not isinstance(inner, ScalarEvent):
                if self.source.text.startswith(("{{", "{%"), keys.start):
                    self._find(
                        "yaml-syntax", keys.start, "a value that begins with braces needs quotes", "put it in quotes"
                    )
                    raise _UnsupportedYamlError
                self._refuse(inner, "a name that is not a word")
            key = self._node(inner, events, depth + 1)
            assert isinstance(key, ScalarNode)
            if key.plain and key.value == "<<":
                self._refuse(inner, "the merge key <<")
            value = self._node(next(events), events, depth + 1)
            if key.value in keys.entries:
                first = self.source.position(keys.entries[key.value][0].start)
                message = f"the field “{abbreviate(key.value)}” is given twice"
                self._find("duplicate-key", key.start, message, f"keep one; the first is in line {first.line}")
            else:
                keys.entries[key.value] = (key, value)
        return keys

    def _refuse(self, event: Event, what: str) -> None:
        at = self.offset + _start(event)
        self._find(
            "yaml-feature", at, f"{what} is not allowed in the fields at the top", "write fields, lists and texts only"
        )
        raise _UnsupportedYamlError

    def _find(self, rule: str, offset: int, message: str, expected: str) -> None:
        self.findings.add(rule, self.source.position(offset), message, expected)


def _explain(words: str) -> tuple[str, str]:
    """Returns message and remedy for PyYAML's `words`."""
    found = ((message, remedy) for part, message, remedy in _EXPLANATIONS if part in words)
    return next(found, ("this value cannot be read", _QUOTE))


def _start(event: Event) -> int:
    return _index(event.start_mark)


def _index(mark: Any) -> int:
    """The offset of one of PyYAML's marks, which are typed as two kinds of them or None."""
    return int(mark.index) if mark else 0
