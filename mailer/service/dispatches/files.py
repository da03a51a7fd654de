"""Reads and saves dispatch files for the desk, while others may write them, too.

    read_dispatch(app, name)              the text as it is now
    save_dispatch(app, name, text, …)     saves it, if the file has not changed since the editor loaded it

The file in `dispatches/` is the source of truth: it is replaced as a whole, keeps its line ends, its byte-order mark and its
permissions, and a change by another person or program is never overwritten unnoticed. All earlier texts are in the revision
history. A dispatch is named by its file without `.md`. Raises NoDispatchError, ChangedError, UsageError.
"""

import hashlib
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from mailer.app import App
from mailer.atomic_files import replace_file
from mailer.errors import NeedsConfirmationError, UsageError

LARGEST = 1_000_000  # characters of a dispatch
ON_DISK = "in the file"
_NAME = re.compile(r"[^\W_][\w.+-]{0,200}")
_BOM = b"\xef\xbb\xbf"
_writing = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchFile:
    """The text of a dispatch with \\n as line ends; `digest` is that of the file's bytes."""

    name: str
    text: str
    digest: str
    changed_at: float


class NoDispatchError(UsageError):
    """There is no file of this name in dispatches/."""


class ChangedError(NeedsConfirmationError):
    """The file has changed since the editor loaded it; `now` is its present content."""

    def __init__(self, now: DispatchFile) -> None:
        super().__init__(f"{now.name}.md was changed meanwhile by another person or program.")
        self.now = now


def read_dispatch(app: App, name: str) -> DispatchFile:
    """Returns the dispatch as it is on disk now."""
    path = dispatch_path(app, name)
    raw, changed_at = _bytes(path)
    return _text(name, raw, changed_at)


def save_dispatch(app: App, name: str, text: str, *, base: str, actor: str, step: bool = False) -> DispatchFile:
    """Saves `text` in place of the text whose digest is `base`; `step`: as a revision of its own in the history.

    Raises ChangedError, and writes nothing, if the file has changed meanwhile and has another text.
    """
    if len(text) > LARGEST:
        raise UsageError(f"The dispatch has more than {LARGEST:,} characters.", "Split it into two.")
    if "\0" in text:
        raise UsageError("The text contains an invisible character (NUL).", "Remove it.")
    path = dispatch_path(app, name)
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    with _writing:
        raw, changed_at = _bytes(path)
        now = _text(name, raw, changed_at)
        if now.text == plain:
            return now
        if now.digest != base:
            raise ChangedError(now)
        app.ledger.revisions.save(name, now.text, digest=now.digest, actor=ON_DISK)
        new = encode_like(plain, like=raw)
        if (again := _bytes(path))[0] != raw:  # changed while the ledger wrote
            raise ChangedError(_text(name, *again))
        _replace(path, new)
        app.ledger.revisions.save(name, plain, digest=source_digest(new), actor=actor, step=step)
    return read_dispatch(app, name)


def dispatch_path(app: App, name: str) -> Path:
    """Returns the real path of the dispatch `name`, which is within the workspace. Raises UsageError."""
    path = app.workspace.dispatches / f"{name}.md"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NoDispatchError("There is no such dispatch.", "It may have been renamed or removed.")
    real = path.resolve()
    if not app.workspace.has_dispatch_file(path):
        raise UsageError(
            "The file of this dispatch is outside the workspace, or a link to a different kind of file.",
            "Ask an admin to copy it to its place.",
        )
    return real


def _bytes(path: Path) -> tuple[bytes, float]:
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read ({error.strerror}).", "Check its permissions.") from None


def _text(name: str, raw: bytes, changed_at: float) -> DispatchFile:
    try:
        text = raw.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{name}.md is not UTF-8 text.", "Save it as UTF-8 in the program that wrote it.") from None
    return DispatchFile(
        name=name,
        text=text.replace("\r\n", "\n").replace("\r", "\n"),
        digest=source_digest(raw),
        changed_at=changed_at,
    )


def encode_like(text: str, *, like: bytes) -> bytes:
    """Encodes `text` with the line ends and the byte-order mark of the file that it replaces."""
    windows = like.count(b"\r\n") * 2 > like.count(b"\n")
    data = (text.replace("\n", "\r\n") if windows else text).encode()
    return _BOM + data if like.startswith(_BOM) else data


def source_digest(raw: bytes) -> str:
    """Returns the digest of a dispatch file's bytes."""
    return hashlib.sha256(raw).hexdigest()[:32]


def _replace(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written ({error.strerror}).", "Check its permissions.") from None


def read_source(path: Path) -> bytes:
    """Returns what is in the file of a dispatch. Raises UsageError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}).", "Check its permissions.") from None
