"""Advisory locks for transactions that read something and then write it.

SQLite has one writer at a time, so nothing is locked there. On PostgreSQL the lock ends with the
transaction; of two transactions that take locks in different orders, the database rolls one back, and the writer runs it again.
"""

from sqlalchemy import Connection, func, select

CREATE_SEND = "freeze"  # sends, editions and images are created one at a time


def advisory_lock(conn: Connection, name: str) -> None:
    """Waits until no other transaction holds the lock `name`, and holds it until this transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"mailer:{name}", 0))))
