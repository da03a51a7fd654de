"""subscriber, suppress: one person, and the addresses that must not be mailed."""

from collections.abc import Iterator
from pathlib import Path

import click

from mailer.addresses import parse_address
from mailer.app import App
from mailer.cli.output import as_json, echo_err, in_workspace, is_interactive, plural, print_json
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.suppressions import SuppressionReason, UnsuppressResult, UnsuppressStatus
from mailer.sanitize import clean
from mailer.service.subscribers.profile import (
    ListEntry,
    SubscriberProfile,
    find_profile,
    lists_with,
    profile_object,
    subject_copy,
)
from mailer.timestamps import iso

BY_HAND = "command line"
_LONGEST = 100  # characters of a person's words on one line
_LONGEST_EVIDENCE = 400


@click.group("subscriber")
def subscriber_command() -> None:
    """One person: show, unsubscribe, erase, export."""


@subscriber_command.command("show")
@click.argument("email")
@as_json
@in_workspace
def show(email: str, *, as_json: bool, workspace: Path) -> None:
    """Everything known of EMAIL: lists, consent, a no, every change and by whom, each send and its fate."""
    with App.open(workspace) as app:
        person = find_profile(app, parse_address(email))
        if as_json:
            print_json(profile_object(person))
        else:
            _show(person)


@subscriber_command.command("export")
@click.argument("email")
@in_workspace
def export(email: str, workspace: Path) -> None:
    """Everything known of EMAIL as one JSON object: what a person may ask for."""
    with App.open(workspace) as app:
        print_json(profile_object(subject_copy(find_profile(app, parse_address(email)))))


@subscriber_command.command("unsubscribe")
@click.argument("email")
@as_json
@in_workspace
def unsubscribe(email: str, *, as_json: bool, workspace: Path) -> None:
    """Unsubscribe EMAIL from the whole installation, also from sends that are under way."""
    address = parse_address(email)
    with App.open(workspace) as app:
        done = app.ledger.suppressions.unsubscribe(address.identity, source=BY_HAND)
        lists = set(lists_with(app, address))
        lists |= {each.list for each in app.ledger.members.of(address.identity) if each.removed_at is None}
    if as_json:
        names = sorted(lists)
        print_json({"email": address.display, "changed": done.changed, "skipped": done.skipped, "lists": names})
        return
    words = "is unsubscribed" if done.changed else f"was {done.suppression.reason} already"
    click.echo(f"{address.display} {words}")
    if done.skipped:
        echo_err(f"{plural(done.skipped, 'delivery', 'deliveries')} under way will not go out")
    if not lists:
        echo_err(
            "The address is on no list; should it come onto one, it is not mailed. Is it written as the person has it?"
        )


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
    with App.open(workspace) as app:
        done = app.ledger.erasure.erase(address.identity, source=BY_HAND)
        lists = list(lists_with(app, address))
    if as_json:
        print_json({"email": address.display, "deliveries": done.deliveries, "skipped": done.skipped, "lists": lists})
        return
    click.echo(f"erased from {plural(done.deliveries, 'delivery', 'deliveries')}")
    if lists:
        echo_err(
            f"The address still stands in the list {', '.join(lists)}: delete its row there. It is not mailed meanwhile."
        )


def _ask(question: str) -> None:
    """Raises NeedsConfirmationError where nobody can be asked, or the answer is no."""
    if not is_interactive():
        raise NeedsConfirmationError(
            "There is no terminal to ask at; nothing was erased.", "Add --yes to erase without asking."
        )
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise NeedsConfirmationError("Nothing was erased.")


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
    with App.open(workspace) as app:
        suppress = app.ledger.suppressions.suppress
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
    with App.open(workspace) as app:
        lift = app.ledger.suppressions.unsuppress
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
    return 1 if any(each.outcome is UnsuppressStatus.REFUSED for _, each in done) else 0


def _lifted(done: UnsuppressResult) -> str:
    match done.outcome:
        case UnsuppressStatus.REFUSED:
            return f"{done.suppression.reason if done.suppression else ''}, which only that person can take back"
        case UnsuppressStatus.ABSENT:
            return "was not suppressed"
        case UnsuppressStatus.LIFTED:
            return f"still {done.suppression.reason}" if done.suppression else "removed"


@suppress_command.command("list")
@as_json
@in_workspace
def list_(*, as_json: bool, workspace: Path) -> None:
    """Every suppressed address, since when, why, and by whom."""
    with App.open(workspace) as app:
        rows = [
            {"identity": each.identity, "reason": each.reason.value, "at": iso(each.at), "source": each.source}
            for each in (app.ledger.suppressions.all() if app.has_ledger else ())
        ]
    if as_json:
        print_json({"suppressions": rows})
        return
    for row in rows:
        click.echo(f"{row['at']}  {row['reason']:<12}  {row['identity']}  {row['source']}")
    if not rows:
        echo_err("Nobody is suppressed.")


def _show(person: SubscriberProfile) -> None:
    click.echo(person.display)
    for line in (*_standing(person), *_past(person)):
        click.echo(f"  {line}")
    if not person.is_known:
        echo_err("Nothing is known of this address.")


def _standing(person: SubscriberProfile) -> Iterator[str]:
    """What holds now."""
    yield from (f"formerly {each}" for each in person.formerly)
    yield from (f"now {each}" for each in person.later)
    yield from map(_on_list, person.lists)
    if person.suppression:
        held = person.suppression
        yield f"not mailed: {held.reason} since {iso(held.at)}, by {held.source}"


def _past(person: SubscriberProfile) -> Iterator[str]:
    """What was, kind by kind."""
    for consent in person.consents:
        if consent.is_imported:
            yield f"{iso(consent.at)}  came to {consent.list} by {consent.form}: {_line(consent.words, _LONGEST_EVIDENCE)}"
            continue
        confirmed = f"confirmed {iso(consent.confirmed_at)}" if consent.confirmed_at else "not confirmed"
        place = f" from {consent.ip}" if consent.ip else ""
        yield f"{iso(consent.at)}  asked for {consent.list} by {consent.form}{place}, {confirmed}"
    yield from _changes(person)
    for why in person.reasons:
        yield f"{iso(why.at)}  left because: {why.reason}{f', “{_line(why.words)}”' if why.words else ''}"
    for letter in person.letters:
        yield f"{iso(letter.created_at)}  letter ({letter.kind}): {letter.state}"
    for told in person.told:
        yield f"{iso(told.at)}  {told.event} told to {told.host}: {told.state}"
    for sent in person.deliveries:
        yield f"{iso(sent.at)}  send {sent.send_id} {sent.slug}: {sent.state}{f' ({sent.reason})' if sent.reason else ''}"


def _on_list(each: ListEntry) -> str:
    fields = ", ".join(f"{name} {value}" for name, value in each.fields.items() if value)
    where = f"on {each.list}, line {each.line}" if each.line else f"on {each.list}"
    since = f" since {iso(each.since)}, by {each.by}" if each.since else ""
    until = f" until {iso(each.paused_until)}" if each.paused_until else ""
    return f"{where}: {each.status}{until}{since}{f'; {fields}' if fields else ''}"


def _changes(person: SubscriberProfile) -> list[str]:
    """What was said against mailing them, and what changed on lists, in the order in which it happened."""
    told = [(each.at, f"{each.change} ({each.reason}), by {each.source}") for each in person.history]
    for each in person.changes:
        change = f"{_line(each.before)} → {_line(each.after)}" if each.before else _line(each.after)
        told.append((each.at, f"{each.list}: {each.what}{f' {change}' if change else ''}, by {each.by}"))
    return [f"{iso(at)}  {words}" for at, words in sorted(told, key=lambda each: each[0])]


def _line(text: str, longest: int = _LONGEST) -> str:
    """A person's words as they may stand in one line of a terminal."""
    line = " ".join(clean(text).split())
    return line if len(line) <= longest else f"{line[:longest]}…"
