"""Conditions of an edition: which branch each if chain takes for a reader, and how many combinations there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.edition.numbers import VariantKey
from mailer.edition.slot import ADDRESS, Values, expression

NONE_TAKEN = -1
LEFT_OUT = -2


@dataclass(frozen=True, slots=True)
class Chain:
    """An if chain: the source of each branch's condition, None for `else`, ADDRESS for “the reader has an address”.

    `outer` is the choice and the branch that it stands in.
    """

    conditions: tuple[str | None, ...]
    outer: tuple[int, int] | None = None

    def taken(self, values: Values) -> int:
        for branch, condition in enumerate(self.conditions):
            if condition is None or _holds(condition, values):
                return branch
        return NONE_TAKEN


def _holds(condition: str, values: Values) -> bool:
    return bool(values.address) if condition == ADDRESS else expression(condition).holds(values.fields)


def key_of(chains: Sequence[Chain], values: Values) -> VariantKey:
    """The branches that a reader with `values` gets; an outer chain comes before those in it."""
    key: list[int] = []
    for chain in chains:
        inside = chain.outer is None or key[chain.outer[0]] == chain.outer[1]
        key.append(chain.taken(values) if inside else LEFT_OUT)
    return tuple(key)


def combinations(chains: Sequence[Chain]) -> int:
    """How many variants are possible, as far as the shape tells; the program's own choice by address is not counted."""
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
