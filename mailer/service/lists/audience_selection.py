"""Whom a send goes to, from what was asked for: lists, lists left out, and a segment.

Raises UsageError for a list, field or dispatch that does not exist.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches

from mailer.app import App
from mailer.audience.list_settings import ListSettingsError, load_list_settings
from mailer.audience.segments import Field, OnList, Received, Segment, SegmentError, parse_segment, segment_references
from mailer.csv.columns.header_row import field_name
from mailer.csv.reader import open_list
from mailer.edition.model import Edition
from mailer.ledger.sends.audience_query import Audience, AudienceSpec


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


def frozen_audience(app: App, selection: AudienceSpec, edition: Edition) -> Audience:
    """Returns the audience of a send of `edition`, with everything that its messages need."""
    names = list_names(app, selection.lists) if edition.names_list else {}
    return Audience(selection=selection, fields=tuple(sorted(edition.fields)), list_names=names)


def list_names(app: App, lists: Iterable[str]) -> dict[str, str]:
    """Returns the names of `lists` for readers; a list that readers do not see has none unless it has a title."""
    found = {}
    for name in lists:
        with suppress(ListSettingsError):  # the list itself can be used
            settings = load_list_settings(app.workspace.subscribers, name)
            if settings.title or settings.public:
                found[name] = settings.shown
    return found


def lists_in(selection: AudienceSpec) -> tuple[str, ...]:
    """Returns every list that a selection refers to, each once."""
    asked = (
        ()
        if selection.where is None
        else (each.name for each in segment_references(selection.where) if isinstance(each, OnList))
    )
    return tuple(dict.fromkeys((*selection.lists, *selection.exclude, *asked)))


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
