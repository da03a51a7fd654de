"""Jobs of Procrastinate: each asks the workers of a queue to send one shard.

    require_procrastinate()        raises SettingsError unless the version is installed whose tables the ledger has
    defer_due_shards(app)          a job for each shard that is due and that nobody holds
    defer_shard(app, ...)          a job for one shard, at a time

A job is only a nudge, which may be lost or doubled. So it has a `queueing_lock`, which keeps a second one from waiting beside it,
and no `lock`: the job of a dead worker would block all others for its shard. Procrastinate's tables are in a schema of their own,
which a migration of the ledger made for one version. Jobs are queued on the ledger's own connection, in its transactions.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sqlalchemy import Connection, text

from mailer.app import App
from mailer.errors import SettingsError
from mailer.ledger.migrations.jobs_schema import create_jobs_schema, jobs_version
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.shards import JOBS_SCHEMA, JOBS_VERSION

TASK = "mailer.send_shard"
_INSTALL = "Install it with: pip install 'newsletter-desk[cluster]'"


def is_available() -> bool:
    """Whether the right version of Procrastinate is installed."""
    try:
        return version("procrastinate").startswith(f"{JOBS_VERSION}.")
    except PackageNotFoundError:
        return False


def require_procrastinate(app: App) -> None:
    """Raises SettingsError unless the database is PostgreSQL and the version is installed. Creates missing tables."""
    if not app.ledger.context.database.has_leases:
        raise SettingsError(
            "Workers need a PostgreSQL database, which all machines can reach.", "Set MAILER_DATABASE_URL."
        )
    if not is_available():
        raise SettingsError(f"A worker needs Procrastinate {JOBS_VERSION}.", _INSTALL)
    with app.ledger.context.database.reading() as conn:
        made_for = jobs_version(conn)
    if made_for is None:
        app.ledger.context.writer.call(create_jobs_schema).result()
        made_for = JOBS_VERSION
    if made_for != JOBS_VERSION:
        raise SettingsError(
            f"The schema “{JOBS_SCHEMA}” of the database is for Procrastinate {made_for}, and mailer uses {JOBS_VERSION}.",
            "Use the version of mailer that upgraded the database.",
        )


def defer_due_shards(app: App, queue: str, send_id: int | None = None) -> int:
    """Queues a job for each shard that is due and has none, of all sends of `queue` or of one; returns how many are due.

    Raises LedgerError, after queueing all others, if one cannot be queued.
    """
    due = app.ledger.workers.due(queue, now=app.clock(), send_id=send_id)
    if due:
        _require_queued(app.ledger.context.writer.call(lambda conn: _defer(conn, queue, due)).result())
    return len(due)


def defer_shard(app: App, queue: str, send_id: int, number: int, *, at: float) -> None:
    """Queues a job for one shard, which is due `at`. Raises LedgerError."""
    when = dt.datetime.fromtimestamp(at, dt.UTC)
    _require_queued(
        app.ledger.context.writer.call(lambda conn: _defer(conn, queue, [(send_id, number)], when)).result()
    )


def _require_queued(problem: str) -> None:
    if problem:
        raise LedgerError(
            f"A job for a worker cannot be queued ({problem}).",
            f"Look for what is wrong with the tables in the schema “{JOBS_SCHEMA}”. They may be emptied at any time.",
        )


def _defer(conn: Connection, queue: str, shards: Iterable[tuple[int, int]], when: dt.datetime | None = None) -> str:
    """Within a transaction: queues the jobs; returns why one of them cannot be queued, or ""."""
    from procrastinate import App as JobsApp  # noqa: PLC0415 - the extra, only where it is used
    from procrastinate import SyncPsycopgConnector  # noqa: PLC0415 - goes with it
    from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException  # noqa: PLC0415 - goes with it

    problem = ""
    jobs = JobsApp(connector=SyncPsycopgConnector())
    raw: Any = conn.connection.dbapi_connection
    with _in_schema(conn):
        for send_id, number in shards:
            name = f"send-{send_id}-shard-{number}{'-later' if when else ''}"  # a job for later keeps none for now away
            savepoint = conn.begin_nested()
            try:
                jobs.configure_task(TASK, queue=queue, queueing_lock=name, schedule_at=when, connection=raw).defer(
                    send_id=send_id, number=number
                )
            except AlreadyEnqueued:
                savepoint.rollback()
            except ProcrastinateException as error:
                savepoint.rollback()
                problem = f"{error.__cause__ or error}".strip().partition("\n")[0]
            else:
                savepoint.commit()
    return problem


@contextmanager
def _in_schema(conn: Connection) -> Iterator[None]:
    """Looks for names in Procrastinate's schema first, until the block ends or the transaction is undone."""
    before = conn.execute(text("SELECT current_setting('search_path')")).scalar_one()
    change = text("SELECT set_config('search_path', :path, true)")
    conn.execute(change, {"path": f"{JOBS_SCHEMA}, {before}"})
    yield
    conn.execute(change, {"path": before})
