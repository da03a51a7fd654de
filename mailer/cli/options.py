"""Options and arguments that several commands share, and the workspace of a command."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from mailer.csv.columns.header_row import EMAIL, SINCE, STATUS
from mailer.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

_NO_ROW = 2**63  # greater than any row number of a database
_MAX_DIGITS = len(str(_NO_ROW))
NOT_SHOWN = frozenset(
    {EMAIL, STATUS, SINCE}
)  # fields of a reader: the present status is shown, not the cell of the file
COMMAND_LINE = "command line"  # the source of a change in the ledger, and its user in the audit log

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
WORKSPACE_HELP = "The workspace to work in. Default: the current folder."


class RowNumber(click.ParamType[int]):
    """The number of a send, a sync or a message, as the database numbers its rows. Help shows no range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if not text.isdecimal() or len(text) > _MAX_DIGITS or not 0 < int(text) < _NO_ROW:
            self.fail(f"“{text}” is not a number above 0.", param, ctx)
        return int(text)


send_number = click.argument("send", type=RowNumber())


@dataclass(slots=True)
class CliContext:
    """The folder of `--workspace`, which is accepted before and after the command's name."""

    folder: Path = field(default_factory=Path)


def in_workspace(function: F) -> F:
    """Adds `--workspace` to a command that works in an existing folder, and passes the folder to it."""

    def existing(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
        folder = _remember_folder(ctx, parameter, value)
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.", f"To create a workspace there: mailer init {folder}")
        return folder

    return workspace_option(existing)(function)


def in_new_workspace(function: F) -> F:
    """Adds `--workspace` to a command that can create the folder."""
    return workspace_option(_remember_folder)(function)


def workspace_option(callback: Callable[[click.Context, click.Parameter, Path | None], Path]) -> Callable[[F], F]:
    return click.option(
        "--workspace", type=click.Path(path_type=Path), metavar="DIR", callback=callback, help=WORKSPACE_HELP
    )


def _remember_folder(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    context = ctx.find_object(CliContext) or CliContext()
    if value is not None:
        context.folder = value
    return context.folder


def parse_list_names(values: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of lists that `--to a,b --to c` gives, each once and in order."""
    names = (name.strip().removesuffix(".csv") for text in values for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))
