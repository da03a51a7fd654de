"""The command `new`: creates a dispatch file to fill in."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import in_workspace
from mailer.service.dispatches.create import create_dispatch


@click.command("new")
@click.argument("title")
@in_workspace
def new_command(title: str, workspace: Path) -> None:
    """Create a dispatch file with TITLE in dispatches/, and print its path."""
    with App.open(workspace) as app:
        click.echo(create_dispatch(app, title))
