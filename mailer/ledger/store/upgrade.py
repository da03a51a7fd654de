"""Upgrades a database to the schema of this version.

`upgrade` compares the version that the database records with HEAD first; Alembic is loaded only when they differ. All
migrations are one transaction under the write lock: they are done, or nothing is. A database of a newer version, or of another
program, is refused and left unchanged.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.database import Database
from mailer.ledger.types.errors import LedgerError, translating

MIGRATIONS = Path(__file__).parent.parent / "migrations"
HEAD = max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))[:4]  # the newest migration


def upgrade(database: Database, *, head: str = HEAD, migrations: Path = MIGRATIONS) -> None:
    """Upgrades `database` to `head`, or creates it. Raises LedgerError."""
    if database.exists():
        with database.reading() as conn:
            if _version(conn, database.name) == head:
                return
    lock = database.write_lock()
    try:
        with lock, database.connect_writer() as conn, translating(database.name), conn.begin():
            advisory_lock(conn, "schema")
            if _version(conn, database.name) != head:  # else another process did it
                _upgrade(conn, database.name, head, migrations)
    finally:
        lock.close()


def _version(conn: Connection, name: str) -> str | None:
    """Returns the version that the database records; None if it is new."""
    tables = inspect(conn).get_table_names()
    if "alembic_version" in tables:
        return conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise LedgerError(f"{name} is the database of another program.", "Check MAILER_DATABASE_URL.")
    return None


def _upgrade(conn: Connection, name: str, head: str, migrations: Path) -> None:
    from alembic import command  # noqa: PLC0415 - slow to load, and seldom needed
    from alembic.config import Config  # noqa: PLC0415 - goes with it
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - goes with it

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    version = _version(conn, name)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise LedgerError(
            f"The ledger {name} was written by a newer version of mailer (schema {version}, here {head}).",
            "Install that version, or a newer one.",
        )
    config.attributes["connection"] = conn
    command.upgrade(config, head)
