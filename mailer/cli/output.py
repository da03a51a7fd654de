"""Output of commands: lines for people, and one JSON object where it is asked for."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from mailer.atomic_files import open_private
from mailer.csv.formula_safe_writer import write_export
from mailer.errors import UsageError

_MARKER_SHOWN = 19  # characters of `erased:` and a hash


def print_json(value: Mapping[str, object]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def echo_err(text: str = "") -> None:
    """Prints a line to standard error, so that a pipe gets only the result of a command."""
    click.echo(text, err=True)


def is_interactive() -> bool:
    """Whether a person at a terminal can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def short_identity(identity: str) -> str:
    """Returns an address, or the beginning of the long marker that replaces an erased one."""
    return identity if "@" in identity else f"{identity[:_MARKER_SHOWN]}…"


def plural(count: int, one: str, many: str = "") -> str:
    """Returns a number with its noun: `1 reader`, `2,000 readers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def write_csv(path: Path | str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes rows to a file that only its owner may read, or to standard output for "-". Raises UsageError."""
    if str(path) == "-":
        write_export(sys.stdout, columns, rows, line_end="\n")
        return
    try:
        with open(path, "w", encoding="utf-8", newline="", opener=open_private) as file:
            write_export(file, columns, rows)
    except OSError as error:
        raise UsageError(
            f"Cannot write {path} ({error.strerror}).", "Free disk space, or choose another file."
        ) from error
