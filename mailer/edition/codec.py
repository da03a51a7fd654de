"""An edition's trees as JSON and back: a record becomes an object of its kind, a tuple a list, the rest stays.

The names here are a format that ledgers keep: what is stored under them must stay readable.
"""

from dataclasses import fields
from typing import Any

from mailer.edition import block, numbers, tree
from mailer.edition.condition import Chain
from mailer.edition.slot import Place, Slot

_KINDS: dict[str, type[Any]] = {
    "slot": Slot,
    "number": tree.Number,
    "source": tree.Source,
    "when": tree.When,
    "note": tree.Note,
    "notes": tree.Notes,
    "link": block.Link,
    "flow": block.Flow,
    "table": block.Table,
    "option": block.Option,
    "footer": block.Footer,
    "passage": block.Passage,
    "part": block.Part,
    "outline": numbers.Outline,
    "section": numbers.Section,
    "branching": numbers.Branching,
    "mention": numbers.Mention,
    "footnote": numbers.Footnote,
    "chain": Chain,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(value: object) -> Any:
    """`value`, a tree of records and tuples, as what `json` writes."""
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    name = _NAMES.get(type(value))
    if name is None:
        return value
    record: Any = value
    return {"is": name} | {field.name: encode(getattr(record, field.name)) for field in fields(record)}


def decode(value: Any) -> Any:
    """The tree that `encode` made `value` of. Raises KeyError, TypeError or ValueError when it made no such thing."""
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    kind = _KINDS[value["is"]]
    content = {name: decode(item) for name, item in value.items() if name != "is"}
    if kind is Slot:
        content["place"] = Place(content["place"])
    return kind(**content)
