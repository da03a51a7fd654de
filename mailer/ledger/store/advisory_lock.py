"""Advisory locks for transactions that read something and then write it.

SQLite has one writer at a time, so nothing is locked there. On PostgreSQL a turn is an advisory lock that ends with the
transaction; of two transactions that take locks in different orders, the database undoes one, and the writer runs it again.
"""

from sqlalchemy import Connection, func, select

CREATE_SEND = "freeze"  # sends, editions and images are made one at a time


def advisory_lock(conn: Connection, name: str) -> None:
    """Waits until no other transaction has the turn `name`; it is ours until this transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"mailer:{name}", 0))))
