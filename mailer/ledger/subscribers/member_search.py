"""The members of a list, page by page, with search and counts, including changes since the last sync.

    member_search.page(name)                by address, from the beginning
    member_search.page(name, "ana", after)  members that match “ana”, after the previous page
    member_search.count(name)               how many there are, and why some are not mailed

A page is fast for any length of the list: it is read along an index, and a search scans at most WINDOW members after those
whose address begins with the words. If that was not all of them, `next` is where to continue, even if the page is empty. The
search covers the address and the fields, ignoring case.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, exists, func, or_, select, type_coerce

from mailer.ledger.store.expressions import effective_status
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import IS_APART, list_, member, suppression
from mailer.ledger.types.subscribers import NO_LINE
from mailer.line_sanitizer import clean_line

PAGE = 50
WINDOW = 50_000  # members that one page of a search scans
_CANDIDATES = 400  # that one page compares exactly
LONGEST = 100  # characters of the search words
_BY_ADDRESS, _ANYWHERE = "a", "m"
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A member. `reason`: why not mailed, or ""; `line` in the file; None: not in the file yet."""

    identity: str
    address: str
    fields: Mapping[str, str] = field(repr=False)
    reason: str
    joined_at: float
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPage:
    """`next`: where the next page begins, "" at the end. `searched`: the fraction of the list that was scanned."""

    members: tuple[MemberRow, ...]
    next: str = ""
    searched: float = 1.0


class MemberSearch:
    """Searches the members of one ledger. Raises LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def page(self, name: str, words: str = "", after: str = "", *, limit: int = PAGE) -> MemberPage:
        """Returns up to `limit` members of the list `name`. An invalid `after` starts at the beginning."""
        wanted = " ".join(unicodedata.normalize("NFC", clean_line(words)).split())[:LONGEST]
        kind, _, place = clean_line(after).partition(":")
        with self._context.database.reading() as conn:
            list_id = conn.execute(select(list_.c.id).where(list_.c.name == name)).scalar()
            if list_id is None:
                return MemberPage(members=())
            reader = _PageQuery(conn, list_id, self._context.clock(), limit)
            if kind == _ANYWHERE and wanted and place.isdecimal() and len(place) < 16:
                return reader.by_any_field(wanted, int(place), ())
            found = reader.by_address(wanted, place if kind == _BY_ADDRESS else "")
            if found.next or not wanted:
                return found
            return reader.by_any_field(wanted, 0, found.members)

    def count(self, name: str) -> dict[str, int]:
        """Counts the members by reason: "" for those who are mailed, else why not."""
        with self._context.database.reading() as conn:
            list_id = conn.execute(select(list_.c.id).where(list_.c.name == name)).scalar()
            return {} if list_id is None else count_by_reason(conn, list_id, self._context.clock())


class _PageQuery:
    """Pages of one list on one connection."""

    def __init__(self, conn: Connection, list_id: int, at: float, limit: int) -> None:
        self._conn = conn
        self._list_id = list_id
        self._at = at
        self._limit = limit
        self._is_postgresql = conn.dialect.name == "postgresql"

    def by_address(self, beginning: str, after: str) -> MemberPage:
        """Returns members by the beginning of their address, in its order."""
        identity, low = self._collate_c(member.c.identity), beginning.casefold()
        query = self._query().where(
            identity > after if after > low else identity >= low
        )  # one bound: SQLite uses only one
        if beginning:
            query = query.where(identity < low + _LAST)
        query = query.order_by(identity)
        rows = self._conn.execute(query.limit(self._limit + 1)).all()
        shown = tuple(map(_member_row, rows[: self._limit]))
        more = len(rows) > self._limit
        return MemberPage(members=shown, next=f"{_BY_ADDRESS}:{shown[-1].identity}" if more else "")

    def by_any_field(self, words: str, after: int, before: tuple[MemberRow, ...]) -> MemberPage:
        """Returns members with the words elsewhere, in the order of their ids, after those of `before`."""
        last = self._conn.execute(select(func.max(member.c.id))).scalar() or 0
        end, low = min(after + WINDOW, last), words.casefold()
        query = self._query(along="id").where(member.c.id > after, member.c.id <= end, self._candidates(words))
        room = self._limit - len(before)
        found: list[MemberRow] = []
        rows = self._conn.execute(query.order_by(member.c.id).limit(_CANDIDATES)).all()
        if len(rows) == _CANDIDATES:
            end = rows[-1].id
        for row in rows:
            each = _member_row(row)
            if not each.identity.startswith(low) and _has(each, low):
                found.append(each)
            if len(found) >= room:
                end = row.id
                break
        return MemberPage(
            members=(*before, *found),
            next=f"{_ANYWHERE}:{end}" if end < last else "",
            searched=end / last if last else 1.0,
        )

    def _query(self, *, along: str = "identity") -> Select[Any]:
        """Returns the query; `along` id, it must not use an index that begins with list_id."""
        list_id: Any = member.c.list_id + 0 if along == "id" else member.c.list_id
        return (
            select(
                member.c.id,
                member.c.identity,
                member.c.address,
                member.c.fields,
                member.c.profile,
                member.c.joined_at,
                member.c.line,
                effective_status(self._at).label("status"),
                type_coerce(suppression.c.reason, Text).label("suppressed"),
            )
            .join(suppression, suppression.c.identity == member.c.identity, isouter=True)
            .where(list_id == self._list_id, member.c.removed_at.is_(None))
        )

    def _collate_c(self, column: Any) -> Any:
        return column.collate("C") if self._is_postgresql else column

    def _candidates(self, words: str) -> ColumnElement[bool]:
        """Returns a condition for all matches and some others: the fields are one text, names and values."""
        written = json.dumps(words, ensure_ascii=False)[1:-1]
        return or_(
            member.c.identity.contains(words.casefold(), autoescape=True),
            self._contains(member.c.fields, written),
            and_(member.c.profile != "{}", self._contains(member.c.profile, written)),
        )

    def _contains(self, column: Any, text: str) -> ColumnElement[bool]:
        if self._is_postgresql:
            return column.icontains(text, autoescape=True)  # type: ignore[no-any-return]
        forms = {_plain(form): form for form in (text, text.lower(), text.upper(), text.title())}
        return or_(*(column.contains(form, autoescape=True) for form in forms.values()))


def _plain(text: str) -> str:
    """Returns the text as SQLite compares it, which folds only A to Z."""
    return "".join(character.lower() if character.isascii() else character for character in text)


def _member_row(row: Row[Any]) -> MemberRow:
    values: dict[str, str] = {**json.loads(row.fields), **json.loads(row.profile)}
    return MemberRow(
        identity=row.identity,
        address=row.address,
        fields={name: value for name, value in values.items() if value},
        reason=row.suppressed or ("" if row.status == "subscribed" else row.status),
        joined_at=row.joined_at,
        line=None if row.line == NO_LINE else row.line,
    )


def _has(each: MemberRow, low: str) -> bool:
    texts: Iterable[str] = (each.identity, each.address, *each.fields.values())
    return any(low in text.casefold() for text in texts)


def count_by_reason(conn: Connection, list_id: int, at: float) -> dict[str, int]:
    """Counts the members of a list as `MemberSearch.count` does: by indexes alone, since few are not simply subscribed."""
    mine, on_no_line = member.c.list_id == list_id, member.c.line == NO_LINE
    there = member.c.removed_at.is_(None)
    in_file = select(func.count()).where(mine, member.c.line < NO_LINE)
    beside = select(func.count()).where(mine, on_no_line, there)
    total = conn.execute(in_file).scalar_one() + conn.execute(beside).scalar_one()
    reason = type_coerce(suppression.c.reason, Text)
    is_member = exists().where(mine, member.c.identity == suppression.c.identity, there)
    suppressed = select(reason, func.count()).select_from(suppression).where(is_member).group_by(reason)
    status = effective_status(at)
    apart = (
        select(status, func.count())
        .select_from(member)
        .join(suppression, suppression.c.identity == member.c.identity, isouter=True)
        .where(mine, there, IS_APART, suppression.c.identity.is_(None))
        .group_by(status)
    )
    counts: dict[str, int] = {}
    for why, number in (*conn.execute(suppressed), *conn.execute(apart)):
        if why != "subscribed":
            counts[why] = counts.get(why, 0) + number
    return {"": total - sum(counts.values()), **counts}
