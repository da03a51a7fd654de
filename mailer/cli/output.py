"""How commands speak: rich text to people, plain lines to pipes, one JSON object where it is asked for."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from mailer.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
SEND_NUMBER = click.IntRange(1, 2**63 - 1)
send_number = click.argument("send", type=SEND_NUMBER)


@dataclass(slots=True)
class CliContext:
    """Where a command works; told by `--workspace`, before the command's name or behind it."""

    folder: Path = field(default_factory=Path)


def in_workspace(function: F) -> F:
    """Let a command take `--workspace`, and hand it the folder, which exists."""

    def existing(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
        folder = _remember(ctx, parameter, value)
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.", f"Make a workspace there with: mailer init {folder}")
        return folder

    return workspace_option(existing)(function)


def in_new_workspace(function: F) -> F:
    """The same for a command that makes the folder."""
    return workspace_option(_remember)(function)


def workspace_option(callback: Callable[[click.Context, click.Parameter, Path | None], Path]) -> Callable[[F], F]:
    return click.option(
        "--workspace", type=click.Path(path_type=Path), callback=callback, help="Work there instead of here."
    )


def _remember(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    place = ctx.find_object(CliContext) or CliContext()
    if value is not None:
        place.folder = value
    return place.folder


def print_json(value: Mapping[str, object]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def echo_err(text: str = "") -> None:
    """A line for a person, beside the result: on standard error, so that a pipe gets only the result."""
    click.echo(text, err=True)


def is_interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def plural(count: int, one: str, many: str = "") -> str:
    """`1 reader`, `2,000 readers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
