"""Changes fields of the front matter in the source of a dispatch; everything else keeps its bytes.

    read_front_fields(source)          the fields as plain values: every key that a form has, "" and [] where there is none
    edit_front_matter(source, fields)  the source with these fields instead

A changed value is written in its place, in the style of quotes that it has; a new key is inserted where the format lists it;
an emptied text leaves its key, without a value; a list or group without anything in it is removed. Comments stay, but those
inside of what is removed. The result is read again: if it has not exactly these fields, FieldsError is raised instead.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.fields.yaml_scalar import write_scalar
from mailer.dispatch.frontmatter.model import MODELS, FrontMatter
from mailer.dispatch.frontmatter.parser import split_front_matter
from mailer.dispatch.frontmatter.yaml_parser import MappingNode, Node, ScalarNode, SequenceNode, parse_yaml
from mailer.dispatch.source_text import SourceText
from mailer.errors import UsageError

FieldValue = str | Mapping[str, str] | Sequence[str] | Sequence[Mapping[str, str]]
FrontFields = Mapping[str, FieldValue]

GROUPS = ("editor", "photo")
LISTS = ("summary", "lists")
ROWS = ("earlier", "social")
TEXTS = tuple(key for key in FrontMatter.model_fields if key not in {*GROUPS, *LISTS, *ROWS})
_SEVERAL_LINES = frozenset({"signature", "copyright"})
_ORDER = {"": tuple(FrontMatter.model_fields), **{name: tuple(model.model_fields) for name, model in MODELS.items()}}
_DASH = re.compile(r"^[ \t]*-(?=[ \t\n])", re.MULTILINE)
_CLOSING = re.compile(r"(?:[\s,]|#[^\n]*\n)*[\]}]")


class FieldsError(UsageError):
    """The fields cannot be read or written; the source can still be edited as text."""


def normalise(value: str, key: str) -> str:
    """Returns `value` as the form and the comparison have it: without space around it, on one line unless `key` has several."""
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip() if key in _SEVERAL_LINES else " ".join(text.split())


def keys_of_part(name: str) -> tuple[str, ...]:
    """Returns the keys of a group, or of an item of a list of groups."""
    return _ORDER[name]


def read_front_fields(source: str) -> FrontFields | None:
    """Returns the fields; None if the front matter has a fault that hides some of them."""
    text = SourceText(source)
    tree = _tree(text)
    return None if tree is None else _fields(tree)


def edit_front_matter(source: str, fields: FrontFields) -> str:
    """Returns `source` with `fields`, which need not be all of them. Raises FieldsError."""
    if not source.startswith("---"):
        source = f"---\n---\n{source}" if source.strip() else "---\n---\n"
    text = SourceText(source)
    tree = _tree(text)
    before = None if tree is None else _fields(tree)
    if tree is None or before is None:
        raise FieldsError("The fields at the top have a fault.", "Open the source and fix it; the findings say where.")
    changed = {key: value for key, value in fields.items() if value != before[key]}
    if not changed:
        return source
    edited = _Edit(source, tree).apply(changed)
    if read_front_fields(edited) != {**before, **changed}:
        raise FieldsError("This cannot be written into the fields at the top.", "Open the source and write it there.")
    return edited


def _tree(text: SourceText) -> MappingNode | None:
    findings = DiagnosticCollector("")
    if not text.text.startswith("---"):
        return MappingNode(0)
    span, _ = split_front_matter(text, findings)
    tree = parse_yaml(text, *span, findings) if span else None
    if tree is None or findings.in_order() or tree.flow:
        return None
    return tree


def _fields(tree: MappingNode) -> FrontFields | None:
    values: dict[str, FieldValue] = {}
    for key in FrontMatter.model_fields:
        node = tree.entries[key][1] if key in tree.entries else None
        value = _value(key, node)
        if value is None:
            return None
        values[key] = value
    return values


def _value(key: str, node: Node | None) -> FieldValue | None:
    """Returns the value of the field `key`; None if it has not the shape of one."""
    is_absent = node is None or (isinstance(node, ScalarNode) and node.is_null)
    if key in TEXTS:
        return "" if is_absent else _text(node, key)
    if key in GROUPS:
        return _group(node, key) if not is_absent else dict.fromkeys(_ORDER[key], "")
    if is_absent:
        return []
    if not isinstance(node, SequenceNode):
        return None
    items = [_text(item, key) if key in LISTS else _group(item, key) for item in node.items]
    if None in items:
        return None
    return [each for each in items if each and (isinstance(each, str) or any(each.values()))]  # type: ignore[return-value] # all of one kind


def _text(node: Node | None, key: str) -> str | None:
    return normalise(node.value, key) if isinstance(node, ScalarNode) else None


def _group(node: Node | None, name: str) -> dict[str, str] | None:
    if not isinstance(node, MappingNode):
        return None
    values = {}
    for key in _ORDER[name]:
        text = _text(node.entries[key][1], key) if key in node.entries else ""
        if text is None:
            return None
        values[key] = text
    return values


class _Edit:
    """Collects replacements of spans of `source`, whose front matter is `tree`."""

    def __init__(self, source: str, tree: MappingNode) -> None:
        self._source, self._tree = source, tree
        self._replacements: list[tuple[int, int, str]] = []

    def apply(self, changed: FrontFields) -> str:
        self._mapping(self._tree, "", changed)
        pieces, at = [], 0
        for start, end, text in sorted(self._replacements, key=lambda each: each[:2]):
            pieces += [self._source[at:start], text]
            at = end
        return "".join([*pieces, self._source[at:]])

    def _mapping(self, node: MappingNode, name: str, changed: FrontFields) -> None:
        """Changes entries of the block mapping `node`: the front matter, a group, or an item of a list."""
        keys = [key for key, _ in node.entries.values()]
        indent = self._column(keys[0].start) if keys else 0
        at = source_start = self._source.index("\n") + 1
        previous = None
        for key in _ORDER[name]:
            entry = node.entries.get(key)
            if entry is None and changed.get(key):
                lines = self._entry(key, changed[key], indent)
                if previous is not None:
                    at = self._line_end(self._content_end(*previous))
                elif name and keys:  # the first key of an item stands on the line of its dash
                    at = self._line_end(self._content_end(*next(iter(node.entries.values()))))
                else:
                    at = source_start
                self._insert(at, lines)
            elif entry is not None:
                previous = entry
                if key in changed:
                    self._change(key, entry, changed[key], indent)

    def _change(self, key: str, entry: tuple[ScalarNode, Node], value: FieldValue, indent: int) -> None:
        node = entry[1]
        if isinstance(value, str):
            self._scalar(entry, value, indent)
        elif not (value if key not in GROUPS else any(value.values())):  # type: ignore[union-attr] # a group is a mapping
            self._remove(entry)
        elif isinstance(node, ScalarNode):  # the key without a value
            self._insert(self._line_end(entry[0].end), self._entry(key, value, indent).partition("\n")[2])
        elif self._is_flow(node):
            self._replacements.append(
                (entry[0].start, self._content_end(*entry), self._entry(key, value, indent).strip())
            )
        elif isinstance(node, MappingNode):
            assert isinstance(value, Mapping)
            before = _group(node, key) or {}
            self._mapping(node, key, {part: text for part, text in value.items() if text != before[part]})
        else:
            assert not isinstance(value, Mapping)
            self._sequence(key, entry[0], node, value)

    def _sequence(
        self, key: str, name: ScalarNode, node: SequenceNode, values: Sequence[str | Mapping[str, str]]
    ) -> None:
        old = [_text(item, key) if key in LISTS else _group(item, key) for item in node.items]
        new = list(values)
        starts = self._item_starts(name, node)
        ends = [self._line_end(self._content_end(None, item)) for item in node.items]
        indent = len(self._source[starts[0] :].partition("-")[0]) if starts else 0
        matcher = SequenceMatcher(None, [repr(each) for each in old], [repr(each) for each in new], autojunk=False)
        for tag, first, last, begin, end in matcher.get_opcodes():
            if tag == "equal":
                continue
            pairs = min(last - first, end - begin)
            for number in range(pairs):
                self._item(key, node.items[first + number], new[begin + number], starts[first + number], indent)
            for number in range(first + pairs, last):
                self._replacements.append((starts[number], ends[number], ""))
            at = ends[first + pairs - 1] if first + pairs else starts[0]
            self._insert(at, "".join(self._item_lines(each, indent) for each in new[begin + pairs : end]))

    def _item(self, key: str, node: Node, value: str | Mapping[str, str], start: int, indent: int) -> None:
        if isinstance(value, str) and isinstance(node, ScalarNode) and not node.is_null:
            typed = self._source[node.start : node.end]
            end = self._content_end(None, node)
            self._replacements.append((node.start, end, write_scalar(value, like=typed, indent=indent)))
        elif isinstance(value, Mapping) and isinstance(node, MappingNode) and not self._is_flow(node):
            before = _group(node, key) or {}
            self._mapping(node, key, {part: text for part, text in value.items() if text != before[part]})
        else:
            self._replacements.append(
                (start, self._line_end(self._content_end(None, node)), self._item_lines(value, indent))
            )

    def _scalar(self, entry: tuple[ScalarNode, Node], value: str, indent: int) -> None:
        key, node = entry
        assert isinstance(node, ScalarNode)
        colon = self._source.index(":", key.end) + 1
        after = self._content_end(key, node)
        is_last = not self._source[after : self._line_end(after)].strip()
        like = self._source[node.start : node.end] if is_last or "\n" not in value else '"'  # a comment stays behind it
        written = write_scalar(value, like=like, indent=indent) if value else ""
        if node.is_null:
            self._replacements.append((colon, colon, f" {written}"))
            return
        between = self._source[colon : node.start]
        start = colon if not between.strip(" \t") else node.start
        lead = (between if start == colon else "") if written else ""
        self._replacements.append((start, self._content_end(None, node), f"{lead}{written}"))

    def _remove(self, entry: tuple[ScalarNode, Node]) -> None:
        start = self._line_start(entry[0].start)
        self._replacements.append((start, self._line_end(self._content_end(*entry)), ""))

    def _insert(self, at: int, lines: str) -> None:
        if lines:
            self._replacements.append((at, at, lines))

    def _entry(self, key: str, value: FieldValue, indent: int) -> str:
        """Returns a new entry as whole lines."""
        margin = " " * indent
        if isinstance(value, str):
            return f"{margin}{key}: {write_scalar(value, indent=indent)}\n"
        if isinstance(value, Mapping):
            parts = "".join(self._entry(part, text, indent + 2) for part, text in value.items() if text)
            return f"{margin}{key}:\n{parts}"
        return f"{margin}{key}:\n" + "".join(self._item_lines(each, indent + 2) for each in value)

    def _item_lines(self, value: str | Mapping[str, str], indent: int) -> str:
        margin = " " * indent
        if isinstance(value, str):
            return f"{margin}- {write_scalar(value, indent=indent)}\n"
        parts = "".join(self._entry(part, text, indent + 2) for part, text in value.items() if text)
        return f"{margin}- {parts.lstrip(' ')}"

    def _item_starts(self, name: ScalarNode, node: SequenceNode) -> list[int]:
        """Returns the offset of the line of each item’s dash."""
        starts, lower = [], name.end
        for item in node.items:
            dashes = [match.start() for match in _DASH.finditer(self._source, lower, item.start + 1)]
            starts.append(dashes[-1] if dashes else self._line_start(item.start))
            lower = max(self._content_end(None, item), item.start)
        return starts

    def _content_end(self, key: ScalarNode | None, node: Node) -> int:
        """Returns the offset after the last character of a value, or after the colon of its key if it has none."""
        if isinstance(node, ScalarNode):
            if node.is_null and key is not None:
                return self._source.index(":", key.end) + 1
            return node.start + len(self._source[node.start : node.end].rstrip())
        inner = node.items if isinstance(node, SequenceNode) else list(node.entries.values())
        last = inner[-1] if inner else None
        end = node.start + 1
        if isinstance(last, tuple):
            end = self._content_end(*last)
        elif last is not None:
            end = self._content_end(None, last)
        if self._is_flow(node):
            closing = _CLOSING.match(self._source, end)
            end = closing.end() if closing else end
        return end

    def _is_flow(self, node: Node) -> bool:
        return not isinstance(node, ScalarNode) and self._source[node.start] in "[{"

    def _column(self, offset: int) -> int:
        return offset - self._line_start(offset)

    def _line_start(self, offset: int) -> int:
        return self._source.rfind("\n", 0, offset) + 1

    def _line_end(self, offset: int) -> int:
        """Returns the offset after the line end that follows `offset`."""
        return self._source.index("\n", offset) + 1
