"""`NAME.rejected.csv`: the rows of a list that could not be used, with their line and the reason, beside the list.

Written anew by each full reading of the list, atomically, and removed when nothing is rejected any more; a reading that
fails leaves the old one. The cells are as the list has them, to be mended and pasted back. UTF-8 with a byte order
mark, so that spreadsheets read it, and the list's own delimiter and permissions.
"""

import csv
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from mailer.audience.listfile import ListError, ListFile
from mailer.audience.row import Finding, Rejected


def rejected_path(source: ListFile) -> Path:
    """Beside the list, by its name: also of a file that is about to take the list's place."""
    return source.path.with_name(f"{source.name}.rejected.csv")


@contextmanager
def keep_rejected(lists: Sequence[ListFile]) -> Iterator[Callable[[ListFile, Finding], None]]:
    """Yields a function that takes the findings of a reading of `lists` and keeps the rejected rows among them.

    Raises ListError if a file cannot be written.
    """
    files = {source.path: _RejectedFile(source) for source in lists}

    def keep(source: ListFile, finding: Finding) -> None:
        if isinstance(finding, Rejected):
            files[source.path].add(finding)

    try:
        yield keep
        for file in files.values():
            file.publish()
    except OSError as error:
        raise ListError(f"The rejected rows cannot be kept ({error.strerror}).", "See to the lists' folder.") from None
    finally:
        for file in files.values():
            file.discard()


class _RejectedFile:
    """The file of one list, made beside it at the first rejected row."""

    def __init__(self, source: ListFile) -> None:
        self._source = source
        self._target = rejected_path(source)
        self._new: IO[str] | None = None

    def add(self, rejected: Rejected) -> None:
        if self._new is None:
            self._new = self._begin()
        csv.writer(self._new, delimiter=self._source.delimiter).writerow(
            (rejected.line, rejected.reason, *rejected.cells)
        )

    def publish(self) -> None:
        """Put the new file in the place of the old one; without a rejected row there is none."""
        if self._new is None:
            self._target.unlink(missing_ok=True)
            return
        self._new.flush()
        os.fsync(self._new.fileno())
        Path(self._new.name).replace(self._target)

    def discard(self) -> None:
        """Close, and remove what was not published."""
        if self._new is not None:
            self._new.close()
            Path(self._new.name).unlink(missing_ok=True)

    def _begin(self) -> IO[str]:
        handle, name = mkstemp(dir=self._target.parent, prefix=f".{self._target.name}.")
        os.fchmod(handle, stat.S_IMODE(self._source.path.stat().st_mode))
        os.close(handle)
        file = Path(name).open("w", encoding="utf-8-sig", newline="")  # noqa: SIM115 - closed by `discard`
        writer = csv.writer(file, delimiter=self._source.delimiter)
        writer.writerow(("line", "reason", *self._source.columns.headers))
        return file
