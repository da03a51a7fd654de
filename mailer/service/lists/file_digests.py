"""Digests of list files, cached so that a file that has not changed need not be read again.

    read_digest(app, name)     reads the file, and caches the digest
    find_digest(app, name)     returns the cached digest while the file is unchanged, else reads it

A digest is kept in the state folder with the file's version: what the file system reported before and after it was read. It
says nothing of the ledger: compare it with the digest of the last sync. Raises ListError.
"""

import contextlib
import hashlib
import json
import time
from pathlib import Path

from mailer.app import App
from mailer.atomic_files import AtomicFile
from mailer.csv.list_errors import unreadable_error
from mailer.service.file_cache import TICK, file_version


def find_digest(app: App, name: str) -> str:
    """Returns the SHA-256 of a list file as it is now, in hex."""
    found = file_version(app.workspace.list_file(name))
    record = _load(_cache_path(app, name))
    if found is not None and record.get("version") == list(found):
        return str(record["digest"])
    return read_digest(app, name)


def read_digest(app: App, name: str) -> str:
    """Returns the SHA-256 of a list file, in hex, always by reading the file."""
    path = app.workspace.list_file(name)
    before = file_version(path)
    digest = file_digest(path)
    is_settled = before is not None and time.time_ns() - max(before[3:]) >= TICK
    if is_settled and file_version(path) == before:
        _save(_cache_path(app, name), {"version": before, "digest": digest}, like=path)
    return digest


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of the file at `path`, in hex. Raises ListError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable_error(path, error) from None


def _cache_path(app: App, name: str) -> Path:
    return app.workspace.state / "lists" / f"{name}.digest"


def _load(path: Path) -> dict[str, object]:
    """Returns the cached record; an empty one where it is missing or damaged, since the file can be read instead."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("digest"), str) else {}


def _save(path: Path, record: dict[str, object], *, like: Path) -> None:
    """Caches the record where the state folder exists and can be written; else the file is read again next time."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with AtomicFile(path, like=like, private=True) as new:
            new.file.write(json.dumps(record).encode())
            new.commit()
