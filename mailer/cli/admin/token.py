"""The commands `token`: add, list and revoke tokens of the API."""

import shlex
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, print_json
from mailer.iso_time import format_iso
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.accounts.api_tokens import create_api_token, describe_token, last_day_of


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
@click.option("--until", "last_day", default="", metavar="DATE", help="The last day of the token, such as 2027-01-31.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="An IP address or a network from which the token can be used, such as 203.0.113.0/24; may be repeated.",
)
@in_workspace
def add(name: str, scopes: tuple[str, ...], last_day: str, networks: tuple[str, ...], workspace: Path) -> None:
    """Create a token called NAME, and print it. It is shown only once.

    Without --until it has no end, and without --network it can be used from everywhere.
    """
    with App.open(workspace) as app:
        secret, token = create_api_token(app, name, map(Scope, scopes), last_day=last_day, networks=networks)
        app.ledger.audit.record(COMMAND_LINE, "token.add", token.name, describe_token(app, token))
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
    """List the tokens, with their scopes, their limits, and when they were last used."""
    with App.open(workspace) as app:
        tokens = app.ledger.api_tokens.all() if app.has_ledger else ()
        days = {each.id: last_day_of(app, each) for each in tokens}
        described = {each.id: describe_token(app, each) for each in tokens}
    if as_json:
        rows = [
            {
                "name": each.name,
                "scopes": sorted(each.scopes),
                "at": format_iso(each.created_at),
                "used": format_iso(each.used_at),
                "until": days[each.id],
                "networks": list(map(str, each.networks)),
            }
            for each in tokens
        ]
        print_json({"tokens": rows})
        return
    for each in tokens:
        used = f"used {format_iso(each.used_at)}" if each.used_at else "never used"
        click.echo(f"{each.name}  {described[each.id]}  since {format_iso(each.created_at)}, {used}")
    if not tokens:
        echo_err("There are no tokens. To create one: mailer token add NAME --scope SCOPE")
