"""Excludes a relay that refuses us: counts its refusals since it last accepted a message.

    breaker.refused                    how many refusals it has seen: to be kept when a message is offered
    breaker.on_accepted(refused)       forgets the refusals that were seen when the accepted message was offered
    breaker.on_refused(refusal)        the deliveries to revert, once there are too many refusals; else None
    breaker.on_connection_lost()       whether there are too many lost connections

Refusals that are about us are counted together. Any others are counted by their words, without names and numbers: ten
recipients in a row who are refused in the same words are refused because of us. If the words say that mailboxes do not exist,
and the like, the ten have to be of several domains, for one domain may well have lost ten of its people. Over several connections
an acceptance may come after refusals and say nothing of them, for its recipient was accepted before.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

BREAKER = 10  # refusals, or connections lost after their first message, since the last acceptance
_KEPT = 100  # refusals of a kind


class Refusal(NamedTuple):
    """A refusal of a delivery to `domain`. `delivery_id`: None if it was released, and need not be reverted.

    `words`: the server's, without names and numbers. `is_about_us`, `is_about_recipient`: what they say, if anything.
    """

    delivery_id: int | None
    domain: str
    words: str
    is_about_us: bool
    is_about_recipient: bool


class _Counted(NamedTuple):
    """A refusal, and how many came before it."""

    before: int
    refusal: Refusal


_Row = deque[_Counted]
_new_row = partial(_Row, maxlen=_KEPT)


class Breaker:
    """The counts of one relay in one run of a send."""

    def __init__(self) -> None:
        self._about_us = _new_row()
        self._by_words: defaultdict[str, _Row] = defaultdict(_new_row)
        self._broken_by: str | None = (
            None  # the words that it tripped on; messages that were under way are reverted, too
        )
        self.refused = 0
        """How many refusals it has seen."""
        self.count = 0
        """How many refusals it tripped on."""
        self.lost = 0
        """Connections that ended after the end of DATA of their first message, since the last acceptance."""

    def on_accepted(self, refused: int) -> None:
        """`refused`: what `self.refused` was when the envelope of the accepted message was sent."""
        self.lost = 0
        if not self._by_words:
            return
        for row in (self._about_us, *self._by_words.values()):
            while row and row[0].before < refused:
                row.popleft()
        self._by_words = defaultdict(_new_row, {words: row for words, row in self._by_words.items() if row})

    def on_refused(self, refusal: Refusal) -> Sequence[int] | None:
        """Returns the deliveries to revert, if the relay refuses us and not the recipients; usually None."""
        if self._broken_by is not None:
            return _ids([refusal]) if refusal.is_about_us or refusal.words == self._broken_by else None
        counted = _Counted(self.refused, refusal)
        self.refused += 1
        alike = self._by_words[refusal.words]
        alike.append(counted)
        if refusal.is_about_us:
            self._about_us.append(counted)
        for row in (self._about_us, alike):
            refused = [each.refusal for each in row]
            if len(refused) >= BREAKER and _proves_our_fault(refused):
                self._broken_by, self.count = refusal.words, len(refused)
                return _ids(refused)
        return None

    def on_connection_lost(self) -> bool:
        """Counts a connection that ended after its first message without a reply; True if there are too many."""
        self.lost += 1
        return self.lost >= BREAKER


def _proves_our_fault(refused: Sequence[Refusal]) -> bool:
    return not all(each.is_about_recipient for each in refused) or len({each.domain for each in refused}) > 1


def _ids(refused: Sequence[Refusal]) -> Sequence[int]:
    return [each.delivery_id for each in refused if each.delivery_id is not None]
