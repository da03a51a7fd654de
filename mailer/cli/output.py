"""How commands speak: rich text to people, plain lines to pipes, one JSON object where it is asked for."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def in_workspace(function: F) -> F:
    """Let a command take `--workspace` too, behind its name; the one before it is the default."""

    def remember(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
        if value is not None:
            ctx.find_root().obj = value
        chosen: Path = ctx.find_root().obj or Path()
        return chosen

    option = click.option(
        "--workspace", type=click.Path(path_type=Path), callback=remember, help="Work there instead of here."
    )
    return option(function)


def print_json(value: Mapping[str, object]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def say(text: str = "") -> None:
    """A line for a person, beside the result: on standard error, so that a pipe gets only the result."""
    click.echo(text, err=True)


def is_person() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def plural(count: int, one: str, many: str = "") -> str:
    """`1 reader`, `2,000 readers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
