"""The commands `subscriber`: show, unsubscribe, export and erase one reader."""

from collections.abc import Iterator
from pathlib import Path

import click

from mailer.addresses import Address, AddressError, mask_address, parse_address
from mailer.app import App
from mailer.cli.options import COMMAND_LINE, NOT_SHOWN, as_json, in_workspace
from mailer.cli.output import echo_err, is_interactive, plural, print_json
from mailer.csv.rows import Status
from mailer.errors import NeedsConfirmationError
from mailer.iso_time import format_iso
from mailer.line_sanitizer import clean_line
from mailer.service.subscribers.erasure import erase_everywhere
from mailer.service.subscribers.personal_data import (
    ListEntry,
    SubscriberProfile,
    find_profile,
    lists_of,
    lists_with,
    mail_state,
    profile_object,
    subject_copy,
)

_MAX_WORDS = 100  # characters of a subscriber's own words on one line
_QUOTES = frozenset("\"'\\")
_MAX_EVIDENCE = 400  # characters of an imported consent


@click.group("subscriber")
def subscriber_command() -> None:
    """Show, unsubscribe, export or erase one reader."""


@subscriber_command.command("show")
@click.argument("email")
@as_json
@in_workspace
def show(email: str, *, as_json: bool, workspace: Path) -> None:
    """Show all that is stored about EMAIL.

    That is: lists, consent, suppression, changes, transactional mail, and the sends.
    """
    with App.open(workspace) as app:
        profile = find_profile(app, _parse_reader(email))
        _record_look(app, "subscriber.show", profile)
        if as_json:
            print_json(profile_object(profile))
        else:
            _show_profile(profile)


@subscriber_command.command("export")
@click.argument("email")
@in_workspace
def export(email: str, workspace: Path) -> None:
    """Print all that is stored about EMAIL, as JSON.

    It is what a reader gets who asks for their data.
    """
    with App.open(workspace) as app:
        profile = find_profile(app, _parse_reader(email))
        _record_look(app, "subscriber.export", profile)
        print_json(profile_object(subject_copy(profile)))


def _parse_reader(text: str) -> Address:
    """Parses the address of a reader. Raises AddressError, which for a name says how to search for it."""
    try:
        return parse_address(text)
    except AddressError as error:
        if "@" not in text and text.isprintable() and not _QUOTES.intersection(text):
            error.next_step = f"To find a reader by name: mailer list show LIST --where '\"{text}\" in last_name'"
        raise


def _record_look(app: App, action: str, profile: SubscriberProfile) -> None:
    """Adds an entry to the audit log, if there is a ledger."""
    if app.has_ledger:
        app.ledger.audit.record(COMMAND_LINE, action, mask_address(profile.display))


@subscriber_command.command("unsubscribe")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation. Without a terminal, nothing is asked anyway.")
@as_json
@in_workspace
def unsubscribe(email: str, *, yes: bool, as_json: bool, workspace: Path) -> None:
    """Unsubscribe EMAIL from all lists, for a reader who asked you to. Sends that are running skip the address, too.

    You can undo it with “mailer suppress remove”, until the reader unsubscribes too. The reader can resubscribe. To block an
    address that nobody asked you to unsubscribe, such as a dead one: mailer suppress add
    """
    address = _parse_reader(email)
    if not yes and is_interactive() and not click.confirm(f"Unsubscribe {address.display} from all lists?", err=True):
        raise NeedsConfirmationError("Nothing was changed.")
    with App.open(workspace) as app:
        result = app.ledger.suppressions.unsubscribe(address.identity, source=COMMAND_LINE, entered=True)
        can_undo = app.ledger.suppressions.is_liftable_by(address.identity, COMMAND_LINE)
        lists = lists_of(app, address)
    if as_json:
        print_json({"email": address.display, "changed": result.changed, "skipped": result.skipped, "lists": lists})
        return
    active = result.suppression
    repeated = f"gets no mail already: {active.reason} since {format_iso(active.at)}, by {active.source}"
    click.echo(f"{address.display} {'is now unsubscribed' if result.changed else repeated}")
    if can_undo:
        echo_err(f"To undo this: mailer suppress remove {address.display}")
    if result.skipped:
        echo_err(f"{plural(result.skipped, 'message')} of running sends will not be sent.")
    if not lists:
        echo_err("This address is on no list. It is suppressed anyway. Check the spelling.")


@subscriber_command.command("erase")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@as_json
@in_workspace
def erase(email: str, *, yes: bool, as_json: bool, workspace: Path) -> None:
    """Erase EMAIL permanently, from the database and from the copies of lists that are kept.

    The counts of past sends stay right. The address stays suppressed, as a hash. Delete its rows from the list files
    yourself.
    """
    address = _parse_reader(email)
    if not yes:
        _confirm_erasure(f"Permanently erase all that is stored about {address.display}?")
    with App.open(workspace) as app:
        result = erase_everywhere(app, address.identity, by=COMMAND_LINE)
        lists = list(lists_with(app, address))
    if as_json:
        print_json(
            {"email": address.display, "deliveries": result.deliveries, "skipped": result.skipped, "lists": lists}
        )
        return
    click.echo(f"{address.display} was erased, from {plural(result.deliveries, 'delivery', 'deliveries')}")
    if lists:
        echo_err(
            f"The address is still in the file of {', '.join(lists)}: delete its row there. It gets no mail in the meantime."
        )


def _confirm_erasure(question: str) -> None:
    """Asks for a yes. Raises NeedsConfirmationError without a terminal, and for a no."""
    if not is_interactive():
        raise NeedsConfirmationError(
            "Nothing was erased: there is no terminal to ask for confirmation.", "To erase without asking, add --yes."
        )
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise NeedsConfirmationError("Nothing was erased.")


def _show_profile(profile: SubscriberProfile) -> None:
    click.echo(profile.display)
    for line in (*_current_state(profile), *_history(profile)):
        click.echo(f"  {line}")
    if not profile.is_known:
        echo_err("Nothing is stored about this address.")


def _current_state(profile: SubscriberProfile) -> Iterator[str]:
    """Returns the lines on suppression and lists as they are now."""
    if profile.is_known:
        yield mail_state(profile)
    yield from (f"formerly {each}" for each in profile.formerly)
    yield from (f"now {each}" for each in profile.later)
    for each in profile.lists:
        yield from _list_lines(each)


def _history(profile: SubscriberProfile) -> Iterator[str]:
    """Returns the lines on consent, changes, mail and deliveries."""
    for consent in profile.consents:
        if consent.is_imported:
            words = _one_line(consent.words, _MAX_EVIDENCE)
            yield f"{format_iso(consent.at)}  signed up elsewhere, came to {consent.list} by {consent.form}: {words}"
            continue
        confirmed = f"confirmed {format_iso(consent.confirmed_at)}" if consent.confirmed_at else "not confirmed"
        place = f" from {consent.ip}" if consent.ip else ""
        yield f"{format_iso(consent.at)}  signed up for {consent.list} by {consent.form}{place}, {confirmed}"
    yield from _changes(profile)
    for why in profile.reasons:
        yield f"{format_iso(why.at)}  reason for leaving: {why.reason}{f', “{_one_line(why.words)}”' if why.words else ''}"
    for mail in profile.mail:
        yield f"{format_iso(mail.created_at)}  mail ({mail.kind}): {mail.state}"
    for event in profile.notices:
        yield f"{format_iso(event.at)}  webhook to {event.host}: {event.event}, {event.state}"
    for each in profile.feedback:
        what = " ".join(filter(None, (each.kind.value, each.status, each.reason.value)))
        about = f" of send {each.send_id} {each.slug}" if each.send_id else ""
        yield f"{format_iso(each.at)}  {what}{about}: {each.effect}"
    for delivery in profile.deliveries:
        reason = f" ({delivery.reason})" if delivery.reason else ""
        yield f"{format_iso(delivery.at)}  send {delivery.send_id} {delivery.slug}: {delivery.state}{reason}"


def _list_lines(each: ListEntry) -> Iterator[str]:
    """Returns a line on the status on this list, and one for each field."""
    where = f"on {each.list}, line {each.line}" if each.line else f"on {each.list}"
    since = f" since {format_iso(each.since)}, by {each.by}" if each.since else ""
    until = f" until {format_iso(each.paused_until)}" if each.paused_until else ""
    if each.line and each.status == Status.ERASED:
        yield f"{where}: {each.status}. Delete this row from the file."
        return
    yield where if each.is_suppressed else f"{where}: {each.status}{until}{since}"
    yield from (f"  {name}: {value}" for name, value in each.fields.items() if value and name not in NOT_SHOWN)


def _changes(profile: SubscriberProfile) -> list[str]:
    """Returns the changes of suppressions and of lists, oldest first."""
    changes = [(each.at, f"{each.change} ({each.reason}), by {each.source}") for each in profile.history]
    for each in profile.changes:
        change = f"{_one_line(each.before)} → {_one_line(each.after)}" if each.before else _one_line(each.after)
        changes.append((each.at, f"{each.list}: {each.kind}{f' {change}' if change else ''}, by {each.by}"))
    return [f"{format_iso(at)}  {words}" for at, words in sorted(changes, key=lambda each: each[0])]


def _one_line(text: str, longest: int = _MAX_WORDS) -> str:
    """Returns a text in one line that is safe for a terminal."""
    line = " ".join(clean_line(text).split())
    return line if len(line) <= longest else f"{line[:longest]}…"
