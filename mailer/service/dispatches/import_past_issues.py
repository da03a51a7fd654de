"""Imports past issues: a plain-text file, a saved web page or a message file becomes a dispatch file.

    import_file(path, target)        one file
    importable_files(folder)         the files of a folder that can be imported

Nothing is overwritten, and nothing is dropped silently: text that could not be placed is reported with its line.
Pictures that come with a page or message are saved in the dispatch’s folder. Raises UsageError.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image, UnidentifiedImageError

from mailer.atomic_files import create_file
from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.dispatch.parse import parse_dispatch
from mailer.errors import UsageError
from mailer.importers.dispatch_writer import dispatch_file_name, write_dispatch
from mailer.importers.html import read_html
from mailer.importers.markdown_escaping import escape_markdown
from mailer.importers.messages_and_pages import OpenedFile, decode_data_url, open_message, open_page, read_text
from mailer.importers.model import ImportDoubt
from mailer.importers.paragraphs import ImportedParagraph, split_paragraphs
from mailer.importers.plaintext import read_plaintext

PICTURES = "photos"
_PAGES = frozenset({".html", ".htm", ".xhtml"})
_KINDS = frozenset({".txt", ".text", ".eml", *_PAGES})
_FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`dispatch` is the file that was created; `problems` are the errors that `mailer check` finds in it."""

    source: Path
    dispatch: Path
    doubts: tuple[ImportDoubt, ...]
    problems: tuple[Diagnostic, ...]


def importable_files(folder: Path) -> tuple[Path, ...]:
    """Returns the text, HTML and message files in `folder`, by name. Raises UsageError if there are none."""
    found = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS and path.is_file()))
    if not found:
        raise UsageError(f"{folder} contains nothing to import.", "Name a folder with .txt, .html or .eml files.")
    return found


def import_file(path: Path, target: Path, *, today: dt.date, language: str) -> Imported:
    """Creates a dispatch from `path`: the file `target`, or one named by its date and title in the folder `target`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}).", "Name a file that exists and can be read."
        ) from None
    pictures: dict[str, bytes] = {}
    aside: tuple[ImportDoubt, ...] = ()
    if path.suffix.lower() in _PAGES or path.suffix.lower() == ".eml":
        opened = open_message(data) if path.suffix.lower() == ".eml" else open_page(data)
        found, aside = _opened(opened, path.parent, pictures)
        today = opened.date or today
    else:
        found = split_paragraphs(read_text(data))
    draft = read_plaintext(found, today=today, language=language)
    text = write_dispatch(draft)
    dispatch = target if target.suffix == ".md" else target / dispatch_file_name(draft)
    _write(dispatch, text, pictures)
    problems = parse_dispatch(text.encode(), str(dispatch), language=language).problems
    return Imported(
        source=path,
        dispatch=dispatch,
        doubts=(*draft.doubts, *aside),
        problems=tuple(problem for problem in problems if problem.severity is Severity.ERROR),
    )


def _opened(
    opened: OpenedFile, folder: Path, pictures: dict[str, bytes]
) -> tuple[Sequence[ImportedParagraph], tuple[ImportDoubt, ...]]:
    """Returns the paragraphs of a page or message, and what was left out; adds the pictures to keep to `pictures`, by file
    name.
    """
    if not opened.is_html:
        return split_paragraphs(opened.text), ()
    page = read_html(opened.text)
    found = list(page.paragraphs)
    if opened.subject and not any(each.level == 1 for each in found):
        found.insert(0, ImportedParagraph(line=1, lines=(opened.subject,), level=1))
    doubts = [
        ImportDoubt(line=0, message=f"left out, because every message gets such a line automatically: “{text}”")
        for text in page.aside
    ]
    for index, each in enumerate(found):
        if each.picture and not each.picture.startswith("https://"):
            name = _keep(each.picture, folder, opened.pictures, pictures)
            if name:
                made = (f"![{escape_markdown(each.text)}]({name})",)
                found[index] = replace(each, picture=name, markdown=made)
            else:
                doubts.append(
                    ImportDoubt(
                        line=each.line,
                        message=f"the picture “{each.text}” was not found; its description is kept as text",
                    )
                )
                found[index] = replace(each, picture="", markdown=(escape_markdown(each.text),))
    return found, tuple(doubts)


def _keep(address: str, folder: Path, given: Mapping[str, bytes], pictures: dict[str, bytes]) -> str:
    """Returns the name, relative to the dispatch, that the picture at `address` is kept under; "" if there is none."""
    data = given.get(address) or decode_data_url(address) or _beside(address, folder)
    if not data:
        return ""
    try:
        with Image.open(BytesIO(data)) as image:
            kind = _FORMATS.get(image.format or "")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, ValueError):
        return ""
    if kind is None:
        return ""
    name = f"{PICTURES}/{hashlib.sha256(data).hexdigest()[:16]}.{kind}"
    pictures[name] = data
    return name


def _beside(address: str, folder: Path) -> bytes | None:
    """Returns a picture that was saved with the page, in its folder or below."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    file = (folder / unquote(parts.path)).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        return None
    return file.read_bytes()


def _write(dispatch: Path, text: str, pictures: Mapping[str, bytes]) -> None:
    try:
        dispatch.parent.mkdir(parents=True, exist_ok=True)
        create_file(dispatch, text.encode())
        for name, data in pictures.items():
            picture = dispatch.parent / name
            picture.parent.mkdir(exist_ok=True)
            if not picture.exists():  # the name is made from the content
                create_file(picture, data)
    except FileExistsError:
        raise UsageError(f"{dispatch} exists already.", "Name a different file with -o.") from None
    except OSError as error:
        raise UsageError(f"{dispatch} cannot be written ({error.strerror}).") from error
