"""Output of commands: lines for people, and one JSON object where it is asked for."""

import json
import sys
from collections.abc import Mapping

import click

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
