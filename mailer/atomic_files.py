"""Atomic file writes: a reader finds the old content or the new one, never a part.

    with AtomicFile(path) as new:
        new.file.write(…)
        new.commit()

    replace_file(path, data)     the same in one call
    create_file(path, data)      a new file; an existing one is never changed
    open_private                 an opener of `open`, for a file that holds readers: nobody but its owner may read it
    make_private(path)           removes the access of others to an existing file or folder

OSError is not translated; `create_file` raises FileExistsError for an existing name.
"""

import contextlib
import os
import stat
from pathlib import Path
from tempfile import mkstemp
from types import TracebackType
from typing import BinaryIO, Self

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


class AtomicFile:
    """A file that replaces the one at `path` when it is committed.

    It is written next to the old file, under a name that begins with a dot. It gets the permissions, and if allowed the owner,
    of the file `like` (default: the one that it replaces), or the permissions `mode`; if it is `private`, only its owner may
    read it. The target of a symbolic link is replaced. `commit` syncs the file and its folder to disk. Leaving the `with`
    block without `commit` removes the new file.
    """

    def __init__(self, path: Path, *, like: Path | None = None, mode: int | None = None, private: bool = False) -> None:
        self.target = path.resolve()
        handle, name = mkstemp(dir=self.target.parent, prefix=f".{self.target.name}.")
        self.path = Path(name)
        self.file: BinaryIO = os.fdopen(handle, "w+b")
        self._is_open = True
        try:
            if mode is None:
                _copy_permissions((like or self.target).stat(), handle, private=private)
            else:
                os.fchmod(handle, mode)
        except OSError:
            self.rollback()
            raise

    def commit(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.path.replace(self.target)
        self._is_open = False
        self.file.close()
        _sync_folder(self.target.parent)

    def rollback(self) -> None:
        """Closes and removes the new file, unless it was committed."""
        if self._is_open:
            self._is_open = False
            self.file.close()
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rollback()


def replace_file(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Replaces the content of the file at `path`; with `mode`, the file need not exist."""
    with AtomicFile(path, mode=mode) as new:
        new.file.write(data)
        new.commit()


def create_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Writes a new file, synced to disk. `mode` is reduced by the umask. A dangling link counts as existing."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def open_private(path: str, flags: int) -> int:
    """Opens a file for its owner only; for the argument `opener` of `open`. A file that exists is made private."""
    handle = os.open(path, flags, PRIVATE_FILE)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        os.fchmod(handle, PRIVATE_FILE)
    return handle


def make_private(path: Path) -> bool | None:
    """Removes the access of other users to `path`, also through a link.

    Returns whether others had access; None if they have it still, because the file belongs to another user.
    """
    found = path.stat()
    allowed = PRIVATE_FOLDER if stat.S_ISDIR(found.st_mode) else PRIVATE_FILE
    if not found.st_mode & 0o077:
        return False
    if os.geteuid() not in {0, found.st_uid}:
        return None if found.st_mode & 0o007 else False  # its owner chose a group
    path.chmod(found.st_mode & allowed)
    return True


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _copy_permissions(source: os.stat_result, handle: int, *, private: bool) -> None:
    """Copies the permissions, and the owner and group as far as this process is allowed to set them."""
    own = os.fstat(handle)
    if (own.st_uid, own.st_gid) != (source.st_uid, source.st_gid):
        for owner in (source.st_uid, -1):
            with contextlib.suppress(PermissionError):
                os.fchown(handle, owner, source.st_gid)
                break
    os.fchmod(handle, stat.S_IMODE(source.st_mode) & (PRIVATE_FILE if private else 0o7777))
