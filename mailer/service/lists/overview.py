"""The members of a list: counted by why they are not mailed, and the first of them, as a send would see them now; and the
totals of all lists. Records nothing.

Raises UsageError for an unknown list or an invalid expression, ListError, LedgerError.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.app import App
from mailer.csv.reader import open_list
from mailer.iso_time import format_iso
from mailer.ledger.sends.audience import AudienceRow, count, listed
from mailer.ledger.sends.audience_query import Audience, AudienceSpec
from mailer.ledger.types.subscribers import LeavingReason
from mailer.ledger.types.syncs import SyncRecord
from mailer.service.lists.audience_selection import audience_spec, lists_in
from mailer.service.lists.sync_before_query import ListSource, synced_lists

SYNCS = 10  # syncs that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOverview:
    """`reasons`: "" for those who would be mailed, else why not. `page`: the first of them; `syncs`: the newest first.

    `left_because`: how many of the list's members gave which reason for leaving.
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
    """Counts the members of `name` that match `where`, and reads the first `limit` of them."""
    selection, fields = select_members(app, name, where)
    audience = Audience(selection=selection, fields=fields)
    now = app.clock()
    with synced_lists(app, lists_in(selection), ListSource.FILE, allow_removals=True) as lists:
        counted = count(lists.conn, audience, at=now)
        page = tuple(listed(lists.conn, audience, at=now, limit=limit)) if limit else ()
        syncs = lists.ledger.syncs.history(name)[:SYNCS]
        why = lists.ledger.leaving_reasons.count(name)
    return ListOverview(
        list=name, where=where.strip(), reasons=counted.reasons, page=page, syncs=syncs, left_because=why
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTotal:
    """The number of members of a list, and of those who get mail, as of its last sync; None before the first."""

    list: str
    members: int | None
    to_mail: int | None


def list_totals(app: App) -> tuple[ListTotal, ...]:
    """Returns the totals of all lists, by name."""
    return tuple(_list_total(app, name) for name in app.workspace.list_names())


def _list_total(app: App, name: str) -> ListTotal:
    if not app.has_ledger or app.ledger.syncs.state(name) is None:
        return ListTotal(list=name, members=None, to_mail=None)
    counts = app.ledger.member_search.count(name)
    return ListTotal(list=name, members=sum(counts.values()), to_mail=counts.get("", 0))


def list_overview_object(overview: ListOverview) -> dict[str, object]:
    """Returns the JSON object of `list show`."""
    return {
        "list": overview.list,
        "where": overview.where,
        "members": overview.members,
        "to_mail": overview.reasons.get("", 0),
        "reasons": [{"reason": reason, "count": count} for reason, count in sorted(overview.reasons.items()) if reason],
        "left_because": [{"reason": why.value, "count": count} for why, count in overview.left_because.items()],
        "page": [
            {
                "email": each.address,
                "reason": each.reason,
                "joined": format_iso(each.joined_at),
                "fields": dict(each.fields),
            }
            for each in overview.page
        ],
        "syncs": [
            {"sync": each.sync, "at": format_iso(each.at), "by": each.by, "undo_of": each.undo_of, **each.counts}
            for each in overview.syncs
        ],
    }


def select_members(app: App, name: str, where: str) -> tuple[AudienceSpec, tuple[str, ...]]:
    """Returns the selection of the members of `name` that match `where`, and the fields of the list."""
    columns = open_list(app.workspace.list_file(name), name).columns
    return audience_spec(app, [name], where=where), tuple(field for field in columns.names if field)
