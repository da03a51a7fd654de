"""The commands `user`: add, list, change and remove users of the desk."""

from pathlib import Path

import click

from mailer.addresses import parse_address
from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, is_interactive, print_json
from mailer.iso_time import format_iso
from mailer.ledger.types.roles_and_scopes import Role
from mailer.relay import is_loopback_url
from mailer.service.accounts.invites import LINK_GOOD_FOR, create_invite
from mailer.service.accounts.oidc.login import normalize_login
from mailer.service.accounts.passwords import hash_password
from mailer.service.accounts.two_factor import has_two_factor

_ROLE = click.Choice([role.value for role in Role])


@click.group("user")
def user_command() -> None:
    """Manage the users who can sign in at the desk."""


@user_command.command("add")
@click.argument("name")
@click.option("--role", type=_ROLE, help="Default: writer; the first user is an admin.")
@click.option("--email", default="", help="The address to which this user sends tests.")
@click.option("--link", "by_link", is_flag=True, help="Do not ask for a password; print a link to choose one.")
@click.option("--oidc", default="", help="The login of this user at your identity provider.")
@in_workspace
def add(name: str, role: str | None, email: str, oidc: str, *, by_link: bool, workspace: Path) -> None:
    """Add the user NAME.

    Asks for a password. Without a terminal, or with --link, it prints a link by which the user chooses one. Users with
    --oidc need no password.
    """
    address = parse_address(email).display if email else ""
    with App.open(workspace) as app:
        login = normalize_login(app, oidc)
        by_oidc = app.settings.oidc_only or bool(login and not by_link)
        hashed = "" if by_oidc or by_link or not is_interactive() else hash_password(_ask_password(), name)
        users = app.ledger.users
        user = users.add(name, Role(role) if role else None, email=address, oidc_login=login)
        app.ledger.audit.record(COMMAND_LINE, "user.add", user.name, user.role.value)
        if hashed:
            users.set_password(user.id, hashed)
        if hashed or by_oidc:
            echo_err(f"{user.name} can now sign in as {user.role}, at {app.settings.base_url.rstrip('/')}/desk/")
        else:
            _show_link(app, user.name)


@user_command.command("link")
@click.argument("name")
@in_workspace
def link(name: str, workspace: Path) -> None:
    """Print a link with which the user NAME chooses a new password."""
    with App.open(workspace) as app:
        _show_link(app, name)
        app.ledger.audit.record(COMMAND_LINE, "user.link", name)


@user_command.command("oidc")
@click.argument("name")
@click.argument("login", default="")
@in_workspace
def oidc_(name: str, login: str, workspace: Path) -> None:
    """Set the login of the user NAME at your identity provider.

    Without LOGIN, the user can no longer sign in through the provider. In both cases the former account is unlinked,
    and all sessions of the user end.
    """
    with App.open(workspace) as app:
        user, known = app.ledger.users.by_name(name), normalize_login(app, login)
        app.ledger.users.set_oidc(user.id, known)
        app.ledger.audit.record(COMMAND_LINE, "user.oidc", user.name, known or "nobody")
    click.echo(f"{user.name}: {known or 'no login at the identity provider'}")


@user_command.command("role")
@click.argument("name")
@click.argument("role", type=_ROLE)
@in_workspace
def role_(name: str, role: str, workspace: Path) -> None:
    """Change the role of the user NAME to writer, editor or admin."""
    with App.open(workspace) as app:
        user = app.ledger.users.by_name(name)
        app.ledger.users.set_role(user.id, Role(role))
        app.ledger.audit.record(COMMAND_LINE, "user.role", user.name, f"{user.role} to {role}")
    click.echo(f"{user.name}: {role}")


@user_command.command("two-factor")
@click.argument("name")
@click.option("--off", is_flag=True, help="Turn it off, for a user who has lost the phone and the recovery codes.")
@in_workspace
def two_factor(name: str, *, off: bool, workspace: Path) -> None:
    """Show whether the user NAME signs in with a second factor, or turn it off. Users turn it on at the desk."""
    with App.open(workspace) as app:
        user = app.ledger.users.by_name(name)
        if off and app.ledger.two_factor.remove(user.id):
            app.ledger.audit.record(COMMAND_LINE, "user.code-off", user.name)
        is_on = has_two_factor(app, user)
    click.echo(f"{user.name}: two-factor sign-in is {'on' if is_on else 'off'}")


@user_command.command("remove")
@click.argument("name")
@in_workspace
def remove(name: str, workspace: Path) -> None:
    """Remove the user NAME. This ends all of their sessions immediately."""
    with App.open(workspace) as app:
        user = app.ledger.users.by_name(name)
        app.ledger.users.remove(user.id)
        app.ledger.audit.record(COMMAND_LINE, "user.remove", user.name)
    click.echo(f"{user.name} can no longer sign in.")


@user_command.command("list")
@as_json
@in_workspace
def list_(*, as_json: bool, workspace: Path) -> None:
    """List the users, with their roles."""
    with App.open(workspace) as app:
        users = app.ledger.users.all() if app.has_ledger else ()
    if as_json:
        rows = [
            {
                "name": each.name,
                "role": each.role.value,
                "email": each.email,
                "oidc": each.oidc_login,
                "password": each.has_password,
                "at": format_iso(each.created_at),
            }
            for each in users
        ]
        print_json({"users": rows})
        return
    for each in users:
        waits = "" if each.has_password or each.oidc_login else "  (no password yet)"
        email, login = (
            f"  {part}" if part else "" for part in (each.email, each.oidc_login and f"(as {each.oidc_login})")
        )
        click.echo(f"{each.role:<8}  {each.name}{email}{login}{waits}")
    if not users:
        echo_err("There are no users. To add the first one: mailer user add NAME")


def _ask_password() -> str:
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _show_link(app: App, name: str) -> None:
    user = app.ledger.users.by_name(name)
    link = create_invite(app, user)
    click.echo(link)
    if not is_loopback_url(link):
        local = f"http://127.0.0.1:8000/desk/link/{link.rpartition('/')[2]}"
        echo_err(f"On this machine: {local} (with the port of mailer serve)")
    else:
        echo_err("If mailer serve has another port, set MAILER_BASE_URL to it in .env: links are made from that.")
    echo_err(
        f"Give this link to {user.name}, to choose a password. It works once, for {LINK_GOOD_FOR // 86_400} days, "
        "while mailer serve is running."
    )
