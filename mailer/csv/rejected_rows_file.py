"""`NAME.rejected.csv` beside a list: its rejected rows, each with line and reason.

Each full reading of the list replaces the file atomically, or removes it if no row is rejected; a failed reading leaves it
unchanged. The cells are as in the list. Nothing reads the file: what is corrected in it is lost with the next reading. UTF-8 with
a byte order mark, so that spreadsheets read it, and with the list's delimiter and owner. Only the owner may read it.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mailer.atomic_files import AtomicFile
from mailer.csv.list_errors import ListError
from mailer.csv.reader import CsvList
from mailer.csv.rows import Finding, RejectedRow


def rejected_path(source: CsvList) -> Path:
    """Returns the path beside the list, by the name of the list, even if `source` is a file that will replace it."""
    return source.path.with_name(f"{source.name}.rejected.csv")


@contextmanager
def keep_rejected(lists: Sequence[CsvList]) -> Iterator[Callable[[CsvList, Finding], None]]:
    """Yields a function that takes the findings of a reading of `lists` and keeps the rejected rows among them.

    Raises ListError if a file cannot be written.
    """
    with _committed({source.path: _RejectedFile(source, rejected_path(source)) for source in lists}) as files:

        def keep(source: CsvList, finding: Finding) -> None:
            if isinstance(finding, RejectedRow):
                files[source.path].add(finding)

        yield keep


def write_rejected(source: CsvList, target: Path) -> None:
    """Reads `source` and writes its rejected rows to `target`; without any, removes `target`.

    Raises ListError if the file cannot be read or written.
    """
    with _committed({source.path: _RejectedFile(source, target)}) as files:
        for row in source.rows(frozenset(), duplicates=False):
            if isinstance(row, RejectedRow):
                files[source.path].add(row)


@contextmanager
def _committed(files: dict[Path, "_RejectedFile"]) -> Iterator[dict[Path, "_RejectedFile"]]:
    """Yields `files`, and commits them at the end."""
    try:
        yield files
        for file in files.values():
            file.commit()
    except OSError as error:
        raise ListError(
            f"The rejected rows cannot be saved ({error.strerror}).",
            "Check the disk space and the permissions of the lists’ folder.",
        ) from None
    finally:
        for file in files.values():
            file.rollback()


class _RejectedFile:
    """The rejected rows of one list; the file is created with the first of them."""

    def __init__(self, source: CsvList, target: Path) -> None:
        self._source = source
        self._target = target
        self._new: AtomicFile | None = None
        self._text: io.TextIOWrapper | None = None

    def add(self, rejected: RejectedRow) -> None:
        if self._text is None:
            self._new = AtomicFile(self._target, like=self._source.path, private=True)
            self._text = io.TextIOWrapper(self._new.file, encoding="utf-8-sig", newline="")
            self._write_cells(self._text, "line", "reason", *self._source.columns.headers)
        self._write_cells(self._text, str(rejected.line), rejected.reason, *rejected.cells)

    def commit(self) -> None:
        """Replaces the old file, or removes it when no row was rejected."""
        if self._new is None or self._text is None:
            self._target.unlink(missing_ok=True)
        else:
            self._text.flush()
            self._new.commit()

    def rollback(self) -> None:
        """Removes the new file, unless it was committed."""
        if self._new is not None:
            self._new.rollback()

    def _write_cells(self, text: io.TextIOWrapper, *cells: str) -> None:
        csv.writer(text, delimiter=self._source.delimiter).writerow(cells)
