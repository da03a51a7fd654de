"""What the parts of a ledger share: its database, its writer, its clock and its state folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mailer.ledger.database import Database
from mailer.ledger.locks import FileLock
from mailer.ledger.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """`clock` gives seconds since the epoch, UTC; `state_dir` exists."""

    database: Database
    writer: Writer
    clock: Callable[[], float]
    state_dir: Path

    def send_lock(self, send_id: int) -> FileLock:
        """A new lock on owning a send."""
        return FileLock(self.state_dir / f"send-{send_id}.lock")

    def serve_lock(self) -> FileLock:
        return FileLock(self.state_dir / "serve.lock")
