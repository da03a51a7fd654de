"""A list as it stands: counted, a page of it, all of it as CSV. What a send would see now; nothing is recorded.

Raises UsageError for a list or an expression that is wrong, ListError, LedgerError.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from mailer.app import App
from mailer.csv.columns import EMAIL, SINCE, STATUS
from mailer.csv.export import write_export
from mailer.csv.reader import open_list
from mailer.csv.rows import Status
from mailer.ledger.sends.audience import AudienceRow, count, listed
from mailer.ledger.sends.audience_query import Audience, AudienceSpec
from mailer.ledger.types.subscribers import LeavingReason, SyncPlan, SyncRecord
from mailer.service.lists.readers import audience_spec, lists_in
from mailer.service.lists.sync import synced_lists
from mailer.timestamps import iso

SYNCS = 10  # of the history that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOverview:
    """`reasons`: "" for those who would be mailed, else why not. `page`: the first of them; `syncs`: the newest first.

    `left_because`: how many of the list's people said why they left everything.
    """

    list: str
    where: str
    reasons: Mapping[str, int]
    page: tuple[AudienceRow, ...]
    syncs: tuple[SyncRecord, ...]
    left_because: Mapping[LeavingReason, int]

    @property
    def members(self) -> int:
        return sum(self.reasons.values())


def show_list(app: App, name: str, *, where: str = "", limit: int = 50) -> ListOverview:
    """Count the members of `name` that `where` selects, and read the first `limit` of them."""
    selection, fields = _selected(app, name, where)
    audience = Audience(selection=selection, fields=fields)
    now = app.clock()
    with synced_lists(app, lists_in(selection), record=False, allow_removals=True) as lists:
        counted = count(lists.conn, audience, at=now)
        page = tuple(listed(lists.conn, audience, at=now, limit=limit)) if limit else ()
        syncs = lists.ledger.syncs.history(name)[:SYNCS]
        why = lists.ledger.preferences.count_reasons(name)
    return ListOverview(
        list=name, where=where.strip(), reasons=counted.reasons, page=page, syncs=syncs, left_because=why
    )


def export_list(app: App, name: str, out: IO[str], *, where: str = "", raw: bool = False) -> int:
    """Write the members of `name` to `out` as CSV: the file's fields as they stand, status and since. How many."""
    selection, fields = _selected(app, name, where)
    others = [field for field in fields if field not in {EMAIL, STATUS, SINCE}]
    audience = Audience(selection=selection, fields=(EMAIL, *others))
    zone = app.settings.timezone

    def rows(found: Iterator[AudienceRow]) -> Iterator[list[str]]:
        for each in found:
            since = dt.datetime.fromtimestamp(each.joined_at, zone).date().isoformat()
            values = [each.fields.get(field, "") for field in (EMAIL, *others)]
            yield [*values, each.reason or Status.SUBSCRIBED.value, since]

    with synced_lists(app, lists_in(selection), record=False, allow_removals=True) as lists:
        found = listed(lists.conn, audience, at=app.clock())
        return write_export(out, (EMAIL, *others, STATUS, SINCE), rows(found), raw=raw)


def roster_object(roster: ListOverview) -> dict[str, object]:
    """The JSON of `list show`."""
    return {
        "list": roster.list,
        "where": roster.where,
        "members": roster.members,
        "to_mail": roster.reasons.get("", 0),
        "reasons": [{"reason": reason, "count": count} for reason, count in sorted(roster.reasons.items()) if reason],
        "left_because": [{"reason": why.value, "count": count} for why, count in roster.left_because.items()],
        "page": [
            {"email": each.address, "reason": each.reason, "joined": iso(each.joined_at), "fields": dict(each.fields)}
            for each in roster.page
        ],
        "syncs": [
            {"sync": each.sync, "at": iso(each.at), "by": each.by, "undo_of": each.undo_of, **each.counts}
            for each in roster.syncs
        ],
    }


def plan_object(plan: SyncPlan, *, planned: bool) -> dict[str, object]:
    """The JSON of `list sync` and `list undo`."""
    return {
        "list": plan.list,
        "sync": plan.sync,
        "planned": planned,
        **plan.counts,
        "encoding_changed": plan.encoding_changed,
        "first_joined": [{"line": each.line, "email": each.identity} for each in plan.first_joined],
        "first_changed": [
            {
                "line": each.line,
                "email": each.identity,
                "changes": [{"field": name, "before": old, "after": new} for name, (old, new) in each.fields.items()],
            }
            for each in plan.first_changed
        ],
        "first_removed": list(plan.first_removed),
        "first_blocked": [{"line": each.line, "email": each.identity, "why": each.why} for each in plan.first_blocked],
        "findings": list(plan.findings),
    }


def _selected(app: App, name: str, where: str) -> tuple[AudienceSpec, tuple[str, ...]]:
    """The selection, and the fields that the list has."""
    columns = open_list(app.workspace.list_file(name), name).columns
    return audience_spec(app, [name], where=where), tuple(field for field in columns.names if field)
