"""Text on its way into a file that is to take a list's place, in the list's encoding.

Text that the encoding cannot hold makes the file UTF-8 with a byte order mark, what was written before included. So does
text that would have the file taken for another encoding when it is read again (encoding.py looks at the whole of it).

Raises OSError, as it comes.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mailer.csv.encoding import EncodingError, byte_order_mark, detect_encoding
from mailer.files import AtomicFile

_BLOCK = 1 << 20  # characters


class CsvWriter:
    """`encoding` is one of those that detect_encoding names, and the one of the file at `path`."""

    def __init__(self, path: Path, encoding: str) -> None:
        with path.open("rb") as file:
            mark, self._encoding = byte_order_mark(file) or (b"", encoding)
        self._marked = bool(mark)
        self._changed = False
        self._begin(AtomicFile(path))
        if mark:
            self._text.write("\ufeff")

    @property
    def path(self) -> Path:
        return self._output.path

    def write(self, text: str) -> None:
        try:
            self._text.write(text)
        except UnicodeEncodeError:
            self._become_utf8()
            self._text.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Lines that the encoding is known to hold."""
        self._text.writelines(lines)

    def ends_with_line_end(self) -> bool:
        """Whether what was written ends a line."""
        self._text.flush()
        width = 2 if self._encoding.startswith("utf-16") else 1
        with self.path.open("rb") as file:
            file.seek(-width, io.SEEK_END)
            return file.read().decode(self._encoding, "replace") in {"\r", "\n"}

    def finish(self) -> bool:
        """All is written; whether the encoding is another one now."""
        self._text.flush()
        if not self._marked and self._encoding != self._detected():
            self._become_utf8()
            self._text.flush()
        return self._changed

    @contextmanager
    def lines(self) -> Iterator[TextIO]:
        """What was written, read again."""
        with self.path.open(encoding=self._encoding, newline="") as file:
            if self._marked:
                file.read(1)
            yield file

    def commit(self) -> None:
        self._output.commit()

    def rollback(self) -> None:
        self._output.rollback()

    def _begin(self, output: AtomicFile) -> None:
        self._output = output
        self._text = io.TextIOWrapper(output.file, encoding=self._encoding, newline="")

    def _become_utf8(self) -> None:
        self._text.flush()
        former = self._output
        with self.lines() as written:
            former.rollback()
            self._encoding, self._marked, self._changed = "utf-8", True, True
            self._begin(AtomicFile(former.target))
            self._text.write("\ufeff")
            while block := written.read(_BLOCK):
                self._text.write(block)

    def _detected(self) -> str | None:
        try:
            with self.path.open("rb") as file:
                return detect_encoding(file)
        except EncodingError:
            return None
