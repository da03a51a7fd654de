"""The input of all checks: a dispatch, its edition, one finished message, and the settings that matter.

The caller passes everything, and nothing is changed. The HTML is parsed once a variant, when it is first used; variants
are chosen so that each branch of each condition is in one of them (up to a dozen), the longest first.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from mailer.dispatch.model import Article, Dispatch, walk_articles
from mailer.edition.conditions import UNREACHED, ConditionChain
from mailer.edition.html.conditional_nodes import ConditionalNode, FootnoteList, FootnoteNode, Nodes
from mailer.edition.merge_fields import ADDRESS, ReaderValues, fill
from mailer.edition.model import Edition, Image
from mailer.edition.numbering import VariantKey
from mailer.lint.html_page import HtmlPage
from mailer.lint.source_index import SourceIndex
from mailer.relay import is_loopback

_MOST_VARIANTS = 12
_ADDRESS = "reader.of.a.letter@example.org"
_TOKEN = "0" * 26  # as long as one is; base32 has no zero, so none is this
NOBODY = ReaderValues(address=_ADDRESS, token=_TOKEN)
"""A reader with an address and no fields."""


@dataclass(frozen=True, kw_only=True)
class LintContext:
    """A dispatch that is ready to be sent.

    `message` is as a receiver sees it, CRLF and all. `images` are those of the edition, as the dispatch names their
    files. `sources`: name of a source -> slug of an earlier dispatch that spells it so. `unsent`: slugs of dispatches
    without a page in the archive. `clients` are names of mail programs, such as `gmail` or `outlook.windows`.
    `postal_address`, `unsubscribe_url` and `base_url` are those of the settings.
    """

    dispatch: Dispatch
    edition: Edition
    message: bytes
    unsubscribe_url: str
    postal_address: str = ""
    base_url: str = ""
    images: Mapping[str, Image] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    unsent: frozenset[str] = frozenset()
    clients: tuple[str, ...] = ()

    @cached_property
    def source_index(self) -> SourceIndex:
        return SourceIndex(self.dispatch)

    @property
    def is_set_up(self) -> bool:
        """Whether the workspace is ready for real mail: its pages are not on this machine only."""
        return not is_loopback(urlsplit(self.base_url).hostname or "")

    @cached_property
    def articles(self) -> tuple[Article, ...]:
        return tuple(walk_articles(self.dispatch.articles))

    @cached_property
    def pages(self) -> tuple[HtmlPage, ...]:
        """The HTML of the checked variants; the longest is the first."""
        return tuple(HtmlPage(self._filled(key)) for key in self.keys)

    @cached_property
    def keys(self) -> tuple[VariantKey, ...]:
        """The checked variants, without repetition, the longest first."""
        chains = self.edition.chains
        return tuple(dict.fromkeys((_longest(chains, self.edition.html), *_covering(chains))))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The plaintext of the same variants."""
        return tuple(fill(self.edition.variant(key).text, NOBODY) for key in self.keys)

    def _filled(self, key: VariantKey) -> str:
        return fill(self.edition.variant(key, browser=not self.edition.embed).html, NOBODY)


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
