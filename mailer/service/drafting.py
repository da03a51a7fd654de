"""Dispatches as files that are written at the desk, while somebody else may write them, too.

    shelf(newsroom, words)            every dispatch, with where it stands
    listed(newsroom, name)            one of them
    read(newsroom, name)              the text as it is now
    save(newsroom, name, text, …)     write it, if the file is still what the writer began with
    start / take_in                   a new one, from a title or from an old text
    keep_photo                        a picture beside the dispatches, small and without metadata

The file in `dispatches/` is the truth: it is replaced as a whole, keeps its line ends, its byte-order mark and its rights, and
is never overwritten unseen. What it was before is in the history, whoever wrote it. A dispatch is named by its file without
`.md`; names that are none of the folder's are refused. Raises NoDispatchError, ChangedError, PhotoError, UsageError.
"""

import datetime as dt
import hashlib
import json
import os
import re
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from mailer.delivery.state import SendState
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.problem import Severity
from mailer.dispatch.skim import skim
from mailer.dispatch.slug import slugify
from mailer.edition.photo import LARGEST_FILE, PhotoError, load_image
from mailer.errors import UndecidedError, UsageError
from mailer.files import create_file, replace_file
from mailer.importing.archive import read_archive
from mailer.importing.dispatch import file_name, write_dispatch
from mailer.importing.draft import Doubt
from mailer.importing.paragraph import paragraphs
from mailer.ledger.approvals import Approval
from mailer.ledger.records import Send
from mailer.service.newsroom import Newsroom

LARGEST = 1_000_000  # characters of a dispatch
PHOTOS = "photos"
ON_DISK = "in the file"
_NAME = re.compile(r"[^\W_][\w.+-]{0,200}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_BOM = b"\xef\xbb\xbf"
_writing = threading.Lock()


class Standing(StrEnum):
    """Where a dispatch stands on its way."""

    DRAFT = "draft"
    CHECKED = "checked"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"


_BY_SEND = {
    SendState.SCHEDULED: Standing.SCHEDULED,
    SendState.OVERDUE: Standing.SCHEDULED,
    SendState.RUNNING: Standing.SENDING,
    SendState.WAITING: Standing.SENDING,
    SendState.PAUSED: Standing.SENDING,
    SendState.FINISHED: Standing.SENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A dispatch on the shelf. `errors`: how many its text has; `send`: its newest one, if there is any.

    `approval`: the newest one of the text as it is.
    """

    name: str
    title: str
    date: str
    standing: Standing
    errors: int
    changed_at: float
    send: Send | None = None
    approval: Approval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The text of a dispatch with plain line ends; `digest` names the bytes of the file that it stands in."""

    name: str
    text: str
    digest: str
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """A dispatch that was made of an old text, and what was not certain."""

    name: str
    doubts: tuple[Doubt, ...]


class NoDispatchError(UsageError):
    """There is no file of this name in dispatches/."""


class ChangedError(UndecidedError):
    """The file is no longer what the writer began with; `now` is what it is."""

    def __init__(self, now: Text) -> None:
        super().__init__(f"{now.name}.md was changed meanwhile, by somebody else or outside of the desk.")
        self.now = now


def shelf(newsroom: Newsroom, words: str = "") -> tuple[Listed, ...]:
    """Every dispatch, the latest date first; with `words`, those that have all of them somewhere."""
    sends = newsroom.ledger.sends.newest()
    approvals = newsroom.ledger.approvals.by_source()
    slugs = {slug for slug, _ in approvals}
    wanted = words.casefold().split()
    found = []
    for path in newsroom.workspace.dispatch_files():
        try:
            about = path.stat()
            glance = _glance(path, about.st_mtime_ns, about.st_size, newsroom.settings.language)
            if wanted and not all(word in _searched(path) for word in wanted):
                continue
            source = _digest(path.read_bytes()) if glance.slug in slugs else ""
        except OSError:  # it went just now
            continue
        send, approval = sends.get(glance.slug), approvals.get((glance.slug, source))
        standing = Standing.DRAFT if glance.errors else Standing.APPROVED if approval else Standing.CHECKED
        found.append(
            Listed(
                name=path.stem,
                title=glance.title,
                date=glance.date,
                standing=_BY_SEND.get(send.state, standing) if send else standing,
                errors=glance.errors,
                changed_at=about.st_mtime,
                send=send,
                approval=approval,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.date, each.name), reverse=True))


def listed(newsroom: Newsroom, name: str) -> Listed:
    """The dispatch `name` as the shelf has it. Raises NoDispatchError."""
    found = next((each for each in shelf(newsroom) if each.name == name), None)
    if found is None:
        raise NoDispatchError("There is no such dispatch.", "It may have been renamed or removed.")
    return found


def read(newsroom: Newsroom, name: str) -> Text:
    """The dispatch as it is on disk now."""
    path = file_of(newsroom, name)
    raw, changed_at = _bytes(path)
    return _text(name, raw, changed_at)


def save(newsroom: Newsroom, name: str, text: str, *, base: str, actor: str, step: bool = False) -> Text:
    """Write `text` in place of the text whose digest is `base`; `step`: it stays in the history by itself.

    Raises ChangedError, and writes nothing, when the file is another one by now; unless it says the same.
    """
    if len(text) > LARGEST:
        raise UsageError(f"A dispatch has at most {LARGEST:,} characters.", "Divide it into two.")
    if "\0" in text:
        raise UsageError("The text holds a character that no text has (NUL).", "Take it out.")
    path = file_of(newsroom, name)
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    with _writing:
        raw, changed_at = _bytes(path)
        now = _text(name, raw, changed_at)
        if now.text == plain:
            return now
        if now.digest != base:
            raise ChangedError(now)
        newsroom.ledger.drafts.keep(name, now.text, digest=now.digest, actor=ON_DISK)
        new = _encode(plain, like=raw)
        if (again := _bytes(path))[0] != raw:  # while the ledger wrote
            raise ChangedError(_text(name, *again))
        _replace(path, new)
        newsroom.ledger.drafts.keep(name, plain, digest=_digest(new), actor=actor, step=step)
    return read(newsroom, name)


def start(newsroom: Newsroom, title: str) -> Path:
    """A new file with `title`, to fill in."""
    title = " ".join(title.split())
    if not title:
        raise UsageError("A dispatch needs a title.")
    settings = newsroom.settings
    today = dt.datetime.fromtimestamp(newsroom.clock(), settings.timezone).date()
    path = newsroom.workspace.dispatches / f"{today.isoformat()}-{slugify(title) or 'dispatch'}.md"
    _create(path, _skeleton(title, today, settings.sender.name, settings.language))
    return path


def take_in(newsroom: Newsroom, text: str) -> TakenIn:
    """A new file of the plain text of an old dispatch."""
    if not text.strip():
        raise UsageError("There is no text to read.", "Paste the whole dispatch, from its headline on.")
    if len(text) > LARGEST:
        raise UsageError(f"A dispatch has at most {LARGEST:,} characters.", "Paste one dispatch at a time.")
    settings = newsroom.settings
    today = dt.datetime.fromtimestamp(newsroom.clock(), settings.timezone).date()
    draft = read_archive(
        paragraphs(text.replace("\r\n", "\n").replace("\r", "\n")), today=today, language=settings.language
    )
    path = newsroom.workspace.dispatches / file_name(draft)
    _create(path, write_dispatch(draft))
    return TakenIn(name=path.stem, doubts=draft.doubts)


def keep_photo(newsroom: Newsroom, file: BinaryIO, title: str) -> str:
    """Keep a picture as a letter needs it; its path, relative to a dispatch. `title` becomes part of its name."""
    with tempfile.TemporaryDirectory(dir=newsroom.workspace.make_state()) as folder:
        raw = Path(folder) / "the picture"
        data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise PhotoError("The picture is larger than 25 MB.", "Save it smaller, 1200 pixels wide.")
        raw.write_bytes(data)
        image = load_image(raw, root=Path(folder))
    stem, suffix = image.name.rsplit(".", 1)
    name = f"{slugify(title)[:40].strip('-') or 'photo'}-{stem[:8]}.{suffix}"
    place = newsroom.workspace.dispatches / PHOTOS
    try:
        place.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (place / name).open("xb") as kept:  # its name says what is in it
            kept.write(image.data)
    except OSError as error:
        raise UsageError(f"{place} cannot be written ({error.strerror}).", "See to its permissions.") from None
    return f"{PHOTOS}/{name}"


def file_of(newsroom: Newsroom, name: str) -> Path:
    """The file of the dispatch `name`, where it really is, which is within the workspace. Raises UsageError."""
    path = newsroom.workspace.dispatches / f"{name}.md"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NoDispatchError("There is no such dispatch.", "It may have been renamed or removed.")
    real = path.resolve()
    if not real.is_relative_to(newsroom.workspace.root.resolve()):
        raise UsageError(f"{name}.md lies outside of the workspace.", "Copy it into dispatches/.")
    return real


@dataclass(frozen=True, slots=True)
class _Glance:
    slug: str
    title: str
    date: str
    errors: int


@lru_cache(maxsize=2000)
def _glance(path: Path, _changed: int, _size: int, language: str) -> _Glance:
    """What the shelf tells of a file; read again when it changed."""
    raw = path.read_bytes()
    outline = skim(raw, path.name)
    parsed = parse_dispatch(raw, path.name, language=language)
    dated = _DATE.match(path.stem)
    return _Glance(
        slug=outline.slug if outline else path.stem,
        title=outline.title if outline else path.stem,
        date=parsed.guess.date.isoformat() if parsed.guess else dated[0] if dated else "",
        errors=sum(problem.severity is Severity.ERROR for problem in parsed.problems),
    )


def _searched(path: Path) -> str:
    return f"{path.stem}\n{path.read_bytes().decode(errors='replace')}".casefold()


def _bytes(path: Path) -> tuple[bytes, float]:
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read ({error.strerror}).", "See to its permissions.") from None


def _text(name: str, raw: bytes, changed_at: float) -> Text:
    try:
        text = raw.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise UsageError(
            f"{name}.md is not UTF-8 text.", "Save it as UTF-8 in the program that it comes from."
        ) from None
    return Text(
        name=name,
        text=text.replace("\r\n", "\n").replace("\r", "\n"),
        digest=_digest(raw),
        changed_at=changed_at,
    )


def _encode(text: str, *, like: bytes) -> bytes:
    """`text` with the line ends and the byte-order mark of the file that it replaces."""
    windows = like.count(b"\r\n") * 2 > like.count(b"\n")
    data = (text.replace("\n", "\r\n") if windows else text).encode()
    return _BOM + data if like.startswith(_BOM) else data


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]


def _replace(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written ({error.strerror}).", "See to its permissions.") from None


def _create(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_file(path, text.encode())
    except FileExistsError:
        raise UsageError(f"{path} is there already.", "Choose another title, or edit that file.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from None


def _skeleton(title: str, today: dt.date, editor: str, language: str) -> str:
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string

    holder = (
        f"copyright: {quoted(f'All notes and summaries copyright © {today.year} {editor}. All rights reserved.')}\n"
    )
    signature = f"editor:\n  name: {quoted(editor)}\n  signature: {quoted(editor)}\n" if editor else ""
    return f"""\
---
title: {quoted(title)}
date: {today.isoformat()}
language: {language}
{signature}{holder if editor else ""}---

Dear {{{{ reader.first_name or "reader" }}}},

Write your note here. Each article begins with “##”; the lines under its title say where it comes from.

## The title of an article
source: The name of the paper
date: {today.isoformat()}
link: https://example.org/the-article

The text of the article.
"""
