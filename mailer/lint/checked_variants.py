"""Chooses the variants of an edition that are checked: the longest, and some that together take every branch.

A variant takes one branch of each condition. Checking all of them would take too long; an error in a branch is found in any
variant that takes it.
"""

from collections.abc import Callable, Iterator

from mailer.edition.conditions import UNREACHED, ConditionChain
from mailer.edition.html.conditional_nodes import ConditionalNode, FootnoteList, FootnoteNode, Nodes
from mailer.edition.merge_fields import ADDRESS
from mailer.edition.numbering import VariantKey

_MOST_VARIANTS = 12


def checked_variants(chains: tuple[ConditionChain, ...], html: Nodes) -> tuple[VariantKey, ...]:
    """Returns the keys of the variants, without repetition, the longest first."""
    return tuple(dict.fromkeys((_longest(chains, html), *_covering(chains))))


def _key(chains: tuple[ConditionChain, ...], choose: Callable[[int], int]) -> VariantKey:
    """Returns the variant in which `choose` decides the branch of each chain; the reader has an address."""
    key: list[int] = []
    for index, chain in enumerate(chains):
        inside = chain.outer is None or key[chain.outer[0]] == chain.outer[1]
        key.append((0 if ADDRESS in chain.conditions else choose(index)) if inside else UNREACHED)
    return tuple(key)


def _longest(chains: tuple[ConditionChain, ...], html: Nodes) -> VariantKey:
    weights = _weights(html)
    return _key(
        chains,
        lambda index: max(range(len(chains[index].conditions)), key=lambda branch: weights.get((index, branch), 0)),
    )


def _covering(chains: tuple[ConditionChain, ...]) -> Iterator[VariantKey]:
    """Yields variants that together cover each branch, up to _MOST_VARIANTS."""
    inner: dict[tuple[int, int], list[int]] = {}
    for index, chain in enumerate(chains):
        if chain.outer is not None:
            inner.setdefault(chain.outer, []).append(index)
    unseen = {(index, branch) for index, chain in enumerate(chains) for branch in range(len(chain.conditions))}

    def uncovered(index: int, branch: int) -> int:
        """Returns the number of branches here that no variant has covered yet."""
        below = (
            uncovered(each, way)
            for each in inner.get((index, branch), ())
            for way in range(len(chains[each].conditions))
        )
        return ((index, branch) in unseen) + sum(below)

    for _ in range(_MOST_VARIANTS):
        key = _key(
            chains, lambda index: max(range(len(chains[index].conditions)), key=lambda way: uncovered(index, way))
        )
        fresh = unseen.intersection(enumerate(key))
        if not fresh:
            return
        unseen -= fresh
        yield key


def _weights(nodes: Nodes) -> dict[tuple[int, int], int]:
    """Returns the length of the text under each branch."""
    weights: dict[tuple[int, int], int] = {}
    for choice, branch, weight in _branches(nodes):
        weights[choice, branch] = weights.get((choice, branch), 0) + weight
    return weights


def _branches(nodes: Nodes) -> Iterator[tuple[int, int, int]]:
    for node in nodes:
        match node:
            case ConditionalNode(choice=choice, branch=branch, nodes=inner):
                yield choice, branch, _length(inner)
                yield from _branches(inner)
            case FootnoteNode(nodes=inner) | FootnoteList(notes=inner):
                yield from _branches(inner)
            case _:
                pass


def _length(nodes: Nodes) -> int:
    total = 0
    for node in nodes:
        match node:
            case str():
                total += len(node)
            case ConditionalNode(nodes=inner) | FootnoteNode(nodes=inner) | FootnoteList(notes=inner):
                total += _length(inner)
            case _:
                total += 1
    return total
