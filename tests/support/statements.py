"""Compiled SQL statements, kept for all ledgers of a process.

SQLAlchemy keeps what it compiled for one engine, and each test has engines of its own: compiling each statement again took a
third of the time of a test on SQLite, a tenth on PostgreSQL.

share_compiled_statements()     from now on, in this process and what is forked from it
"""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

MOST = 1500  # statements, of some 100 kB each


class _Statements(LRUCache[Any, Any]):
    """By the kind of dialect, where SQLAlchemy asks by the dialect of one engine: those of one kind are set up alike."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_by_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_by_kind(key), compiled)


def _by_kind(key: Any) -> Any:
    dialect, *rest = key
    return (type(dialect), *rest)


def share_compiled_statements() -> None:
    statements = _Statements(MOST)

    @event.listens_for(Engine, "engine_connect")
    def use_them(connection: Connection) -> None:
        connection.execution_options(compiled_cache=statements)
