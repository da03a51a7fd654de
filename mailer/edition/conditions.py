"""The conditions of an edition: which branch each if chain takes for a reader, and the number of combinations."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.edition.merge_fields import ADDRESS, ReaderValues, cached_expression
from mailer.edition.numbering import VariantKey

NO_BRANCH = -1
UNREACHED = -2


@dataclass(frozen=True, slots=True)
class ConditionChain:
    """An if chain: the source of each branch's condition, None for `else`, ADDRESS for “the reader has an address”.

    `outer` is the choice and the branch that contain it.
    """

    conditions: tuple[str | None, ...]
    outer: tuple[int, int] | None = None

    def branch_for(self, values: ReaderValues) -> int:
        for branch, condition in enumerate(self.conditions):
            if condition is None or _holds(condition, values):
                return branch
        return NO_BRANCH


def _holds(condition: str, values: ReaderValues) -> bool:
    return bool(values.address) if condition == ADDRESS else cached_expression(condition).holds(values.fields)


def variant_key(chains: Sequence[ConditionChain], values: ReaderValues) -> VariantKey:
    """Returns the branches for a reader with `values`; an outer chain comes before its inner ones."""
    key: list[int] = []
    for chain in chains:
        inside = chain.outer is None or key[chain.outer[0]] == chain.outer[1]
        key.append(chain.branch_for(values) if inside else UNREACHED)
    return tuple(key)


def combinations(chains: Sequence[ConditionChain]) -> int:
    """Returns the number of possible variants by the shape of the chains; the choice by address is not counted."""
    ways = [dict.fromkeys(range(len(chain.conditions)), 1) for chain in chains]
    total = 1
    for index in reversed(range(len(chains))):
        chain = chains[index]
        if ADDRESS in chain.conditions:
            continue
        count = sum(ways[index].values()) + (None not in chain.conditions)
        if chain.outer is None:
            total *= count
        else:
            ways[chain.outer[0]][chain.outer[1]] *= count
    return total
