"""Lists what the text of a dispatch may refer to, for an editor that offers it: other dispatches, and fields of readers."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailer.app import App
from mailer.dispatch.metadata_scan import Metadata, read_metadata
from mailer.dispatch.parse import parse_dispatch
from mailer.errors import UsageError
from mailer.service.dispatches.files import dispatch_path, read_source
from mailer.service.file_cache import cache_by_mtime
from mailer.service.lists.recipient_lookup import open_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """`titles`: slug -> title of each other dispatch, the latest first. `fields`: those of the readers of its lists."""

    titles: Mapping[str, str]
    fields: tuple[str, ...]


def find_references(app: App, name: str) -> References:
    """Returns what the dispatch `name`, its file without `.md`, may refer to. Raises NoDispatchError."""
    path = dispatch_path(app, name)
    source = path.read_bytes()
    metadata, parsed = read_metadata(source, path.name), parse_dispatch(source, path.name).partial
    own = metadata.slug if metadata else name
    titles = read_dispatch_index(app, path).titles
    known = reader_fields(app, parsed.lists if parsed else ())
    return References(
        titles={slug: titles[slug] for slug in sorted(titles, reverse=True) if slug != own},
        fields=tuple(sorted(frozenset().union(*known.values()))),
    )


@dataclass(frozen=True, slots=True)
class DispatchIndex:
    """The dispatches that can be linked to, slug -> title; the sources of the other dispatches on disk, name -> slug of one.

    `dates` are those of the dispatches on disk, slug -> date.
    `unsent` are dispatches that were never sent; empty as long as the workspace has no database.
    """

    titles: Mapping[str, str]
    sources: Mapping[str, str]
    unsent: frozenset[str] = frozenset()
    dates: Mapping[str, dt.date] = field(default_factory=dict)


def read_dispatch_index(app: App, checked: Path) -> DispatchIndex:
    """Reads the dispatches on disk, and what was sent. The sources of the dispatch `checked` are left out."""
    titles: dict[str, str] = {}
    sources: dict[str, str] = {}
    dates: dict[str, dt.date] = {}
    if app.has_ledger:
        titles.update(app.ledger.editions.sent_titles())
    sent = frozenset(titles)
    for path in app.workspace.dispatch_files():
        try:
            metadata = _cached_metadata(path, language=app.settings.language)
        except UsageError:  # its own check reports that
            continue
        if metadata is None:
            continue
        titles[metadata.slug] = metadata.title
        dates[metadata.slug] = metadata.date
        if not _is_same_file(path, checked):
            for source in metadata.sources:
                sources.setdefault(source, metadata.slug)
    return DispatchIndex(titles, sources, frozenset(titles) - sent if app.has_ledger else frozenset(), dates)


def reader_fields(app: App, names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Returns the reader fields of each list that is named, else of every list that can be read."""
    return {source.name: source.columns.fields for source in open_lists(app, names)}


def _is_same_file(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


@cache_by_mtime(maxsize=4096)
def _cached_metadata(path: Path, *, language: str) -> Metadata | None:
    return read_metadata(read_source(path), path.name, language=language)
