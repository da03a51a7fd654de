"""Statements that run for every message: SQLAlchemy Core, compiled once for each database, executed by the driver.

SQLAlchemy's handling of parameters and rows costs more than the database's work when it comes with every message. So a
CompiledStatement keeps the compiled text, and passes values straight to the driver's cursor: in the order of `names`, as plain
values; rows are plain tuples. Exceptions of the driver propagate; the writer translates them.

    CompiledStatement(update(...).where(delivery.c.id == param("id")), "id").run(conn, 7)

`id_list(name)` is a list of ids within a statement, passed as a JSON array: `delivery.c.id.op("IN")(id_list("ids"))`.
`in_ids(column, numbers)` is the same condition with the numbers in it, however many: SQLite allows 32,766 parameters at most.
"""

import json
from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import chain, islice
from operator import itemgetter
from sqlite3 import SQLITE_LIMIT_VARIABLE_NUMBER
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Connection, Table, Text, bindparam, insert, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_Row = tuple[Any, ...]
_ROWS_AT_ONCE = 128  # rows in one INSERT


def param(name: str, like: object = 0) -> BindParameter[Any]:
    """Returns a parameter whose value is passed to `run`; `like` is a value of its type."""
    return bindparam(name, like)


class _Listed(FunctionElement[Any]):
    """The ids of a JSON array, as a subquery."""

    inherit_cache = True
    name = "listed"


@compiles(_Listed, "sqlite")
def _listed_sqlite(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"  # noqa: S608 - a placeholder


@compiles(_Listed, "postgresql")
def _listed_postgresql(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST({array} AS JSON)))"  # noqa: S608 - a placeholder


def id_list(name: str) -> FunctionElement[Any]:
    """Returns a subquery of the ids in the JSON array that is passed as `name`."""
    return _Listed(bindparam(name, "[]", type_=Text))


def encode_ids(numbers: Sequence[int]) -> str:
    """Returns `numbers` as a JSON array, as `id_list` takes them."""
    return json.dumps(list(numbers))


def in_ids(column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    """Whether `column` is one of `numbers`."""
    return column.bool_op("IN")(_Listed(literal(encode_ids(numbers), Text)))


class CompiledStatement:
    """A Core statement whose values are passed in the order of `names`."""

    def __init__(self, statement: ClauseElement, *names: str) -> None:
        self._statement = statement
        self._names = names
        self._compiled: dict[str, _Compiled] = {}

    def run(self, conn: Connection, *values: object) -> Any:
        """Executes it; returns the driver's cursor."""
        compiled = self._for(conn)
        cursor: Any = conn.connection.cursor()
        cursor.execute(compiled.text, compiled.in_order(values))
        return cursor

    def run_many(self, conn: Connection, rows: Iterable[_Row]) -> int:
        """Executes it for each of `rows`; returns how many rows of the database it affected.

        On PostgreSQL one by one: psycopg's executemany ends in a flush, after which the server does not start
        idle_in_transaction_session_timeout (seen with PostgreSQL 18 and psycopg 3.2).
        """
        if conn.dialect.name == "postgresql":
            return sum(int(self.run(conn, *row).rowcount) for row in rows)
        compiled = self._for(conn)
        cursor: Any = conn.connection.cursor()
        cursor.executemany(compiled.text, rows if compiled.in_given_order else map(compiled.in_order, rows))
        return int(cursor.rowcount)

    def _for(self, conn: Connection) -> "_Compiled":
        found = self._compiled.get(conn.dialect.name)
        if found is None:
            found = self._compiled[conn.dialect.name] = _Compiled(self._statement, self._names, conn)
        return found


class BulkInsert:
    """Inserts many rows into a table, as a stream of tuples of its `columns`."""

    def __init__(self, table: Table, *columns: str) -> None:
        self._insert = CompiledStatement(
            insert(table).values({name: param(f"_{name}") for name in columns}), *(f"_{name}" for name in columns)
        )
        listed_columns = ", ".join(columns)
        self._insert_into = f"INSERT INTO {table.name} ({listed_columns})"
        self._columns = columns
        self._copy = f"COPY {table.name} ({listed_columns}) FROM STDIN"
        self._populate = (
            f"{self._insert_into} SELECT {listed_columns}"  # noqa: S608 - names of our tables
            f" FROM json_populate_recordset(NULL::{table.name}, %s)"
        )

    def add(self, conn: Connection, rows: Iterable[_Row]) -> None:
        """Inserts a few `rows` in one statement."""
        if conn.dialect.name != "postgresql":
            self._insert.run_many(conn, rows)
            return
        cursor: Any = conn.connection.cursor()
        named = [dict(zip(self._columns, row, strict=True)) for row in rows]
        cursor.execute(self._populate, (json.dumps(named),))

    def load(self, conn: Connection, rows: Iterable[_Row]) -> None:
        """Inserts `rows`, on PostgreSQL by COPY."""
        if conn.dialect.name != "postgresql":
            self._load_sqlite(conn, rows)
            return
        raw: Any = conn.connection.dbapi_connection
        with raw.cursor().copy(self._copy) as copy:
            for row in rows:
                copy.write_row(row)

    def _load_sqlite(self, conn: Connection, rows: Iterable[_Row]) -> None:
        """Inserts many rows in each statement, which is half the work of one each."""
        raw: Any = conn.connection.dbapi_connection
        cursor = raw.cursor()
        size = min(_ROWS_AT_ONCE, raw.getlimit(SQLITE_LIMIT_VARIABLE_NUMBER) // len(self._columns))
        statement = self._insert_many(size)
        remaining = iter(rows)
        while group := list(islice(remaining, size)):
            if len(group) < size:
                self._insert.run_many(conn, group)
                return
            cursor.execute(statement, tuple(chain.from_iterable(group)))

    def _insert_many(self, count: int) -> str:
        places = ", ".join("?" * len(self._columns))
        return f"{self._insert_into} VALUES {', '.join([f'({places})'] * count)}"


class _Compiled:
    """The text for one dialect, and the position of each value in it."""

    def __init__(self, statement: ClauseElement, names: Sequence[str], conn: Connection) -> None:
        paramstyle = "qmark" if conn.dialect.name == "sqlite" else "format"
        make_dialect: Any = type(conn.dialect)
        compiled: Any = statement.compile(
            dialect=make_dialect(paramstyle=paramstyle), compile_kwargs={"render_postcompile": True}
        )
        self.text = str(compiled)
        places: list[int] = []
        constants: list[object] = []
        for name in compiled.positiontup:
            if name in names:
                places.append(names.index(name))
            else:
                places.append(len(names) + len(constants))
                constants.append(_plain(compiled.params[name]))
        unused = set(range(len(names))) - set(places)
        if unused:
            raise ValueError(f"the statement has no {', '.join(names[n] for n in sorted(unused))}")
        self._constants = tuple(constants)
        self._pick = itemgetter(*places) if len(places) > 1 else None
        self.in_given_order = places == list(range(len(names)))

    def in_order(self, values: _Row) -> _Row:
        if self.in_given_order:
            return values
        if self._pick is None:
            return self._constants
        return self._pick(values + self._constants)  # type: ignore[no-any-return]


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value
