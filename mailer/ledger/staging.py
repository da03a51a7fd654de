"""The rows of a list file, laid out beside the ledger so that it can compare them as sets.

A StagedList is one temporary table of a Bench: a row for each person in the file, at the first line of theirs, with the
status that all their rows come to (a no on any of them counts), and a table of the rows that came `again`. Rows stream in;
nothing of them stays in memory. Who was erased is laid out under the marker, without address and fields.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring

from sqlalchemy import (
    Column,
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
    select,
    text,
    update,
)

from mailer.audience.columns import EMAIL
from mailer.audience.row import Member, Status
from mailer.ledger.erasure import Erased
from mailer.ledger.statement import Rows

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

    def first_duplicates(self, conn: Connection, limit: int) -> Sequence[Again]:
        query = select(self.again).order_by(self.again.c.line).limit(limit)
        return [
            Again(line=row.line, first=row.first, identity=row.identity, status=Status(row.status))
            for row in conn.execute(query)
        ]


def stage(conn: Connection, number: int, members: Iterable[Member], *, status: str = "", since: str = "") -> StagedList:
    """Lay out `members`, every row of the file with an address. `status` and `since`: the fields that say so, if any.

    `number` tells the lists of one Bench apart.
    """
    metadata = MetaData()
    rows = Table(
        f"staged_{number}",
        metadata,
        Column("line", Integer, primary_key=True, autoincrement=False),
        Column("identity", Text, nullable=False),
        Column("address", Text, nullable=False),
        Column("fields", Text, nullable=False),
        Column("status", String(16), nullable=False),
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
        conn, _as_rows(members, Erased(conn), status, since)
    )
    Index(f"ix_{rows.name}", rows.c.identity).create(conn)
    if conn.dialect.name == "postgresql":
        conn.execute(text(f"ANALYZE {rows.name}"))
    duplicates = _fold(conn, rows, again)
    people = conn.execute(select(func.count()).select_from(rows)).scalar_one()
    return StagedList(rows=rows, again=again, people=people, duplicates=duplicates)


def _as_rows(
    members: Iterable[Member], erased: Erased, status: str, since: str
) -> Iterator[tuple[int, str, str, str, str, float | None]]:
    names: dict[str, str] = {}
    anybody_erased, left_out = bool(erased), {status, since}
    for member in members:
        address = member.address
        if anybody_erased and (mark := erased.marker(address.identity)):
            yield member.line, mark, mark, "{}", member.status.value, None
            continue
        parts = []
        for name, value in member.fields.items():
            if not value or name in left_out or (name == EMAIL and value == address.envelope):
                continue
            key = names.get(name)
            if key is None:
                key = names[name] = encode_basestring(name)
            parts.append(f"{key}:{encode_basestring(value)}")
        fields = f"{{{','.join(parts)}}}"
        when = read_date(member.fields.get(since, "")) if since else None
        yield member.line, address.identity, address.envelope, fields, member.status.value, when


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
        select(rows.c.line, firsts.c.first, rows.c.identity, rows.c.status)
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
            .where(rows.c.line == firsts_no.c.first, again.c.line == firsts_no.c.line, rows.c.status.not_in(STOPS))
            .values(status=again.c.status)
        )
    return int(count)
