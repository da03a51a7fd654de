"""Exports the members of a list as CSV, as a send would see them now. Records nothing.

Raises UsageError for an unknown list or an invalid expression, ListError, LedgerError.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from mailer.app import App
from mailer.csv.columns.header_row import EMAIL, SINCE, STATUS
from mailer.csv.formula_safe_writer import ExportCounts, write_export
from mailer.csv.rows import Status
from mailer.ledger.sends.audience import AudienceRow, listed
from mailer.ledger.sends.audience_query import Audience
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.service.lists.audience_selection import lists_in
from mailer.service.lists.overview import select_members
from mailer.service.lists.sync_before_query import ListSource, synced_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class ListExport(ExportCounts):
    """The numbers of an export; `statuses`: of its rows by status."""

    statuses: Mapping[str, int]


def export_list(app: App, name: str, out: IO[str], *, where: str = "", raw: bool = False) -> ListExport:
    """Writes the members of `name` to `out` as CSV: the file's fields, status and since."""
    selection, fields = select_members(app, name, where)
    others = [field for field in fields if field not in {EMAIL, STATUS, SINCE}]
    audience = Audience(selection=selection, fields=(EMAIL, *others))
    zone = app.settings.timezone
    statuses: Counter[str] = Counter()

    def rows(found: Iterator[AudienceRow]) -> Iterator[list[str]]:
        for each in found:
            since = dt.datetime.fromtimestamp(each.joined_at, zone).date().isoformat()
            values = [each.fields.get(field, "") for field in (EMAIL, *others)]
            status = status_word(each.reason)
            statuses[status] += 1
            yield [*values, status, since]

    with synced_lists(app, lists_in(selection), ListSource.FILE, allow_removals=True) as lists:
        found = listed(lists.conn, audience, at=app.clock())
        counts = write_export(out, (EMAIL, *others, STATUS, SINCE), rows(found), raw=raw)
    return ListExport(rows=counts.rows, escaped=counts.escaped, statuses=statuses)


def status_word(reason: str) -> str:
    """Returns a word that reading a list knows; an address that an admin blocked is unsubscribed, an unknown status paused."""
    if reason == SuppressionReason.BY_HAND:
        return Status.UNSUBSCRIBED.value
    if reason == Status.UNKNOWN:
        return Status.PAUSED.value
    return reason or Status.SUBSCRIBED.value
