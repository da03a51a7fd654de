"""The breaker: notices a send that a relay refuses as a whole, by results of one kind in a row.

breaker.on_accepted()                  the count begins anew
breaker.on_refused(delivery_id)        the deliveries to revert, once there are too many
breaker.on_connection_lost()           whether there are too many
"""

from collections.abc import Sequence

BREAKER = 10  # policy refusals, or connections lost after their first message, in a row that pause a send


class Breaker:
    def __init__(self) -> None:
        self._refused: list[int] = []  # policy refusals since the last acceptance
        self._tripped = False  # by refusals: those of messages that were under way then are reverted, too
        self.lost = 0
        """Connections that ended after the end of DATA of their first message, since the last acceptance."""

    def on_accepted(self) -> None:
        self._refused.clear()
        self.lost = 0

    def on_refused(self, delivery_id: int) -> Sequence[int]:
        """Returns the refused deliveries for which the send is to blame, not their recipients; mostly none."""
        self._refused.append(delivery_id)
        if not self._tripped and len(self._refused) < BREAKER:
            return ()
        self._tripped = True
        refused, self._refused = self._refused, []
        return refused

    def on_connection_lost(self) -> bool:
        """Counts a connection that ended after its first message, without a reply; True when the send is to pause."""
        self.lost += 1
        return self.lost >= BREAKER
