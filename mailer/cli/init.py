"""init: make a workspace."""

from pathlib import Path

import click

from mailer.cli.options import in_new_workspace
from mailer.cli.output import echo_err
from mailer.workspace import init_workspace


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=None, required=False)
@in_new_workspace
def init_command(folder: Path | None, workspace: Path) -> None:
    """Make FOLDER (default: here) a workspace. Overwrites nothing."""
    target = folder or workspace
    result = init_workspace(target)
    for path in result.created:
        click.echo(f"made  {target / path}")
    for path in result.kept:
        click.echo(f"kept  {target / path}")
    go_there = "" if target == Path() else f"cd {target} && "
    echo_err(f"\nSet your name and address in {target / '.env'}. To see it work at once: {go_there}mailer demo")
