"""init, new, schema: what there is before anything is sent."""

import datetime as dt
import json
from pathlib import Path

import click

from mailer.cli.output import in_new_workspace, in_workspace, say
from mailer.dispatch.schema import front_matter_schema
from mailer.dispatch.slug import slugify
from mailer.errors import UsageError
from mailer.settings import load_settings
from mailer.workspace import Workspace, init


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
    say(f"\nSet your name and address in {target / '.env'}. To see it work at once: {go_there}mailer demo")


@click.command("new")
@click.argument("title")
@in_workspace
def new_command(title: str, workspace: Path) -> None:
    """Make a dispatch file with TITLE, to fill in."""
    settings = load_settings(workspace)
    if not title.strip():
        raise UsageError("A dispatch needs a title.")
    today = dt.datetime.now(settings.timezone).date()
    path = Workspace(workspace).dispatches / f"{today.isoformat()}-{slugify(title) or 'dispatch'}.md"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_skeleton(title.strip(), today, settings.sender.name, settings.language))
    except FileExistsError:
        raise UsageError(f"{path} is there already.", "Choose another title, or edit that file.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from error
    click.echo(path)


def _skeleton(title: str, today: dt.date, editor: str, language: str) -> str:
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string

    holder = (
        f"copyright: {quoted(f'All notes and summaries copyright © {today.year} {editor}. All rights reserved.')}\n"
    )
    signature = f"editor:\n  name: {quoted(editor)}\n  signature: {quoted(editor)}\n" if editor else ""
    return f"""\
---
title: {quoted(title)}
date: {today.isoformat()}
language: {language}
{signature}{holder if editor else ""}---

Dear {{{{ reader.first_name or "reader" }}}},

Write your note here. Each article begins with “##”; the lines under its title say where it comes from.

## The title of an article
source: The name of the paper
date: {today.isoformat()}
link: https://example.org/the-article

The text of the article.
"""


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a dispatch's front matter, for editors that complete and check YAML."""
    click.echo(json.dumps(front_matter_schema(), indent=2, ensure_ascii=False))
