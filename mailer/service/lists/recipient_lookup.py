"""Finds recipients on lists by address, for a test or a preview.

Raises UsageError for a list or subscriber that does not exist, ListError for a list that cannot be read.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from mailer.addresses import parse_address
from mailer.app import App
from mailer.csv.list_errors import ListError
from mailer.csv.reader import CsvList, open_list
from mailer.errors import UsageError
from mailer.ledger.sends.audience import find
from mailer.ledger.sends.audience_query import Audience
from mailer.ledger.types.sends import Recipient
from mailer.service.lists.audience_selection import audience_spec, list_names
from mailer.service.lists.sync_before_query import ListSource, synced_lists


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
    audience = Audience(
        selection=audience_spec(app, names), fields=tuple(sorted(fields)), list_names=list_names(app, names)
    )
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
