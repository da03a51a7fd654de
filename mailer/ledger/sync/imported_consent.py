"""Evidence of consent from another tool, as a list file brings it.

    keep_imported(conn, diff, columns, form=…)    stores the evidence in these columns
    forget_imported(conn, list_id, forms)         removes the evidence from syncs that are undone

It is stored verbatim, for members who join by the file or whose row changes, once for each text. `form` names the file and its
sync. The time is that of a column with an ISO date, or else of the sync. No confirmation is awaited.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, or_, select

from mailer.ledger.store.compiled_statements import BulkInsert
from mailer.ledger.store.expressions import IMPORTED
from mailer.ledger.store.tables import consent
from mailer.ledger.sync.diff import NEW, RETURNS, SyncDiff
from mailer.ledger.sync.list_file_staging import read_date

_PAGE = 1_000
_ROWS = BulkInsert(consent, "identity", "list_id", "at", "form", "words", "confirmed_at")
_NewRow = tuple[str, int, float, str, str, float | None]


def source_label(name: str, sync: int) -> str:
    """Returns the `form` of consents from sync number `sync` of the list `name`."""
    return f"{IMPORTED}{name}.csv, sync {sync}"


def keep_imported(conn: Connection, diff: SyncDiff, columns: Mapping[str, str], *, form: str) -> None:
    """Keep what `columns` say: what we call it -> the field that has it (audience.columns)."""
    if not columns:
        return
    for page in conn.execute(_changed_rows(diff).execution_options(yield_per=_PAGE)).partitions():
        _ROWS.load(conn, list(_evidence(page, diff, columns, form)))
    if not diff.is_first:
        _delete_duplicates(conn, diff, form)


def forget_imported(conn: Connection, list_id: int, forms: Collection[str]) -> None:
    conn.execute(delete(consent).where(consent.c.list_id == list_id, consent.c.form.in_(forms)))


def _changed_rows(diff: SyncDiff) -> Select[Any]:
    """Returns the rows that are new or changed, in the order of the file."""
    rows, met = diff.staged.rows, diff.changed
    query = select(rows.c.identity, rows.c.fields).order_by(rows.c.line)
    if diff.is_first:
        return query
    return query.join(met, met.c.line == rows.c.line).where(or_(met.c.arrives.in_([NEW, RETURNS]), met.c.changed))


def _evidence(rows: Iterable[Row[Any]], diff: SyncDiff, columns: Mapping[str, str], form: str) -> Iterator[_NewRow]:
    for row in rows:
        fields = json.loads(row.fields)
        evidence = {called: fields[name] for called, name in columns.items() if name in fields}
        if evidence:
            asked, confirmed = (
                _past_timestamp(evidence.get(called, ""), diff.at) for called in ("opted_in_at", "confirmed_at")
            )
            words = "; ".join(f"{called}: {value}" for called, value in evidence.items())
            yield row.identity, diff.list_id, diff.at if asked is None else asked, form, words, confirmed


def _past_timestamp(text: str, now: float) -> float | None:
    found = read_date(text)
    return found if found is not None and found <= now else None


def _delete_duplicates(conn: Connection, diff: SyncDiff, form: str) -> None:
    older = consent.alias()
    known = exists().where(
        older.c.identity == consent.c.identity,
        older.c.list_id == diff.list_id,
        older.c.words == consent.c.words,
        older.c.id < consent.c.id,
    )
    conn.execute(delete(consent).where(consent.c.list_id == diff.list_id, consent.c.form == form, known))
