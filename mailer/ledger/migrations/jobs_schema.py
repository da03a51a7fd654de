"""Procrastinate's tables (version 3.10, MIT), in a schema of their own on PostgreSQL: its jobs wake the workers of a cluster.

The file of its schema is copied unchanged. The comment on the schema names the version.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from mailer.ledger.types.shards import JOBS_SCHEMA, JOBS_VERSION

FILE = Path(__file__).parent / "procrastinate_3_10.sql"


def jobs_version(conn: Connection) -> str | None:
    """Returns the version of Procrastinate for which the schema was made; None if there is no schema."""
    query = text("SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :schema")
    found = conn.execute(query, {"schema": JOBS_SCHEMA}).first()
    return None if found is None else found[0] or ""


def may_create_schema(conn: Connection) -> bool:
    """Whether our user may create a schema in this database."""
    return bool(conn.execute(text("SELECT has_database_privilege(current_database(), 'CREATE')")).scalar())


def create_jobs_schema(conn: Connection) -> None:
    """Creates the schema, in this transaction."""
    before = conn.execute(text("SELECT current_setting('search_path')")).scalar_one()
    conn.execute(text(f"CREATE SCHEMA {JOBS_SCHEMA}"))
    conn.execute(text(f"SET LOCAL search_path TO {JOBS_SCHEMA}"))
    raw: Any = conn.connection.dbapi_connection
    raw.execute(FILE.read_text("utf-8"))
    conn.execute(text(f"COMMENT ON SCHEMA {JOBS_SCHEMA} IS '{JOBS_VERSION}'"))
    conn.execute(text("SELECT set_config('search_path', :path, true)"), {"path": before})
