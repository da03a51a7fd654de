"""Whose turn it is to read something and then write it, where rows alone cannot say.

SQLite has one writer at a time, so that it always is ours. On PostgreSQL a turn is an advisory lock that ends with the
transaction; two who take turns in different orders are told apart by the database, and one of them runs again.
"""

from sqlalchemy import Connection, func, select

FREEZE = "freeze"  # sends, editions and images are made one at a time


def take_turn(conn: Connection, name: str) -> None:
    """Wait until nobody else has the turn `name`; it is ours until this transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"mailer:{name}", 0))))
