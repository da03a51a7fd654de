"""Compares two staged lists, a list and a file to be appended: which of the file's members the list has, and which are new.

All of it is queries over the temporary tables of a ScratchConnection, and streams. Erased subscribers are in neither result.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, func, select, type_coerce

from mailer.csv.rows import Status
from mailer.ledger.privacy.pseudonyms import PREFIX
from mailer.ledger.store.tables import list_, member, suppression
from mailer.ledger.sync.list_file_staging import StagedList
from mailer.ledger.types.syncs import SHOWN, BlockedRow

_PAGE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingRow:
    """A member of the file who is on `line` of the list. `fields` and `status`: in the file; `had`, `was`: in the list."""

    line: int
    identity: str
    fields: Mapping[str, str] = field(repr=False)
    had: Mapping[str, str] = field(repr=False)
    status: Status
    was: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """A member of the file who is not in the list."""

    address: str
    fields: Mapping[str, str] = field(repr=False)
    status: Status
    since: float | None


def existing_rows(conn: Connection, listed: StagedList, given: StagedList) -> Iterator[ExistingRow]:
    """Yields the known members of the file, in the order of the list."""
    here, there = listed.rows, given.rows
    query = (
        select(
            here.c.line,
            here.c.identity,
            there.c.fields,
            here.c.fields.label("had"),
            given.status.label("status"),
            listed.status.label("was"),
        )
        .join(there, there.c.identity == here.c.identity)
        .where(~here.c.identity.startswith(PREFIX))
        .order_by(here.c.line)
    )
    for row in conn.execute(query.execution_options(yield_per=_PAGE)):
        yield ExistingRow(
            line=row.line,
            identity=row.identity,
            fields=json.loads(row.fields),
            had=json.loads(row.had),
            status=Status(row.status),
            was=Status(row.was),
        )


def new_rows(conn: Connection, listed: StagedList, given: StagedList) -> Iterator[NewRow]:
    """Yields the new members of the file, in its order."""
    here, there = listed.rows, given.rows
    query = (
        select(given.address.label("address"), there.c.fields, given.status.label("status"), there.c.since)
        .join(here, here.c.identity == there.c.identity, isouter=True)
        .where(here.c.line.is_(None), ~there.c.identity.startswith(PREFIX))
        .order_by(there.c.line)
    )
    for row in conn.execute(query.execution_options(yield_per=_PAGE)):
        yield NewRow(address=row.address, fields=json.loads(row.fields), status=Status(row.status), since=row.since)


def count_erased(conn: Connection, given: StagedList) -> int:
    """Counts the erased subscribers in the file."""
    query = select(func.count()).where(given.rows.c.identity.startswith(PREFIX))
    return int(conn.execute(query).scalar_one())


def count_suppressed_members(conn: Connection, name: str, given: StagedList) -> dict[str, int]:
    """Counts the members of the list `name` whom the file has as subscribed, and who get no mail, by the suppression."""
    reason, query = _suppressed_members(name, given)
    counted = query.add_columns(func.count().label("number")).group_by(reason).order_by(reason)
    return {row.reason: row.number for row in conn.execute(counted)}


def first_suppressed_members(conn: Connection, name: str, given: StagedList) -> tuple[BlockedRow, ...]:
    """Returns the first of these members, by the lines of the file."""
    _, query = _suppressed_members(name, given)
    rows = conn.execute(
        query.add_columns(given.rows.c.line, given.rows.c.identity).order_by(given.rows.c.line).limit(SHOWN)
    )
    return tuple(BlockedRow(line=row.line, identity=row.identity, why=row.reason, joins=False) for row in rows)


def _suppressed_members(name: str, given: StagedList) -> tuple[ColumnElement[Any], Select[Any]]:
    """Returns the reason of a suppression, and the query of the members with it."""
    rows, reason = given.rows, type_coerce(suppression.c.reason, Text).label("reason")
    query = (
        select(reason)
        .select_from(rows)
        .join(suppression, suppression.c.identity == rows.c.identity)
        .join(member, and_(member.c.identity == rows.c.identity, member.c.removed_at.is_(None)))
        .join(list_, and_(list_.c.id == member.c.list_id, list_.c.name == name))
        .where(given.status == Status.SUBSCRIBED.value, ~rows.c.identity.startswith(PREFIX))
    )
    return reason, query


def has_status_word(conn: Connection, given: StagedList) -> bool:
    """Whether any row of the file has a status other than subscribed."""
    return conn.execute(select(given.rows.c.line).where(given.rows.c.status.is_not(None)).limit(1)).first() is not None
