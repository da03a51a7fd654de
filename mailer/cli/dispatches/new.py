"""new, schema: a dispatch file to fill in, and the JSON Schema of its front matter."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import in_workspace
from mailer.service.dispatches.create import create_dispatch


@click.command("new")
@click.argument("title")
@in_workspace
def new_command(title: str, workspace: Path) -> None:
    """Make a dispatch file with TITLE, to fill in."""
    with App.open(workspace) as app:
        click.echo(create_dispatch(app, title))
