"""Imports past issues: a plain-text file, a saved web page or a message file becomes a dispatch file.

    import_file(path, target)        one file
    importable_files(folder)         the files of a folder that can be imported

Nothing is overwritten, and nothing is dropped silently: text that could not be placed is reported with its line, and the words
and links that came in are compared with those that came out. Pictures that come with a page or message are saved in the
dispatch’s folder. Raises UsageError.
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping
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
from mailer.importers.file_reader import PAGES, OpenedFile, decode_data_url, open_file
from mailer.importers.html import read_html
from mailer.importers.issue_structure import DateEvidence, read_plaintext
from mailer.importers.loss_check import ImportSource, find_losses
from mailer.importers.markdown_escaping import escape_markdown
from mailer.importers.model import ImportDoubt
from mailer.importers.paragraphs import ImportedParagraph, split_paragraphs
from mailer.importers.title_similarity import similarity

PICTURES = "photos"
_KINDS = frozenset({".txt", ".text", ".eml", *PAGES})
_REFUSED = frozenset({".docx", ".doc", ".odt", ".rtf", ".pdf", ".pages", ".md", ".markdown", ".mbox", ".zip"})
_SHOWN = 60  # characters of an address
_FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`dispatch` is the file that was created; `problems` are the errors that `mailer check` finds in it."""

    source: Path
    dispatch: Path
    doubts: tuple[ImportDoubt, ...]
    problems: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastIssue:
    """A past issue as a dispatch file, with its `pictures` by file name."""

    file_name: str
    text: str
    pictures: Mapping[str, bytes]
    doubts: tuple[ImportDoubt, ...]


def importable_files(folder: Path) -> tuple[Path, ...]:
    """Returns the text, HTML and message files in `folder` and in the folders below it, by name, and documents of other kinds,
    which `import_file` refuses. Raises UsageError if there are none.
    """
    found = tuple(
        sorted(path for path in folder.rglob("*") if path.suffix.lower() in _KINDS | _REFUSED and path.is_file())
    )
    if not found:
        raise UsageError(f"{folder} contains nothing to import.", "Name a folder with .txt, .html or .eml files.")
    return found


def import_file(path: Path, target: Path, *, today: dt.date, language: str, taken: Collection[Path] = ()) -> Imported:
    """Creates a dispatch from `path`: the file `target`, or one named by its date and title in the folder `target`.

    `taken`: files of the same import, beside which a second one of the same name gets a number.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}).", "Name a file that exists and can be read."
        ) from None
    issue = read_issue(data, path.name, path.parent, today=today, language=language)
    dispatch = target if target.suffix == ".md" else _free_name(target / issue.file_name, taken)
    _write(dispatch, issue.text, issue.pictures)
    problems = parse_dispatch(issue.text.encode(), str(dispatch), language=language).problems
    return Imported(
        source=path,
        dispatch=dispatch,
        doubts=issue.doubts,
        problems=tuple(problem for problem in problems if problem.severity is Severity.ERROR),
    )


def read_issue(data: bytes, name: str, folder: Path | None = None, *, today: dt.date, language: str) -> PastIssue:
    """Returns the dispatch in a file or in a text that was pasted. `name`: for messages; `folder`: with the pictures of a page.

    Raises UsageError.
    """
    pictures: dict[str, bytes] = {}
    opened = open_file(data, name)
    source = _read_opened(opened, folder, pictures)
    evidence = DateEvidence(sent=opened.date, aside=source.aside, file_name=Path(name).stem)
    draft = read_plaintext(source.paragraphs, today=today, language=language, evidence=evidence)
    text = write_dispatch(draft)
    doubts = (*opened.doubts, *draft.doubts, *source.doubts)
    doubts += find_losses(source, text, doubts)
    return PastIssue(file_name=dispatch_file_name(draft), text=text, pictures=pictures, doubts=doubts)


def _free_name(path: Path, taken: Collection[Path]) -> Path:
    """Returns `path`, with a number if it is one of the files `taken`."""
    number, free = 2, path
    while free in taken:
        free = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return free


def _read_opened(opened: OpenedFile, folder: Path | None, pictures: dict[str, bytes]) -> ImportSource:
    """Returns what is to be read; adds the pictures to keep to `pictures`, by file name."""
    if not opened.is_html:
        found = list(split_paragraphs(opened.text, first_line=opened.first_line))
        if opened.subject and found and found[0].level == 1:
            found[0] = replace(found[0], level=0 if found[0].text == opened.subject else 2)
        lines = tuple(enumerate(opened.text.split("\n"), start=opened.first_line))
        return ImportSource(paragraphs=_with_headline(found, opened.subject), lines=lines)
    page = read_html(opened.text)
    found = _with_headline(list(page.paragraphs), opened.subject or page.title)
    doubts = list(page.doubts)
    headline = next((each.text for each in found if each.level == 1), "")
    if opened.subject and similarity(opened.subject, headline) < 1:
        doubts.append(
            ImportDoubt(line=0, message=f"the subject of the message, “{opened.subject}”, differs from the headline")
        )
    for index, each in enumerate(found):
        if each.picture and not each.picture.startswith("https://"):
            name = _keep(each.picture, folder, opened.pictures, pictures)
            if name:
                made = (f"![{escape_markdown(each.text)}]({name})",)
                found[index] = replace(each, picture=name, markdown=made)
            else:
                shown = each.text or each.picture[:_SHOWN]
                message = f"the picture “{shown}” was not found; its description is kept as text"
                doubts.append(ImportDoubt(line=each.line, message=message))
                found[index] = replace(each, picture="", markdown=(escape_markdown(each.text),))
    found = [each for each in found if each.picture or each.text]
    return ImportSource(
        paragraphs=found, aside=page.aside, doubts=tuple(doubts), links=page.links, lines=((0, page.text),)
    )


def _with_headline(found: list[ImportedParagraph], title: str) -> list[ImportedParagraph]:
    """Returns `found` with the subject of the message or the title of the page as headline, if it has none."""
    if not title or any(each.level == 1 for each in found) or (found and title in {found[0].text, found[0].lines[0]}):
        return found
    return [ImportedParagraph(line=1, lines=(title,), level=1), *found]


def _keep(address: str, folder: Path | None, given: Mapping[str, bytes], pictures: dict[str, bytes]) -> str:
    """Returns the name, relative to the dispatch, that the picture at `address` is kept under; "" if there is none."""
    data = given.get(address) or decode_data_url(address) or (_beside(address, folder) if folder else None)
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
