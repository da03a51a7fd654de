"""Saves photos that are uploaded at the desk: next to the dispatches, scaled down and without metadata.

Raises PhotoError, UsageError.
"""

import re
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailer.app import App
from mailer.atomic_files import create_file
from mailer.dispatch.slug import slugify
from mailer.edition.images.loader import LARGEST_FILE, PhotoError, load_photo
from mailer.errors import UsageError

PHOTOS = "photos"
_MARKDOWN = re.compile(r"[\\`*_\[\]<>&{}|~\"]")
_uploads = threading.BoundedSemaphore(4)  # one is decoded at a time; each that waits occupies a thread of the site


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPhoto:
    """A saved photo: its path relative to a dispatch; caption and credit as the camera or the agency wrote them into it."""

    file: str
    caption: str = ""
    credit: str = ""


def figure_markdown(file: str, *, alt: str, caption: str = "", credit: str = "") -> str:
    """Returns the Markdown of a photo in the text. It has one caption, which ends with the credit in brackets."""
    below = f"{caption} ({credit})" if caption and credit else caption or credit
    title = f' "{_escaped(below)}"' if below else ""
    return f"![{_escaped(alt)}]({file}{title})"


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", text)


def save_photo(app: App, file: BinaryIO, title: str) -> SavedPhoto:
    """Saves a photo, scaled down; `title` becomes part of its name."""
    if not _uploads.acquire(blocking=False):
        raise PhotoError("Too many pictures are being uploaded.", "Try again in a minute.")
    try:
        return _save(app, file, title)
    finally:
        _uploads.release()


def _save(app: App, file: BinaryIO, title: str) -> SavedPhoto:
    with tempfile.TemporaryDirectory(dir=app.workspace.ensure_state_dir()) as folder:
        raw = Path(folder) / "the picture"
        data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise PhotoError("The picture is larger than 25 MB.", "Save it 1200 pixels wide.")
        raw.write_bytes(data)
        image, texts = load_photo(raw, root=Path(folder))
    stem, suffix = image.name.rsplit(".", 1)
    name = f"{slugify(title)[:40].strip('-') or 'photo'}-{stem[:8]}.{suffix}"
    place = app.workspace.dispatches / PHOTOS
    try:
        place.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # the name is made from the content
            create_file(place / name, image.data)
    except OSError as error:
        raise UsageError(f"{place} cannot be written ({error.strerror}).", "Check its permissions.") from None
    return SavedPhoto(file=f"{PHOTOS}/{name}", caption=texts.caption, credit=texts.credit)
