"""A file that takes the place of another one all at once, or not at all.

    with Replacement(path) as new:
        new.file.write(…)
        new.publish()

It is written beside the old one, under a name that begins with a dot, with the old one's permissions and, where that is
allowed, its owner. `publish` has it on disk before it takes the name; without `publish`, leaving removes it. A symbolic
link stays, and what it points to is replaced. The folder's entry is on disk too when `publish` returns.

Raises OSError, as it comes.
"""

import contextlib
import os
import stat
from pathlib import Path
from tempfile import mkstemp
from types import TracebackType
from typing import BinaryIO, Self


class Replacement:
    """`like`: whose permissions and owner the file gets, if not those of the file at `path`."""

    def __init__(self, path: Path, *, like: Path | None = None) -> None:
        self.target = path.resolve()
        handle, name = mkstemp(dir=self.target.parent, prefix=f".{self.target.name}.")
        self.path = Path(name)
        self.file: BinaryIO = os.fdopen(handle, "w+b")
        try:
            _take_after(handle, (like or self.target).stat())
        except OSError:
            self.discard()
            raise

    def publish(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.path.replace(self.target)
        self.file.close()
        folder = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Close, and remove what was not published."""
        if not self.file.closed:
            self.file.close()
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def _take_after(handle: int, like: os.stat_result) -> None:
    """Permissions, and the owner and group as far as this process may give them."""
    own = os.fstat(handle)
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        for owner in (like.st_uid, -1):
            with contextlib.suppress(PermissionError):
                os.fchown(handle, owner, like.st_gid)
                break
    os.fchmod(handle, stat.S_IMODE(like.st_mode))
