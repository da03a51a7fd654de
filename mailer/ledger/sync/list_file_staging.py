"""Stages the rows of a list file in temporary tables, so that the database can compare them with the ledger as sets.

A StagedList is two temporary tables of a ScratchConnection: a row for each member of the file, at the first line, with the
strictest status of all their rows and the date of an opt-out (`left_at`), and the later rows (`again`). Rows stream in; none
stays in memory. An erased subscriber is staged under the pseudonym, without address and fields.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from mailer.csv.columns.header_row import EMAIL
from mailer.csv.reader import PlainRow, RowBatch
from mailer.csv.rows import Member, Status
from mailer.ledger.privacy.pseudonyms import ErasedAddresses
from mailer.ledger.store.compiled_statements import BulkInsert

_TEMPLATES = 1_000  # cached, one for each set of filled fields
_NewRow = tuple[int, str, str | None, str, str | None, float | None, float | None]
STOPS = tuple(sorted(status.value for status in Status if status.is_opt_out))


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateLine:
    """A later row of a member whose first row, on line `first`, counts."""

    line: int
    first: int
    identity: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedList:
    """The staged tables, the number of members, and the number of their later rows."""

    rows: Table
    again: Table
    people: int
    duplicates: int

    @property
    def address(self) -> ColumnElement[str]:
        return func.coalesce(self.rows.c.address, self.rows.c.identity)

    @property
    def status(self) -> ColumnElement[str]:
        return status_of(self.rows)

    def first_duplicates(self, conn: Connection, limit: int) -> Sequence[DuplicateLine]:
        query = select(self.again).order_by(self.again.c.line).limit(limit)
        return [
            DuplicateLine(line=row.line, first=row.first, identity=row.identity, status=Status(row.status))
            for row in conn.execute(query)
        ]


def status_of(rows: Table) -> ColumnElement[str]:
    return func.coalesce(rows.c.status, literal(Status.SUBSCRIBED.value))


def load(
    conn: Connection, number: int, batches: Iterable[RowBatch], *, since: str = "", dated: Sequence[str] = ()
) -> StagedList:
    """Stages every member of `batches`, with the fields to keep, the same for all of them.

    `since`: the field with the date of the status, if any; `dated`: fields that may have the date of an opt-out.
    `number` distinguishes the lists of one ScratchConnection.
    """
    metadata = MetaData()
    rows = Table(
        f"staged_{number}",
        metadata,
        Column("line", Integer, primary_key=True, autoincrement=False),
        Column("identity", Text, nullable=False),
        Column("address", Text),
        Column("fields", Text, nullable=False),
        Column("status", String(16)),
        Column("since", Float),
        Column("left_at", Float),
        prefixes=["TEMPORARY"],
    )
    again = Table(
        f"again_{number}",
        metadata,
        Column("line", Integer, primary_key=True, autoincrement=False),
        Column("first", Integer, nullable=False),
        Column("identity", Text, nullable=False),
        Column("status", String(16), nullable=False),
        Column("left_at", Float),
        prefixes=["TEMPORARY"],
    )
    conn.execute(text(f"DROP TABLE IF EXISTS {rows.name}"))
    conn.execute(text(f"DROP TABLE IF EXISTS {again.name}"))
    rows.create(conn)
    again.create(conn)
    _fill(conn, rows, batches, since, dated)
    duplicates = 0 if _index_unique(conn, rows) else _dedupe(conn, rows, again)
    if conn.dialect.name == "postgresql":
        conn.execute(text(f"ANALYZE {rows.name}"))
    people = conn.execute(select(func.count()).select_from(rows)).scalar_one()
    return StagedList(rows=rows, again=again, people=people, duplicates=duplicates)


def _fill(conn: Connection, table: Table, batches: Iterable[RowBatch], since: str, dated: Sequence[str]) -> None:
    """Fills the table. Default values stay NULL: they need not be bound and stored a million times."""
    usual = BulkInsert(table, "line", "identity", "fields")
    special = BulkInsert(table, "line", "identity", "address", "fields", "status", "since", "left_at")
    fields, erased = _Fields(), ErasedAddresses(conn)
    for batch in batches:
        plain = batch.plain
        if erased and plain:
            pseudonyms = {line: mark for line, identity, _ in plain if (mark := erased.marker(identity))}
            plain = [row for row in plain if row[0] not in pseudonyms]
            special.load(conn, [(line, mark, None, "{}", None, None, None) for line, mark in pseudonyms.items()])
        usual.load(conn, fields.fill(batch.names, plain))
        members = [row for row in batch.rows if isinstance(row, Member)]
        if members:
            special.load(conn, [_complex_row(member, fields, erased, since, dated) for member in members])


def _complex_row(
    member: Member, texts: "_Fields", erased: ErasedAddresses, since: str, dated: Sequence[str]
) -> _NewRow:
    line, (envelope, identity, display, _), fields, standing = member
    status = None if standing is Status.SUBSCRIBED else standing.value
    if erased and (mark := erased.marker(identity)):
        return line, mark, None, "{}", status, None, None
    when = left_at = None
    if since:
        when = read_date(fields.get(since, ""))
    if standing.is_opt_out:
        dates = (when, *(read_date(fields.get(name, "")) for name in dated))
        left_at = next((date for date in dates if date is not None and date > 0), None)
    if since:
        fields = {name: value for name, value in fields.items() if name != since}
    text = texts.write(fields, display if display != envelope else "")
    return line, identity, None if envelope == identity else envelope, text, status, when, left_at


class _Fields:
    """Fields written as JSON objects of the texts that are not empty.

    A template for each set of filled fields is cached, for values that need no escaping.
    """

    def __init__(self) -> None:
        self._templates: dict[tuple[bool, ...], str] = {}
        self._names: tuple[str, ...] = ()

    def fill(self, names: tuple[str, ...], rows: Sequence[PlainRow]) -> Iterator[tuple[int, str, str]]:
        """Yields plain rows, with their fields as text."""
        full = self._template(names, (True,) * len(names))
        for line, identity, values in rows:
            if all(values):
                yield line, identity, full % tuple(values)
            else:
                template = self._template(names, tuple(map(bool, values)))
                yield line, identity, template % tuple(filter(None, values))

    def write(self, fields: Mapping[str, str], display: str) -> str:
        """`display`: how an address is shown, if not as it is written."""
        values = tuple(filter(None, fields.values()))
        text = "".join(values)
        if display or '"' in text or "\\" in text:
            return _as_json(fields, display)
        return self._template(tuple(fields), tuple(map(bool, fields.values()))) % values

    def _template(self, names: tuple[str, ...], filled: tuple[bool, ...]) -> str:
        if names != self._names or len(self._templates) == _TEMPLATES:
            self._names = names
            self._templates.clear()
        found = self._templates.get(filled)
        if found is None:
            found = _as_json({name: "%s" for name, there in zip(names, filled, strict=True) if there}, "")
            self._templates[filled] = found
        return found


def _as_json(fields: Mapping[str, str], display: str) -> str:
    pairs = [f"{encode_basestring(name)}:{encode_basestring(value)}" for name, value in fields.items() if value]
    if display:
        pairs.append(f'"{EMAIL}":{encode_basestring(display)}')
    return f"{{{','.join(pairs)}}}"


def read_date(text: str) -> float | None:
    """Returns the time of an ISO date (its beginning) or ISO time, UTC if it has no zone; None for anything else."""
    try:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _index_unique(conn: Connection, rows: Table) -> bool:
    """Indexes the identities; whether each is there once, which a unique index finds out by itself."""
    try:
        with conn.begin_nested():
            Index(f"ix_{rows.name}", rows.c.identity, unique=True).create(conn)
    except IntegrityError:
        Index(f"ix_{rows.name}_twice", rows.c.identity).create(conn)
        return False
    return True


def _dedupe(conn: Connection, rows: Table, again: Table) -> int:
    """Keeps each person's first row; an opt-out of a later row becomes its status. Returns how many rows were removed."""
    firsts = (
        select(rows.c.identity, func.min(rows.c.line).label("first"))
        .group_by(rows.c.identity)
        .having(func.count() > 1)
        .subquery()
    )
    later = (
        select(rows.c.line, firsts.c.first, rows.c.identity, status_of(rows), rows.c.left_at)
        .join(firsts, firsts.c.identity == rows.c.identity)
        .where(rows.c.line > firsts.c.first)
    )
    conn.execute(insert(again).from_select(["line", "first", "identity", "status", "left_at"], later))
    count = conn.execute(select(func.count()).select_from(again)).scalar_one()
    if count:
        conn.execute(delete(rows).where(rows.c.line.in_(select(again.c.line))))
        firsts_no = (
            select(again.c.first, func.min(again.c.line).label("line"))
            .where(again.c.status.in_(STOPS))
            .group_by(again.c.first)
            .subquery()
        )
        conn.execute(
            update(rows)
            .where(rows.c.line == firsts_no.c.first, again.c.line == firsts_no.c.line, status_of(rows).not_in(STOPS))
            .values(status=again.c.status, left_at=again.c.left_at)
        )
    return int(count)
