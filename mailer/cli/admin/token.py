"""token: add, list, revoke tokens of the API."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, print_json
from mailer.ledger.types.accounts import Scope
from mailer.service.accounts.api_tokens import create_api_token
from mailer.timestamps import format_iso


@click.group("token")
def token_command() -> None:
    """Which programs may use the API: add, list, revoke."""


@token_command.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; several are allowed.",
)
@in_workspace
def add(name: str, scopes: tuple[str, ...], workspace: Path) -> None:
    """Make a token called NAME, and print it: this once, for the ledger keeps only a digest of it."""
    with App.open(workspace) as app:
        secret = create_api_token(app, name, map(Scope, scopes))
        app.ledger.audit.record(COMMAND_LINE, "token.add", name, " ".join(scopes))
    click.echo(secret)
    echo_err("Keep it where your program finds it; it is not shown again. To end it: mailer token revoke NAME")


@token_command.command("revoke")
@click.argument("name")
@in_workspace
def revoke(name: str, workspace: Path) -> None:
    """Let nobody in by the token NAME any more, from this moment."""
    with App.open(workspace) as app:
        token = app.ledger.api_tokens.revoke(name)
        app.ledger.audit.record(COMMAND_LINE, "token.revoke", token.name)
    click.echo(f"{token.name} lets nobody in any more")


@token_command.command("list")
@as_json
@in_workspace
def list_(*, as_json: bool, workspace: Path) -> None:
    """Every token, what it may do, and when it was used last."""
    with App.open(workspace) as app:
        tokens = app.ledger.api_tokens.all() if app.has_ledger else ()
    if as_json:
        rows = [
            {
                "name": each.name,
                "scopes": sorted(each.scopes),
                "at": format_iso(each.created_at),
                "used": format_iso(each.used_at),
            }
            for each in tokens
        ]
        print_json({"tokens": rows})
        return
    for each in tokens:
        used = f"used {format_iso(each.used_at)}" if each.used_at else "never used"
        click.echo(f"{each.name}  {' '.join(sorted(each.scopes))}  since {format_iso(each.created_at)}, {used}")
    if not tokens:
        echo_err("No program may use the API yet. Make a token with: mailer token add NAME --scope SCOPE")
