"""The clock of a worker, which shares its sends with other machines."""

import time


class DatabaseClock:
    """Returns the time of the database, in seconds since the epoch, UTC: this machine's, until the database has told its own."""

    def __init__(self) -> None:
        self._ahead = 0.0  # seconds by which the database is ahead of this machine

    def __call__(self) -> float:
        return time.time() + self._ahead

    def agree(self, database_time: float) -> None:
        """Adopts the time that the database has just told."""
        self._ahead = database_time - time.time()
