"""Finds the messages in files, mboxes, Maildirs and other folders; changes nothing.

Of each message at most LARGEST octets are read, so that files of any size take little memory.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mailer.errors import UsageError
from mailer.feedback.received_message import LARGEST

_SEPARATOR = re.compile(rb"From \S* .*\d\d:\d\d")  # of an mbox: RFC 4155
_LINE = 64 * 1024  # octets that are read of a line at once
_MAILDIR = ("cur", "new")


def find_message_files(path: Path) -> Iterator[Path]:
    """Yields the files that may hold messages: `path` itself, or all in that folder, sorted.

    Of a Maildir only the messages, which are in `cur` and `new`. Hidden files and other kinds of files are left out.
    """
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        if all(name in folders for name in _MAILDIR):
            folders[:] = [name for name in folders if name in _MAILDIR or name.startswith(".")]  # Maildir++ subfolders
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in sorted(names):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file():
                yield file


def read_messages(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the text of each message in a file. Messages of an mbox are named `FILE:NUMBER`.

    Raises UsageError if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(_LINE)
            if _SEPARATOR.match(first):
                yield from _name_messages(path, _split_mbox(file, first))
            else:
                yield str(path), (first + file.read(max(0, LARGEST - len(first))))[:LARGEST]
    except OSError as error:
        raise UsageError(f"Cannot read {path} ({error.strerror}).", "Check the permissions of the file.") from None


def _name_messages(path: Path, messages: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    """Names the messages by their number, if there are several."""
    first = next(messages)
    second = next(messages, None)
    if second is None:
        yield str(path), first
        return
    yield f"{path}:1", first
    yield f"{path}:2", second
    for number, message in enumerate(messages, start=3):
        yield f"{path}:{number}", message


def _split_mbox(file: BinaryIO, first: bytes) -> Iterator[bytes]:
    """Yields the messages of an mbox: one begins with a `From ` line after an empty line."""
    lines, size, was_empty = [first], len(first), False
    while line := file.readline(_LINE):
        if was_empty and _SEPARATOR.match(line):
            yield b"".join(lines)
            lines, size = [], 0
        if size < LARGEST:
            lines.append(line)
            size += len(line)
        was_empty = line in {b"\n", b"\r\n"}
    yield b"".join(lines)
