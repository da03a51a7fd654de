"""Pauses a send that a relay refuses as a whole: counts results of one kind since the last acceptance.

breaker.on_accepted()                  resets the counts
breaker.on_refused(delivery_id)        the deliveries to revert, once there are too many refusals
breaker.on_connection_lost()           whether there are too many lost connections
"""

from collections.abc import Sequence

BREAKER = (
    10  # policy refusals, or connections lost after their first message, since the last acceptance: they pause a send
)


class Breaker:
    """The counts of one run of a send."""

    def __init__(self) -> None:
        self._refused: list[int] = []  # policy refusals since the last acceptance
        self._tripped = False  # by refusals; later refusals, of messages that were under way, are reverted, too
        self.lost = 0
        """Connections that ended after the end of DATA of their first message, since the last acceptance."""

    def on_accepted(self) -> None:
        self._refused.clear()
        self.lost = 0

    def on_refused(self, delivery_id: int) -> Sequence[int]:
        """Returns the refused deliveries to revert, if the send is the reason and not the recipients; usually none."""
        self._refused.append(delivery_id)
        if not self._tripped and len(self._refused) < BREAKER:
            return ()
        self._tripped = True
        refused, self._refused = self._refused, []
        return refused

    def on_connection_lost(self) -> bool:
        """Counts a connection that ended after its first message without a reply; True if the send has to pause."""
        self.lost += 1
        return self.lost >= BREAKER
