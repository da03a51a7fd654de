"""Encodes the trees of an edition as JSON and back: a record becomes an object with its kind, a tuple a list.

The names here, and the field names of the records, are a format that ledgers keep: stored editions must stay readable.
"""

from dataclasses import fields
from typing import Any

from mailer.edition import numbering
from mailer.edition.conditions import ConditionChain
from mailer.edition.html import conditional_nodes
from mailer.edition.merge_fields import EscapeContext, ListName, MergeField
from mailer.edition.plaintext import blocks

_KINDS: dict[str, type[Any]] = {
    "slot": MergeField,
    "list": ListName,
    "number": conditional_nodes.NumberNode,
    "source": conditional_nodes.ImageSource,
    "when": conditional_nodes.ConditionalNode,
    "note": conditional_nodes.FootnoteNode,
    "notes": conditional_nodes.FootnoteList,
    "link": blocks.TextLink,
    "flow": blocks.TextBlock,
    "table": blocks.Table,
    "unruled": blocks.UnruledTable,
    "option": blocks.ConditionalBlock,
    "footer": blocks.FootnoteBlock,
    "passage": blocks.SectionBlock,
    "part": blocks.PartBlock,
    "outline": numbering.NumberingInput,
    "section": numbering.Section,
    "branching": numbering.ConditionalItems,
    "mention": numbering.FootnoteRef,
    "footnote": numbering.Footnote,
    "chain": ConditionChain,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(value: object) -> Any:
    """Returns `value`, a tree of records and tuples, as values for `json`."""
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    name = _NAMES.get(type(value))
    if name is None:
        return value
    record: Any = value
    return {"is": name} | {field.name: encode(getattr(record, field.name)) for field in fields(record)}


def decode(value: Any) -> Any:
    """Returns the tree that `encode` made `value` of. Raises KeyError, TypeError or ValueError for any other value."""
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    kind = _KINDS[value["is"]]
    content = {name: decode(item) for name, item in value.items() if name != "is"}
    if kind in {MergeField, ListName}:
        content["place"] = EscapeContext(content["place"])
    return kind(**content)
