"""init, new, schema: what there is before anything is sent."""

import json
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.output import echo_err, in_new_workspace, in_workspace
from mailer.dispatch.frontmatter.schema import front_matter_schema
from mailer.service.dispatches.create import create_dispatch
from mailer.workspace import init


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=None, required=False)
@in_new_workspace
def init_command(folder: Path | None, workspace: Path) -> None:
    """Make FOLDER (default: here) a workspace. Overwrites nothing."""
    target = folder or workspace
    made = init(target)
    for path in made.created:
        click.echo(f"made  {target / path}")
    for path in made.kept:
        click.echo(f"kept  {target / path}")
    go_there = "" if target == Path() else f"cd {target} && "
    echo_err(f"\nSet your name and address in {target / '.env'}. To see it work at once: {go_there}mailer demo")


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
