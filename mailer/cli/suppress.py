"""The commands `suppress`: the suppression list."""

from pathlib import Path

import click

from mailer.addresses import parse_address
from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, print_json, short_identity
from mailer.iso_time import format_iso
from mailer.ledger.types.suppressions import SuppressionReason, UnsuppressResult, UnsuppressStatus
from mailer.service.subscribers.profile import lists_of


@click.group("suppress")
def suppress_command() -> None:
    """Manage the suppression list: addresses that get no mail, on any list."""


@suppress_command.command("add")
@click.argument("emails", nargs=-1, required=True, metavar="EMAIL...")
@as_json
@in_workspace
def add(emails: tuple[str, ...], *, as_json: bool, workspace: Path) -> None:
    """Add addresses to the suppression list. They get no mail until they are removed from it."""
    addresses = [parse_address(email) for email in emails]
    with App.open(workspace) as app:
        suppress = app.ledger.suppressions.suppress
        results = {
            address.display: suppress(address.identity, SuppressionReason.BY_HAND, source=COMMAND_LINE)
            for address in addresses
        }
        unlisted = {address.display for address in addresses if not lists_of(app, address)}
    if as_json:
        rows = [{"email": email, "reason": result.suppression.reason} for email, result in results.items()]
        print_json({"suppressed": rows})
        return
    for email, result in results.items():
        done = "suppressed" if result.changed else "was suppressed already"
        click.echo(f"{email}: {done} ({result.suppression.reason}){'; it is on no list' * (email in unlisted)}")


@suppress_command.command("remove")
@click.argument("emails", nargs=-1, required=True, metavar="EMAIL...")
@as_json
@in_workspace
def remove(emails: tuple[str, ...], *, as_json: bool, workspace: Path) -> int:
    """Remove addresses from the suppression list.

    A reader's own opt-out cannot be removed: only the reader can resubscribe. Exit 1 if there was one. What you entered yourself
    with “mailer subscriber unsubscribe” is removed.
    """
    addresses = [parse_address(email) for email in emails]
    with App.open(workspace) as app:
        unsuppress = app.ledger.suppressions.unsuppress
        results = [(address.display, unsuppress(address.identity, source=COMMAND_LINE)) for address in addresses]
    if as_json:
        rows = [
            {"email": email, "outcome": each.outcome, "reason": each.suppression and each.suppression.reason}
            for email, each in results
        ]
        print_json({"removed": rows})
    else:
        for email, each in results:
            click.echo(f"{email}: {_describe_result(each)}")
    return 1 if any(each.outcome is UnsuppressStatus.REFUSED for _, each in results) else 0


def _describe_result(results: UnsuppressResult) -> str:
    match results.outcome:
        case UnsuppressStatus.REFUSED:
            return f"{results.suppression.reason if results.suppression else ''}; only the reader can undo that"
        case UnsuppressStatus.ABSENT:
            return "was not suppressed"
        case UnsuppressStatus.LIFTED:
            return f"removed, but still {results.suppression.reason}" if results.suppression else "removed"


@suppress_command.command("list")
@as_json
@in_workspace
def list_(*, as_json: bool, workspace: Path) -> None:
    """List all suppressed addresses, with date, reason and source."""
    with App.open(workspace) as app:
        rows = [
            {"identity": each.identity, "reason": each.reason.value, "at": format_iso(each.at), "source": each.source}
            for each in (app.ledger.suppressions.all() if app.has_ledger else ())
        ]
    if as_json:
        print_json({"suppressions": rows})
        return
    for row in rows:
        click.echo(f"{row['at']}  {row['reason']:<12}  {short_identity(row['identity'])}  {row['source']}")
    if not rows:
        echo_err("No address is suppressed.")
