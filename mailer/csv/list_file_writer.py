"""A writer of a file that replaces a list, in the list's encoding.

Text that the encoding cannot hold turns the whole file into UTF-8 with a byte order mark. So does text with which the file would
be detected as another encoding (encoding_detection.py).

OSError is not translated.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mailer.atomic_files import AtomicFile
from mailer.csv.encoding_detection import EncodingError, FileEncoding, byte_order_mark, detect_encoding


class CsvWriter:
    """Writes a new file beside `path`. `encoding`: that of the file at `path`, as detect_encoding returns it. Bytes of a mixed
    file stay as they are.
    """

    def __init__(self, path: Path, encoding: FileEncoding) -> None:
        with path.open("rb") as file:
            mark, self._encoding = byte_order_mark(file) or (b"", encoding.name)
        self._original = encoding
        self._has_mark = bool(mark)
        self._changed = False
        self._open_text(AtomicFile(path))
        if mark:
            self._text.write("\ufeff")

    @property
    def path(self) -> Path:
        return self._output.path

    def write(self, text: str) -> None:
        try:
            self._text.write(text)
        except UnicodeEncodeError:
            self._convert_to_utf8()
            self._text.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes lines that the encoding can hold."""
        self._text.writelines(lines)

    def ends_with_line_end(self) -> bool:
        """Whether the text so far ends with a line end."""
        self._text.flush()
        width = 2 if self._encoding.startswith("utf-16") else 1
        with self.path.open("rb") as file:
            file.seek(-width, io.SEEK_END)
            return file.read().decode(self._encoding, "replace") in {"\r", "\n"}

    def finish(self) -> bool:
        """Completes the text. Returns whether the encoding was changed to UTF-8."""
        self._text.flush()
        if not self._has_mark and self._encoding != self._detect_encoding():
            self._convert_to_utf8()
            self._text.flush()
        return self._changed

    @contextmanager
    def lines(self) -> Iterator[TextIO]:
        """Opens the text that was written."""
        with self.path.open(encoding=self._encoding, errors=self._original.errors, newline="") as file:
            if self._has_mark:
                file.read(1)
            yield file

    def commit(self) -> None:
        self._output.commit()

    def rollback(self) -> None:
        self._output.rollback()

    def _open_text(self, output: AtomicFile) -> None:
        self._output = output
        errors = FileEncoding(self._encoding).errors
        self._text = io.TextIOWrapper(output.file, encoding=self._encoding, errors=errors, newline="")

    def _convert_to_utf8(self) -> None:
        self._text.flush()
        former = self._output
        with self.lines() as written:
            former.rollback()
            self._encoding, self._has_mark, self._changed = "utf-8", True, True
            self._open_text(AtomicFile(former.target))
            self._text.write("\ufeff")
            for line in written:
                self._text.write(self._original.repair_text(line) if self._original.is_mixed else line)

    def _detect_encoding(self) -> str | None:
        try:
            with self.path.open("rb") as file:
                return detect_encoding(file).name
        except EncodingError:
            return None
