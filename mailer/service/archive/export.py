"""Exports the archive as files, for any web server, or for a disk: `mailer archive build`.

    DIR/index.html  feed.xml  feed.json  style.css  reading.css
    DIR/archive/SLUG.html       DIR/archive/SLUG/DIGEST.html   as it was sent, where it was corrected since
    DIR/media/NAME

Pages link to one another relatively. A file is written only if its content changed, and atomically. All files are recorded in
DIR/.mailer-archive.json before they are written, so that the next build after an interrupted one overwrites and removes those
files, and no others. Raises ExportError if another file would be overwritten.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mailer.app import App
from mailer.atomic_files import replace_file
from mailer.dispatch.slug import SLUG
from mailer.edition.template_loader import FallbackTemplates
from mailer.errors import UsageError
from mailer.service.archive.feed import atom, json_feed, read_feed
from mailer.service.archive.pages import Archive
from mailer.service.page_context import page_context
from mailer.service.public_urls import SHORT_DIGEST, PublicUrls

_CHARSET = '<meta charset="utf-8">'
MANIFEST = ".mailer-archive.json"
_FIXED = ("index.html", "feed.xml", "feed.json", "style.css", "reading.css", "robots.txt")
_OURS = re.compile(
    rf"{'|'.join(map(re.escape, _FIXED))}|archive/{SLUG}(?:/[0-9a-f]{{{SHORT_DIGEST}}})?\.html|media/[0-9a-f]+\.(?:jpg|png)"
)


class ExportError(UsageError):
    """The folder cannot be written, or a foreign file is where a file of the archive would go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """How many files the archive has, and which of them were new or changed; `removed` are no longer part of it."""

    files: int
    written: tuple[str, ...]
    removed: tuple[str, ...]


def export_archive(app: App, folder: Path) -> Exported:
    """Updates `folder` to the present state of the archive."""
    files = dict(_files(app))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ours = _read_manifest(folder)
        _refuse_foreign(folder, files, ours)
        changed = [name for name, data in files.items() if not _holds(folder / name, data)]
        removed = sorted(name for name in ours - files.keys() if _is_plain(folder, name) and (folder / name).is_file())
        if changed or removed or ours != files.keys():
            _write_manifest(folder, ours | files.keys())
            for name in changed:
                _write(folder / name, files[name])
            for name in removed:
                (folder / name).unlink(missing_ok=True)
                with suppress(OSError):  # not empty
                    (folder / name).parent.rmdir()
            _write_manifest(folder, set(files))
    except OSError as error:
        raise ExportError(
            f"{error.filename or folder} cannot be written ({error.strerror}).", "Choose another folder."
        ) from error
    return Exported(files=len(files), written=tuple(sorted(changed)), removed=tuple(removed))


def _with_policy(html: str, styles: str = "", images: Iterable[str] = ()) -> bytes:
    """Returns a page with a Content-Security-Policy of its own, for the web server may send none. `file:`: read from a disk."""
    sources = " ".join(("'self'", "file:", *images))
    policy = (
        f"default-src 'none'; style-src 'self' file: {styles}; img-src {sources}; form-action 'none'; base-uri 'none'"
    )
    meta = f'{_CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=True)}">'
    return html.replace(_CHARSET, meta, 1).encode()


def _files(app: App) -> Iterator[tuple[str, bytes]]:
    """Yields every file of the archive, with its name in the folder."""
    templates = FallbackTemplates(app.workspace.templates)
    archive, top = Archive(app, templates), PublicUrls("", are_files=True)
    context = page_context(app, app.publication.language, root=app.publication.base_url, site=top)
    words = {"heading": app.publication.name, "entries": archive.entries()}
    yield "index.html", _with_policy(templates.render("pages/archive.html.j2", context | words))
    for name in ("style.css", "reading.css"):
        yield name, templates.render(f"pages/{name}", context).encode()
    if not app.settings.search_engines:
        yield "robots.txt", b"User-agent: *\nDisallow: /\n"
    feed = read_feed(app, archive)
    yield "feed.xml", atom(feed)
    yield "feed.json", json_feed(feed).encode()
    images: set[str] = set()
    for each in archive.editions():
        versions = [("", "../")]
        versions += [(digest[:SHORT_DIGEST], "../../") for digest in each.sent if each.corrections]
        for digest, base in versions:
            page = archive.page(each.slug, PublicUrls(base, are_files=True), digest)
            if page:
                yield (
                    f"archive/{each.slug}{'/' if digest else ''}{digest}.html",
                    _with_policy(page.html, page.styles, page.images),
                )
                images.update(page.media)
    for name in sorted(images):
        if image := app.ledger.editions.image(name):
            yield f"media/{name}", image.data


def _read_manifest(folder: Path) -> set[str]:
    """Returns the files that earlier builds made. Names that no build makes are left out."""
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return set()
    except ValueError:
        content = None
    names = content.get("files") if isinstance(content, dict) else None
    if not isinstance(names, list):
        raise ExportError(f"{folder / MANIFEST} is damaged.", "Build into an empty folder.")
    return {name for name in names if isinstance(name, str) and _OURS.fullmatch(name)}


def _write_manifest(folder: Path, names: set[str]) -> None:
    _write(folder / MANIFEST, json.dumps({"files": sorted(names)}, indent=1).encode() + b"\n")


def _refuse_foreign(folder: Path, files: dict[str, bytes], ours: set[str]) -> None:
    """Raises ExportError if a file of the archive would replace a file that no earlier build made."""
    for name, data in files.items():
        path = folder / name
        if not _is_plain(folder, name) or path.is_symlink() or path.is_dir():
            raise ExportError(f"{path} is a folder, or is reached through a link.", "Build into an empty folder.")
        if name not in ours and path.exists() and not _holds(path, data):
            raise ExportError(
                f"{path} already exists and was not made by an earlier build.", "Build into an empty folder."
            )


def _is_plain(folder: Path, name: str) -> bool:
    """Returns whether all folders between `folder` and the file are real folders, none of them a link."""
    between = [folder / parent for parent in Path(name).parents if parent != Path()]
    return all(not each.is_symlink() and (each.is_dir() or not each.exists()) for each in between)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _write(path: Path, data: bytes) -> None:
    """Writes a file that everybody may read, since a web server serves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data, mode=0o644)
