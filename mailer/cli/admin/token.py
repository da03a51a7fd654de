"""The commands `token`: add, list and revoke tokens of the API."""

import shlex
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, print_json
from mailer.iso_time import format_iso
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.accounts.api_tokens import create_api_token


@click.group("token")
def token_command() -> None:
    """Manage the tokens with which programs use the API."""


@token_command.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    metavar="SCOPE",
    help=f"What the token allows; may be repeated: {', '.join(Scope)}.",
)
@in_workspace
def add(name: str, scopes: tuple[str, ...], workspace: Path) -> None:
    """Create a token called NAME, and print it. It is shown only once."""
    with App.open(workspace) as app:
        secret = create_api_token(app, name, map(Scope, scopes))
        app.ledger.audit.record(COMMAND_LINE, "token.add", name, " ".join(scopes))
    click.echo(secret)
    echo_err(
        f"Store this token in your program; it is not shown again. To revoke it: mailer token revoke {shlex.quote(name)}"
    )


@token_command.command("revoke")
@click.argument("name")
@in_workspace
def revoke(name: str, workspace: Path) -> None:
    """Revoke the token NAME, immediately."""
    with App.open(workspace) as app:
        token = app.ledger.api_tokens.revoke(name)
        app.ledger.audit.record(COMMAND_LINE, "token.revoke", token.name)
    click.echo(f"The token {token.name} is revoked.")


@token_command.command("list")
@as_json
@in_workspace
def list_(*, as_json: bool, workspace: Path) -> None:
    """List the tokens, with their scopes and when they were last used."""
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
        echo_err("There are no tokens. To create one: mailer token add NAME --scope SCOPE")
