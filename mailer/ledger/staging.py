"""The rows of a list file, laid out beside the ledger so that it can compare them as sets.

A StagedList is one temporary table of a Bench: a row for each person in the file, at the first line of theirs, with the
status that all their rows come to (a no on any of them counts), and a table of the rows that came `again`. Rows stream in;
nothing of them stays in memory. Who was erased is laid out under the marker, without address and fields.
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

from mailer.audience.columns import EMAIL
from mailer.audience.row import Member, Status
from mailer.ledger.erasure import Erased
from mailer.ledger.statement import Rows

_TEMPLATES = 1_000  # of rows with other fields filled, that are remembered
_NewRow = tuple[int, str, str | None, str, str | None, float | None]
STOPS = tuple(sorted(status.value for status in Status if status.stops))


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A later row of somebody who stands on line `first`, which counts."""

    line: int
    first: int
    identity: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedList:
    """What was laid out: how many people, how many later rows of theirs."""

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

    def first_duplicates(self, conn: Connection, limit: int) -> Sequence[Again]:
        query = select(self.again).order_by(self.again.c.line).limit(limit)
        return [
            Again(line=row.line, first=row.first, identity=row.identity, status=Status(row.status))
            for row in conn.execute(query)
        ]


def status_of(rows: Table) -> ColumnElement[str]:
    return func.coalesce(rows.c.status, literal(Status.SUBSCRIBED.value))


def stage(conn: Connection, number: int, members: Iterable[Member], *, since: str = "") -> StagedList:
    """Lay out `members`, every row of the file with an address, with the fields to keep, the same for all of them.

    `since`: the field that says since when, if one does. `number` tells the lists of one Bench apart.
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
        prefixes=["TEMPORARY"],
    )
    again = Table(
        f"again_{number}",
        metadata,
        Column("line", Integer, primary_key=True, autoincrement=False),
        Column("first", Integer, nullable=False),
        Column("identity", Text, nullable=False),
        Column("status", String(16), nullable=False),
        prefixes=["TEMPORARY"],
    )
    conn.execute(text(f"DROP TABLE IF EXISTS {rows.name}"))
    conn.execute(text(f"DROP TABLE IF EXISTS {again.name}"))
    rows.create(conn)
    again.create(conn)
    Rows(rows, "line", "identity", "address", "fields", "status", "since").load(
        conn, _as_rows(members, Erased(conn), since)
    )
    Index(f"ix_{rows.name}", rows.c.identity).create(conn)
    if conn.dialect.name == "postgresql":
        conn.execute(text(f"ANALYZE {rows.name}"))
    duplicates = _fold(conn, rows, again)
    people = conn.execute(select(func.count()).select_from(rows)).scalar_one()
    return StagedList(rows=rows, again=again, people=people, duplicates=duplicates)


def _as_rows(members: Iterable[Member], erased: Erased, since: str) -> Iterator[_NewRow]:
    """What is as usual stays NULL: it need not be bound and stored a million times."""
    anybody_erased, subscribed = bool(erased), Status.SUBSCRIBED
    templates: dict[tuple[bool, ...], str] = {}
    template, full = "{}", -1  # of a row whose fields are all filled; how many those are
    for line, (envelope, identity, display, _), fields, standing in members:
        status = None if standing is subscribed else standing.value
        address = None if envelope == identity else envelope
        if anybody_erased and (mark := erased.marker(identity)):
            yield line, mark, None, "{}", status, None
            continue
        when = None
        if since:
            when = read_date(fields.get(since, ""))
            fields = {name: value for name, value in fields.items() if name != since}  # noqa: PLW2901 - what is left of it
        values = tuple(filter(None, fields.values()))
        text = "".join(values)
        if display != envelope or '"' in text or "\\" in text:
            yield line, identity, address, _as_json(fields, display if display != envelope else ""), status, when
        elif len(values) == full:
            yield line, identity, address, template % values, status, when
        else:
            filled = tuple(map(bool, fields.values()))
            if filled not in templates:
                if len(templates) == _TEMPLATES:
                    templates.clear()
                templates[filled] = _as_json({name: value and "%s" for name, value in fields.items()}, "")
            if len(values) == len(fields):
                template, full = templates[filled], len(values)
            yield line, identity, address, templates[filled] % values, status, when


def _as_json(fields: Mapping[str, str], display: str) -> str:
    """An object of the texts that are not empty. `display`: how an address is shown, if not as it is written."""
    pairs = [f"{encode_basestring(name)}:{encode_basestring(value)}" for name, value in fields.items() if value]
    if display:
        pairs.append(f'"{EMAIL}":{encode_basestring(display)}')
    return f"{{{','.join(pairs)}}}"


def read_date(text: str) -> float | None:
    """The beginning of an ISO date, or an ISO time, UTC unless it says; None for anything else."""
    try:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _fold(conn: Connection, rows: Table, again: Table) -> int:
    """Leave each person's first row; a no of a later one becomes its status. How many rows went."""
    firsts = (
        select(rows.c.identity, func.min(rows.c.line).label("first"))
        .group_by(rows.c.identity)
        .having(func.count() > 1)
        .subquery()
    )
    later = (
        select(rows.c.line, firsts.c.first, rows.c.identity, status_of(rows))
        .join(firsts, firsts.c.identity == rows.c.identity)
        .where(rows.c.line > firsts.c.first)
    )
    conn.execute(insert(again).from_select(["line", "first", "identity", "status"], later))
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
            .values(status=again.c.status)
        )
    return int(count)
