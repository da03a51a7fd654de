"""Workers on machines of their own: processes with their own host names, state folders and clocks, on the database of a siege.

with Cluster(siege, programs, folder) as cluster:
    first = cluster.start("machine-1")         returns when the worker waits for shards
    first.kill()
"""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from tests.support.programs import Process, Programs
from tests.support.siege import SHORT, Siege

WORKER_KEYS = [
    "host",
    "pid",
    "queue",
    "shards",
    "started_at",
    "seen",
    "alive",
    "problem",
    "holding",
]  # of `workers --json`
NOTHING_CHANGED: Mapping[str, str] = {}
LEASE, SWEEP = 3.0, 1.0  # seconds: nobody waits for a dead worker for long


class Cluster:
    """The workers of one siege."""

    def __init__(self, siege: Siege, programs: Programs, folder: Path) -> None:
        self._siege = siege
        self._programs = programs
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(
        self,
        host: str,
        *arguments: str,
        database_url: str = "",
        changed: Mapping[str, str] = NOTHING_CHANGED,
        **faults: Any,
    ) -> Process:
        """Starts a worker on the machine `host`, which reaches the database at `database_url` if that is given.

        `changed`: settings that differ from those of the workspace.
        """
        folder = self._folder / host
        folder.mkdir(exist_ok=True)
        settings = (self._siege.folder / ".env").read_text("utf-8")
        if database_url:
            settings = settings.replace(self._siege.database_url, database_url)
        kept = [line for line in settings.splitlines() if line.partition("=")[0] not in changed]
        settings = "\n".join([*kept, *(f"{name}={value}" for name, value in changed.items()), ""])
        (folder / ".env").write_text(settings, "utf-8")
        process = self._programs.start(
            folder, "worker", *arguments, faults={**SHORT, "lease": LEASE, "sweep": SWEEP, "host": host, **faults}
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        process.said("Waiting for shards")
        return process

    def forget(self, host: str) -> None:
        """Removes the folder of a machine."""
        shutil.rmtree(self._folder / host)

    def holders(self) -> dict[int, str]:
        """Returns the machine that holds each shard of the send."""
        with psycopg.connect(self._siege.database_url, autocommit=True) as conn:
            rows = conn.execute(
                "SELECT number, host FROM send_shard WHERE to_timestamp(expires_at) > clock_timestamp()"
            )
            return dict(rows.fetchall())
