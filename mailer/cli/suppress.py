"""The commands `suppress`: the suppression list."""

from collections import Counter
from pathlib import Path

import click

from mailer.addresses import parse_address
from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, plural, print_json, short_identity, write_csv
from mailer.errors import UsageError
from mailer.iso_time import format_iso
from mailer.ledger.types.suppressions import Suppression, SuppressionReason, UnsuppressResult, UnsuppressStatus
from mailer.ledger.types.syncs import FROM_LIST
from mailer.service.subscribers.personal_data import SubscriberProfile, find_profile, lists_of, mail_state

_CSV_COLUMNS = ("email", "reason", "at", "source")
_AT_THE_DESK = ", at the desk"  # how the source of an entry by a user of the desk ends


@click.group("suppress")
def suppress_command() -> None:
    """Manage the suppression list: addresses that get no mail, on any list."""


@suppress_command.command("add")
@click.argument("emails", nargs=-1, required=True, metavar="EMAIL...")
@as_json
@in_workspace
def add(emails: tuple[str, ...], *, as_json: bool, workspace: Path) -> None:
    """Block addresses: they get no mail until you remove them from the suppression list.

    It is for addresses that you do not want to mail, such as dead ones. For a reader who asks for no more mail: mailer
    subscriber unsubscribe
    """
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
        results = [
            (address.display, unsuppress(address.identity, source=COMMAND_LINE, also_entered=True))
            for address in addresses
        ]
        profiles = {address.display: find_profile(app, address) for address in addresses}
    if as_json:
        rows = [
            {"email": email, "outcome": each.outcome, "reason": each.suppression and each.suppression.reason}
            for email, each in results
        ]
        print_json({"removed": rows})
    else:
        for email, each in results:
            click.echo(f"{email}: {_describe_result(each, profiles[email])}")
    return 1 if any(each.outcome is UnsuppressStatus.REFUSED for _, each in results) else 0


def _describe_result(results: UnsuppressResult, profile: SubscriberProfile) -> str:
    match results.outcome:
        case UnsuppressStatus.REFUSED:
            return _describe_refusal(results.suppression) if results.suppression else "was not removed"
        case UnsuppressStatus.ABSENT:
            return "was not suppressed"
        case UnsuppressStatus.LIFTED:
            if results.suppression:
                return f"removed, but still {results.suppression.reason}"
            return f"removed; {mail_state(profile).replace('gets mail', 'gets mail again')}"


def _describe_refusal(active: Suppression) -> str:
    """Returns why an admin cannot lift `active`, with its source: the reader, a list file, or a user."""
    what = f"{active.reason}, by {active.source}"
    if active.reason is SuppressionReason.ERASED:
        return f"{what}; nobody can undo that"
    if active.source.startswith(FROM_LIST):
        return f"{what}; only the reader can undo that, or “mailer list undo” of this sync"
    by_user = ", or the user who entered it" if active.source.endswith(_AT_THE_DESK) else ""
    return f"{what}; only the reader can undo that{by_user}"


@suppress_command.command("list")
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in SuppressionReason]),
    help="Only addresses that are suppressed for this reason.",
)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="How many addresses to show. Default: all.")
@click.option("--csv", "csv_file", metavar="FILE", help="Write them as CSV to FILE, or to standard output with -.")
@as_json
@in_workspace
def list_(*, reason: str | None, limit: int | None, csv_file: str | None, as_json: bool, workspace: Path) -> None:
    """List the suppressed addresses, with date, reason and source, and their total."""
    if csv_file and as_json:
        raise UsageError("--csv and --json cannot be used together.", "Use one of them.")
    if limit is not None and (csv_file or as_json):
        raise UsageError("--limit cannot be used with --csv or --json.", "Leave it out.")
    reasons = (SuppressionReason(reason),) if reason else ()
    with App.open(workspace) as app:
        rows = [
            {"identity": each.identity, "reason": each.reason.value, "at": format_iso(each.at), "source": each.source}
            for each in (app.ledger.suppressions.all(*reasons) if app.has_ledger else ())
        ]
    if as_json:
        print_json({"suppressions": rows})
        return
    if csv_file:
        write_csv(csv_file, _CSV_COLUMNS, [list(row.values()) for row in rows])
    else:
        for row in rows[:limit]:
            click.echo(f"{row['at']}  {row['reason']:<12}  {short_identity(row['identity'])}  {row['source']}")
    if not rows:
        echo_err(
            "No address is suppressed." if reason is None else f"No address is suppressed for the reason “{reason}”."
        )
        return
    counts = Counter(row["reason"] for row in rows)
    by_reason = ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items()))
    echo_err(f"{plural(len(rows), 'address', 'addresses')}: {by_reason}")
