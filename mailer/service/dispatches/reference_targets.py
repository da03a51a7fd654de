"""Lists what the text of a dispatch may refer to, for an editor that offers it: other dispatches, and fields of readers."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.app import App
from mailer.dispatch.metadata_scan import read_metadata
from mailer.dispatch.parse import parse_dispatch
from mailer.service.dispatches.check_and_compile import read_dispatch_index, reader_fields
from mailer.service.dispatches.files import dispatch_path


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
