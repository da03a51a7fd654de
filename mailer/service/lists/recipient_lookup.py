"""Finds recipients on lists: by an expression (a segment), or by address for a test or a preview.

Raises UsageError for a list, field, dispatch or subscriber that does not exist, ListError for a list that cannot be read.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches

from mailer.addresses import parse_address
from mailer.app import App
from mailer.audience.segments import Field, OnList, Received, Segment, SegmentError, parse_segment, segment_references
from mailer.csv.columns import field_name
from mailer.csv.reader import CsvList, ListError, open_list
from mailer.errors import UsageError
from mailer.ledger.sends.audience import find
from mailer.ledger.sends.audience_query import Audience, AudienceSpec
from mailer.ledger.types.sends import Recipient
from mailer.service.lists.sync_before_query import ListSource, synced_lists


def audience_spec(app: App, lists: Sequence[str], *, exclude: Sequence[str] = (), where: str = "") -> AudienceSpec:
    """Returns the selection of members of `lists` that are on none of `exclude` and match the expression `where`, which is
    checked.
    """
    condition = parse_segment(where) if where.strip() else None
    if condition is not None:
        _check(app, condition, lists)
    return AudienceSpec(
        lists=tuple(dict.fromkeys(lists)),
        exclude=tuple(dict.fromkeys(exclude)),
        where=condition,
        zone=app.settings.timezone,
    )


def lists_in(selection: AudienceSpec) -> tuple[str, ...]:
    """Returns every list that a selection refers to, each once."""
    asked = (
        ()
        if selection.where is None
        else (each.name for each in segment_references(selection.where) if isinstance(each, OnList))
    )
    return tuple(dict.fromkeys((*selection.lists, *selection.exclude, *asked)))


def readable_lists(app: App) -> Iterator[CsvList]:
    """Yields every list of the workspace that can be read; others are left out, since nobody named them."""
    for name in app.workspace.list_names():
        try:
            yield open_list(app.workspace.list_file(name), name)
        except ListError:
            continue


def open_lists(app: App, names: Sequence[str]) -> Iterator[CsvList]:
    """Returns the lists that are named, else every list that can be read."""
    if not names:
        return readable_lists(app)
    return (open_list(app.workspace.list_file(name), name) for name in names)


def find_recipients(
    app: App, identities: Collection[str], lists: Sequence[str], fields: Iterable[str]
) -> dict[str, Recipient]:
    """Returns those of `identities` that are on `lists`, else on any list, each as a send would have them."""
    names = tuple(lists) or tuple(source.name for source in readable_lists(app))
    if not names:
        return {}
    audience = Audience(selection=audience_spec(app, names), fields=tuple(sorted(fields)))
    with synced_lists(app, names, ListSource.FILE, allow_removals=True) as lists_now:
        return find(lists_now.conn, audience, identities, at=app.clock())


def find_recipient(app: App, email: str, lists: Sequence[str], fields: Iterable[str]) -> Recipient:
    """Returns the recipient with this address on one of `lists`, else on any. Raises UsageError if there is none."""
    address = parse_address(email)
    found = find_recipients(app, [address.identity], lists, fields).get(address.identity)
    if found is None:
        where = f"on the list {lists[0]}" if len(lists) == 1 else f"on any of the lists {', '.join(lists)}"
        raise UsageError(
            f"{address.display} is not {where if lists else 'on any list'}.",
            "Check the spelling, or take the address of another reader.",
        )
    return found


def _check(app: App, where: Segment, lists: Sequence[str]) -> None:
    """Raises SegmentError for an unknown name, which would select everybody or nobody without notice."""
    columns = [open_list(app.workspace.list_file(name), name).columns for name in lists]
    fields = {field for each in columns for field in each.fields}
    headers = {header.strip().casefold(): header.strip() for each in columns for header in each.headers}
    for each in segment_references(where):
        match each:
            case Field(name=name):
                if name not in fields and (header := headers.get(name.casefold())):
                    raise SegmentError(f"--where: the column “{header}” is the field “{field_name(header)}”.")
                _refuse_unknown(name, fields, "field", f"The fields are: {', '.join(sorted(fields))}")
            case OnList(name=name):
                app.workspace.list_file(name)
            case Received(slug=slug):
                with app.readonly_ledger() as ledger:
                    sent = {archived.slug for archived in ledger.editions.archive()}
                _refuse_unknown(
                    slug, sent, "sent dispatch", f"Sent dispatches: {', '.join(sorted(sent)) or 'none yet'}"
                )


def _refuse_unknown(name: str, known: Collection[str], kind: str, otherwise: str) -> None:
    if name not in known:
        close = get_close_matches(name, known, n=1)
        raise SegmentError(
            f"--where: there is no {kind} “{name}”.", f"Did you mean “{close[0]}”?" if close else f"{otherwise}."
        )
