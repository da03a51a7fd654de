"""The command `schema`: prints the JSON Schema of the front matter."""

import json

import click

from mailer.dispatch.frontmatter.json_schema import front_matter_schema


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of a dispatch's front matter, for text editors that check YAML."""
    click.echo(json.dumps(front_matter_schema(), indent=2, ensure_ascii=False))
