"""Readers on lists: the audience of a send, and single people looked up for a test or a rendering.

Raises UsageError for a list or reader that does not exist, ListError for a list that cannot be read.
"""

from collections.abc import Collection, Iterator, Sequence

from mailer.audience.address import parse_address
from mailer.audience.gather import Audience, Recipient, gather
from mailer.audience.listfile import ListError, ListFile, open_list
from mailer.errors import UsageError
from mailer.service.newsroom import Newsroom


def open_audience(newsroom: Newsroom, lists: Sequence[str], exclude: Sequence[str], fields: frozenset[str]) -> Audience:
    """Everybody on `lists` who is on none of `exclude`, with those of `fields` that they have."""

    def opened(names: Sequence[str]) -> list[ListFile]:
        return [open_list(newsroom.workspace.list_file(name), name) for name in names]

    return gather(opened(lists), exclude=opened(exclude), fields=fields)


def readable_lists(newsroom: Newsroom) -> Iterator[ListFile]:
    """Every list of the workspace but those that cannot be read: nobody asked for these by name."""
    for name in newsroom.workspace.list_names():
        try:
            yield open_list(newsroom.workspace.list_file(name), name)
        except ListError:
            continue


def opened_lists(newsroom: Newsroom, names: Sequence[str]) -> Iterator[ListFile]:
    """The lists that are named, else every list that can be read."""
    if not names:
        return readable_lists(newsroom)
    return (open_list(newsroom.workspace.list_file(name), name) for name in names)


def find_readers(
    newsroom: Newsroom, identities: Collection[str], lists: Sequence[str], fields: frozenset[str]
) -> dict[str, Recipient]:
    """Those of `identities` who are on `lists`, else on any list, each as a send would have them; in one pass."""
    wanted = set(identities)
    if lists:
        audience = open_audience(newsroom, lists, (), fields)
    elif every := list(readable_lists(newsroom)):
        audience = gather(every, fields=fields)
    else:
        return {}
    return {each.identity: each for each in audience.recipients() if each.identity in wanted}


def find_reader(newsroom: Newsroom, email: str, lists: Sequence[str], fields: frozenset[str]) -> Recipient:
    """The reader with this address on one of `lists`, else on any. Raises UsageError when there is none."""
    address = parse_address(email)
    found = find_readers(newsroom, [address.identity], lists, fields).get(address.identity)
    if found is None:
        where = f"on the list {lists[0]}" if len(lists) == 1 else f"on any of the lists {', '.join(lists)}"
        raise UsageError(
            f"{address.display} is not {where if lists else 'on any list'}.",
            "Name a reader of a list; see subscribers/.",
        )
    return found
