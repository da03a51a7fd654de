"""send, test: a dispatch on its way."""

from pathlib import Path

import click

from mailer.cli.lists import list_names
from mailer.cli.outcome import carry_on, making_a_send, named, stand
from mailer.cli.output import as_json, in_workspace, plural, print_json, say
from mailer.cli.plan import ask, refused, show_plan
from mailer.delivery.state import SendState
from mailer.errors import UndecidedError, UsageError
from mailer.ledger.types_sends import Repeat
from mailer.service.approving import refuse_unapproved
from mailer.service.compiling import DispatchError
from mailer.service.composing import compose_for
from mailer.service.newsroom import Newsroom
from mailer.service.scheduling import due_now, wait_until_due
from mailer.service.sending import SendPlan, plan_send, start_send, start_test, would_mail
from mailer.service.timing import read_time
from mailer.timestamps import iso

no_wait_option = click.option(
    "--no-wait", is_flag=True, help="Do not wait for those that must be tried again later; exit 4."
)


@click.command("send")
@click.argument("dispatch")
@click.option(
    "--to", "to", multiple=True, metavar="LIST[,LIST]", help="The lists it goes to; else those the dispatch names."
)
@click.option("--exclude", multiple=True, metavar="LIST", help="Leave out who is on this list.")
@click.option("--where", default="", metavar="EXPR", help='Only those of whom this holds: city == "Lisbon".')
@click.option(
    "--at", "when", metavar="TIME", help="Start then: YYYY-MM-DD HH:MM, or ISO 8601. `mailer serve` starts it."
)
@click.option("--wait", "stay", is_flag=True, help="With --at: stay, and start it from here.")
@click.option("--dry-run", is_flag=True, help="Compose every message, connect nowhere, record nothing.")
@click.option("--edition", "digest", default="", metavar="DIGEST", help="Refuse to send any other edition.")
@click.option("--again", is_flag=True, help="Everybody gets it once more.")
@click.option("--new-readers", is_flag=True, help="Only those who did not get it yet.")
@no_wait_option
@click.option("--yes", is_flag=True, help="Do not ask; accept warnings.")
@as_json
@in_workspace
def send_command(
    dispatch: str,
    to: tuple[str, ...],
    exclude: tuple[str, ...],
    where: str,
    *,
    when: str | None,
    digest: str,
    stay: bool,
    dry_run: bool,
    again: bool,
    new_readers: bool,
    no_wait: bool,
    yes: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """Send DISPATCH, a path or a slug, to its readers.

    Shows what would happen, and asks for the number of readers before anything leaves.
    """
    if again and new_readers:
        raise UsageError("--again mails everybody, --new-readers only those who did not get it.", "Choose one.")
    if stay and when is None:
        raise UsageError("--wait goes with --at.", "Without --at it starts at once.")
    repeat = Repeat.AGAIN if again else Repeat.NEW_READERS if new_readers else Repeat.REFUSE
    with Newsroom.open(workspace) as newsroom:
        at = None if when is None else read_time(when, newsroom.settings.timezone, now=newsroom.clock())
        if not dry_run:
            due_now(newsroom)
        try:
            plan = plan_send(
                newsroom,
                dispatch,
                list_names(to),
                exclude=list_names(exclude),
                where=where,
                repeat=repeat,
                digest=digest,
                record=not dry_run,
            )
        except DispatchError as error:
            raise refused(error) from None
        show_plan(newsroom, plan, at=at)
        if dry_run:
            return _dry_run(newsroom, plan, as_json=as_json)
        refuse_unapproved(newsroom, plan.edition.digest, by="")
        if not yes:
            ask(plan)
        with making_a_send():
            send = start_send(newsroom, plan, at=at)
        if at is None:
            return carry_on(newsroom, send.id, wait=not no_wait, as_json=as_json)
        if stay:
            return _wait_for(newsroom, send.id, at, wait=not no_wait, as_json=as_json)
        if newsroom.ledger.server_pid() is None:
            say(f"No `mailer serve` is running here, which would start it at {iso(at)}: start one, or use --wait.")
        return stand(newsroom, send.id, as_json=as_json)


@click.command("test")
@click.argument("dispatch")
@click.argument("addresses", nargs=-1, required=True, metavar="EMAIL...")
@click.option("--as", "reader", metavar="EMAIL", help="With the fields of this reader of a list.")
@as_json
@in_workspace
def test_command(
    dispatch: str, addresses: tuple[str, ...], reader: str | None, *, as_json: bool, workspace: Path
) -> int:
    """Send DISPATCH to a few addresses: the real message, whose unsubscribe link unsubscribes nobody."""
    with Newsroom.open(workspace) as newsroom:
        try:
            with making_a_send():
                send = start_test(newsroom, dispatch, addresses, reader=reader)
        except DispatchError as error:
            raise refused(error) from None
        return carry_on(newsroom, send.id, wait=False, as_json=as_json)


def _dry_run(newsroom: Newsroom, plan: SendPlan, *, as_json: bool) -> int:
    compose = compose_for(newsroom, plan.edition)
    messages = octets = 0
    for recipient in would_mail(newsroom, plan):
        messages += 1
        octets += compose(recipient).size
    if as_json:
        print_json({"edition": plan.edition.digest, "messages": messages, "bytes": octets})
    else:
        click.echo(f"{plural(messages, 'message')} composed, {octets / 1024:,.0f} KB; nothing was sent or recorded")
    return 0


def _wait_for(newsroom: Newsroom, send_id: int, at: float, *, wait: bool, as_json: bool) -> int:
    try:
        say(f"Waiting until {iso(at)}; Ctrl-C leaves it scheduled.")
        found = wait_until_due(newsroom, send_id)
    except KeyboardInterrupt:
        raise UndecidedError(
            f"Send {send_id} stays scheduled for {iso(at)}; `mailer serve` would start it.",
            f"To drop it: mailer cancel {send_id}",
        ) from None
    if found.state in {SendState.RUNNING, SendState.WAITING}:
        pid = newsroom.ledger.sends.owner_pid(send_id)
        if pid is None:
            return carry_on(newsroom, send_id, wait=wait, as_json=as_json)
        say(f"Another process{named(pid)} has started it.")
    return stand(newsroom, send_id, as_json=as_json)
