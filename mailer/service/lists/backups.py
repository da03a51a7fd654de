"""Earlier versions of a list file, for `mailer list undo`.

After each sync that changed something the file is kept, compressed, as .mailer/lists/NAME/SYNC.csv.gz; the file that an undo
replaces is kept as SYNC.replaced.csv.gz. The newest KEPT versions of a list are kept. They contain addresses, so only their
owner can read them. A version from which an erased subscriber was removed has its new digest in SYNC.csv.gz.digest.
"""

import gzip
import hashlib
import shutil
from pathlib import Path
from typing import BinaryIO

from mailer.atomic_files import PRIVATE_FILE, AtomicFile, replace_file
from mailer.errors import UsageError

KEPT = 30
_LEVEL = 1  # of compression: a list of a million rows takes a second
_REPLACED = "replaced.csv.gz"


class ListBackups:
    """The kept versions of one list, in a folder of the state folder. Raises UsageError for errors of the disk."""

    def __init__(self, state: Path, name: str) -> None:
        self._folder = state / "lists" / name

    def save(self, sync: int, path: Path, *, replaced: bool = False) -> None:
        """Keeps the file at `path` as the version that sync number `sync` left, or (`replaced`) replaced."""
        target = self._folder / (f"{sync}.{_REPLACED}" if replaced else f"{sync}.csv.gz")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with AtomicFile(target, like=path, private=True) as new, path.open("rb") as old:
                with gzip.GzipFile(fileobj=new.file, mode="wb", compresslevel=_LEVEL, filename="", mtime=0) as packed:
                    shutil.copyfileobj(old, packed, 1 << 20)
                new.commit()
            self._forget_the_oldest()
        except OSError as error:
            raise UsageError(
                f"The list was synced, but this version of its file cannot be stored for undo ({error.strerror}).",
                "Check the disk space and the permissions of the workspace.",
            ) from error

    def versions(self) -> tuple[int, ...]:
        """Returns the syncs whose files are kept, the newest first."""
        names = (
            path.name.partition(".")[0] for path in self._folder.glob("*.csv.gz") if not path.match(f"*.{_REPLACED}")
        )
        return tuple(sorted((int(name) for name in names if name.isdecimal()), reverse=True))

    def restore(self, sync: int, digest: str, target: BinaryIO) -> None:
        """Writes the file that sync `sync` left into `target`. Raises UsageError if it is missing or its digest differs."""
        path = self._folder / f"{sync}.csv.gz"
        try:
            with gzip.open(path, "rb") as packed:
                shutil.copyfileobj(packed, target, 1 << 20)
            target.seek(0)
            found = hashlib.sha256()
            while block := target.read(1 << 20):
                found.update(block)
        except (OSError, EOFError, ValueError) as error:
            raise UsageError(
                f"The stored version {sync} of the list cannot be read ({error}).", "Choose a different version."
            ) from None
        if found.hexdigest() not in {digest, _changed_digest(path)}:
            raise UsageError(f"The stored version {sync} of the list is damaged.", "Choose a different version.")

    def _forget_the_oldest(self) -> None:
        syncs = self.versions()
        for sync in syncs[KEPT:]:
            (self._folder / f"{sync}.csv.gz").unlink(missing_ok=True)
            _digest_path(self._folder / f"{sync}.csv.gz").unlink(missing_ok=True)
            (self._folder / f"{sync}.{_REPLACED}").unlink(missing_ok=True)


def write_version(path: Path, data: bytes) -> None:
    """Replaces the kept version at `path` by `data`, and its digest before it. OSError is not translated."""
    replace_file(_digest_path(path), hashlib.sha256(data).hexdigest().encode(), mode=PRIVATE_FILE)
    replace_file(path, gzip.compress(data, _LEVEL, mtime=0), mode=PRIVATE_FILE)


def _digest_path(version: Path) -> Path:
    return version.with_name(f"{version.name}.digest")


def _changed_digest(version: Path) -> str:
    try:
        return _digest_path(version).read_text("ascii")
    except FileNotFoundError:
        return ""
