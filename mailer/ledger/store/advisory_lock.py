"""Advisory locks for transactions that read something and then write it.

    advisory_lock(conn, name)     waits until no other transaction holds the lock
    share_send_lock(conn, id)     many transactions of running senders hold the lock of a send together
    lock_send_alone(conn, id)     one transaction holds it alone: it may change the state of the send

The lock of a send is not its row: PostgreSQL lets those who share a row overtake somebody who waits to change it, so that a pause
could wait for ever; its advisory locks are given in turn.

SQLite has one writer at a time, so nothing is locked there. On PostgreSQL the lock ends with the transaction; of two transactions
that take locks in different orders, the database rolls one back, and the writer runs it again.
"""

from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from mailer.ledger.store.compiled_statements import CompiledStatement, param

CREATE_SEND = "freeze"  # sends, editions and images are created one at a time


def advisory_lock(conn: Connection, name: str) -> None:
    """Waits until no other transaction holds the lock `name`, and holds it until this transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"mailer:{name}", 0))))


def share_send_lock(conn: Connection, send_id: int) -> None:
    """Waits until no transaction holds the lock of the send alone: until this one ends, its state does not change."""
    if conn.dialect.name == "postgresql":
        _SHARE.run(conn, send_id)


def lock_send_alone(conn: Connection, send_id: int) -> None:
    """Waits until no other transaction holds the lock of the send, and keeps all others out until this one ends."""
    if conn.dialect.name == "postgresql":
        _ALONE.run(conn, send_id)


_SENDS: ColumnElement[int] = literal_column(
    "1802661742"
)  # the first of two keys; locks with two keys are a space of their own
_SHARE = CompiledStatement(select(func.pg_advisory_xact_lock_shared(_SENDS, param("send"))), "send")
_ALONE = CompiledStatement(select(func.pg_advisory_xact_lock(_SENDS, param("send"))), "send")
