"""subscriber, suppress: one person, and the addresses that must not be mailed."""

from pathlib import Path

import click

from mailer.audience.address import parse_address
from mailer.cli.output import as_json, in_workspace, is_person, plural, print_json, say
from mailer.errors import UndecidedError
from mailer.ledger.records import Lifted, Lifting, SuppressionReason
from mailer.service.newsroom import Newsroom
from mailer.service.person import Person, find_person, list_rows, person_object
from mailer.service.result import iso

BY_HAND = "command line"


@click.group("subscriber")
def subscriber_command() -> None:
    """One person: show, unsubscribe, erase, export."""


@subscriber_command.command("show")
@click.argument("email")
@as_json
@in_workspace
def show(email: str, *, as_json: bool, workspace: Path) -> None:
    """Everything known of EMAIL: lists, a no, each send and its fate."""
    with Newsroom.open(workspace) as newsroom:
        person = find_person(newsroom, parse_address(email))
        if as_json:
            print_json(person_object(person))
        else:
            _show(person)


@subscriber_command.command("export")
@click.argument("email")
@in_workspace
def export(email: str, workspace: Path) -> None:
    """Everything known of EMAIL as one JSON object: what a person may ask for."""
    with Newsroom.open(workspace) as newsroom:
        print_json(person_object(find_person(newsroom, parse_address(email))))


@subscriber_command.command("unsubscribe")
@click.argument("email")
@as_json
@in_workspace
def unsubscribe(email: str, *, as_json: bool, workspace: Path) -> None:
    """Unsubscribe EMAIL from the whole installation, also from sends that are under way."""
    address = parse_address(email)
    with Newsroom.open(workspace) as newsroom:
        done = newsroom.ledger.suppressions.unsubscribe(address.identity, source=BY_HAND)
    if as_json:
        print_json({"email": address.display, "changed": done.changed, "skipped": done.skipped})
        return
    words = "is unsubscribed" if done.changed else f"was {done.suppression.reason} already"
    click.echo(f"{address.display} {words}")
    if done.skipped:
        say(f"{plural(done.skipped, 'delivery', 'deliveries')} under way will not go out")


@subscriber_command.command("erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@in_workspace
def erase(email: str, *, yes: bool, as_json: bool, workspace: Path) -> None:
    """Erase EMAIL from the ledger for good. Sums hold, and the address stays suppressed by a hash."""
    address = parse_address(email)
    if not yes:
        _ask(f"Erase all that the ledger knows of {address.display}, for good?")
    with Newsroom.open(workspace) as newsroom:
        done = newsroom.ledger.suppressions.erase(address.identity, source=BY_HAND)
        lists = [row.list for row in list_rows(newsroom, address)]
    if as_json:
        print_json({"email": address.display, "deliveries": done.deliveries, "skipped": done.skipped, "lists": lists})
        return
    click.echo(f"erased from {plural(done.deliveries, 'delivery', 'deliveries')}")
    if lists:
        say(
            f"The address still stands in the list {', '.join(lists)}: delete its row there. It is not mailed meanwhile."
        )


def _ask(question: str) -> None:
    """Raises UndecidedError where nobody can be asked, or the answer is no."""
    if not is_person():
        raise UndecidedError(
            "There is no terminal to ask at; nothing was erased.", "Add --yes to erase without asking."
        )
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise UndecidedError("Nothing was erased.")


@click.group("suppress")
def suppress_command() -> None:
    """Addresses that must not be mailed: add, remove, list."""


@suppress_command.command("add")
@click.argument("emails", nargs=-1, required=True, metavar="EMAIL...")
@as_json
@in_workspace
def add(emails: tuple[str, ...], *, as_json: bool, workspace: Path) -> None:
    """Never mail these addresses, until they are removed here."""
    addresses = [parse_address(email) for email in emails]
    with Newsroom.open(workspace) as newsroom:
        suppress = newsroom.ledger.suppressions.suppress
        reasons = {
            address.display: suppress(address.identity, SuppressionReason.BY_HAND, source=BY_HAND).suppression.reason
            for address in addresses
        }
    if as_json:
        print_json({"suppressed": [{"email": email, "reason": reason} for email, reason in reasons.items()]})
        return
    for email, reason in reasons.items():
        click.echo(f"{email}: {reason}")


@suppress_command.command("remove")
@click.argument("emails", nargs=-1, required=True, metavar="EMAIL...")
@as_json
@in_workspace
def remove(emails: tuple[str, ...], *, as_json: bool, workspace: Path) -> int:
    """Mail these addresses again. A person's own no stays: only the person takes it back. Exit 1 if there was one."""
    addresses = [parse_address(email) for email in emails]
    with Newsroom.open(workspace) as newsroom:
        lift = newsroom.ledger.suppressions.lift
        done = [(address.display, lift(address.identity, source=BY_HAND)) for address in addresses]
    if as_json:
        rows = [
            {"email": email, "outcome": each.outcome, "reason": each.suppression and each.suppression.reason}
            for email, each in done
        ]
        print_json({"removed": rows})
    else:
        for email, each in done:
            click.echo(f"{email}: {_lifted(each)}")
    return 1 if any(each.outcome is Lifting.REFUSED for _, each in done) else 0


def _lifted(done: Lifted) -> str:
    match done.outcome:
        case Lifting.REFUSED:
            return f"{done.suppression.reason if done.suppression else ''}, which only that person can take back"
        case Lifting.ABSENT:
            return "was not suppressed"
        case Lifting.LIFTED:
            return f"still {done.suppression.reason}" if done.suppression else "removed"


@suppress_command.command("list")
@as_json
@in_workspace
def list_(*, as_json: bool, workspace: Path) -> None:
    """Every suppressed address, since when, why, and by whom."""
    with Newsroom.open(workspace) as newsroom:
        rows = [
            {"identity": each.identity, "reason": each.reason.value, "at": iso(each.at), "source": each.source}
            for each in (newsroom.ledger.suppressions.all() if newsroom.has_ledger else ())
        ]
    if as_json:
        print_json({"suppressions": rows})
        return
    for row in rows:
        click.echo(f"{row['at']}  {row['reason']:<12}  {row['identity']}  {row['source']}")
    if not rows:
        say("Nobody is suppressed.")


def _show(person: Person) -> None:
    click.echo(person.display)
    for row in person.rows:
        fields = ", ".join(f"{name} {value}" for name, value in row.fields.items() if value)
        click.echo(f"  on {row.list}, line {row.line}: {row.status}{f'; {fields}' if fields else ''}")
    if person.suppression:
        held = person.suppression
        click.echo(f"  not mailed: {held.reason} since {iso(held.at)}, by {held.source}")
    for change in person.history:
        click.echo(f"  {iso(change.at)}  {change.change} ({change.reason}), by {change.source}")
    for sent in person.deliveries:
        reason = f" ({sent.reason})" if sent.reason else ""
        click.echo(f"  {iso(sent.at)}  send {sent.send_id} {sent.slug}: {sent.state}{reason}")
    if not (person.rows or person.suppression or person.deliveries):
        say("Nothing is known of this address.")
