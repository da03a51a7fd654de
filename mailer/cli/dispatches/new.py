"""new, schema: a dispatch file to fill in, and the JSON Schema of its front matter."""

import json
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import in_workspace
from mailer.dispatch.frontmatter.json_schema import front_matter_schema
from mailer.service.dispatches.create import create_dispatch


@click.command("new")
@click.argument("title")
@in_workspace
def new_command(title: str, workspace: Path) -> None:
    """Make a dispatch file with TITLE, to fill in."""
    with App.open(workspace) as app:
        click.echo(create_dispatch(app, title))


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a dispatch's front matter, for editors that complete and check YAML."""
    click.echo(json.dumps(front_matter_schema(), indent=2, ensure_ascii=False))
