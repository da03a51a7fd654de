"""The command `init`: create a workspace."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from mailer.cli.options import in_new_workspace
from mailer.cli.output import echo_err, plural
from mailer.workspace import init_workspace


@click.command("init")
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=None, required=False
)
@in_new_workspace
def init_command(folder: Path | None, workspace: Path) -> None:
    """Create a workspace in DIR, or in the current folder.

    It gets templates, a list, example dispatches and a .env file with a new secret key. Existing files are kept.
    """
    target = folder or workspace
    result = init_workspace(target)
    _show_paths("created", target, result.created)
    _show_paths("kept", target, result.kept)
    go_there = "" if target == Path() else f"cd {target} && "
    first = f"Next: set your sender name and address in {target / '.env'}. " if result.needs_sender else ""
    echo_err(f"\n{first}To see a send {'first' if first else 'on this machine'}: {go_there}mailer demo")


def _show_paths(what: str, target: Path, paths: Iterable[Path]) -> None:
    """Prints a line for each file in `target`, and for each folder with the number of its files."""
    counts = Counter((path.parts[0], len(path.parts) > 1) for path in paths)
    for (name, is_folder), count in counts.items():
        files = f"/  ({plural(count, 'file')})" if is_folder else ""
        click.echo(f"{what:<7}  {target / name}{files}")
