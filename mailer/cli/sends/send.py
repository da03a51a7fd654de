"""The command `send`: send a dispatch to its readers."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace, parse_list_names
from mailer.cli.output import echo_err, plural, print_json
from mailer.cli.problem_output import show_refusal
from mailer.cli.sends.plan_confirmation import confirm_send, show_plan
from mailer.cli.sends.run_and_show import creating_send, pid_suffix, run_and_show, show_status
from mailer.delivery.states import SendState
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.sends import Repeat
from mailer.service.dispatches.approvals import require_approval
from mailer.service.dispatches.check_and_compile import DispatchError
from mailer.service.dispatches.sample_message import sample_composer
from mailer.service.lists.sync_before_query import ListSource
from mailer.service.sends.plan import SendPlan, dry_run_recipients, plan_send
from mailer.service.sends.schedule_time import describe_schedule_time, parse_schedule_time
from mailer.service.sends.scheduler import due_sends, wait_until_due
from mailer.service.sends.start import start_send

here_option = click.option("--here", is_flag=True, help="Send from this process, although workers run.")
no_wait_option = click.option("--no-wait", is_flag=True, help="Do not wait for retries; exit 4 if some are left.")


@click.command("send")
@click.argument("dispatch")
@click.option(
    "--to",
    "to",
    multiple=True,
    metavar="LIST[,LIST]",
    help="The lists to send to. Default: those named in the dispatch.",
)
@click.option("--exclude", multiple=True, metavar="LIST", help="Leave out the readers of this list. May be repeated.")
@click.option("--where", default="", metavar="EXPR", help="Only readers who match, such as \"city == 'Lisbon'\".")
@click.option("--at", "when", metavar="TIME", help="When mailer serve starts the send: “YYYY-MM-DD HH:MM” or ISO 8601.")
@click.option("--wait", "stay", is_flag=True, help="With --at: wait here until then, and start it.")
@click.option("--dry-run", is_flag=True, help="Compose all messages, but send and record nothing.")
@click.option("--edition", "digest", default="", metavar="DIGEST", help="Stop if this is not the edition.")
@click.option("--again", is_flag=True, help="Send it again, to everybody.")
@click.option("--new-readers", is_flag=True, help="Send it only to readers who have not had it.")
@here_option
@no_wait_option
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; accept warnings.")
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
    here: bool,
    no_wait: bool,
    yes: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """Send DISPATCH, a path or a slug, to its readers.

    It first shows the plan, and asks you to type the number of readers; until then nothing is written. Ctrl-C pauses a
    running send.
    """
    if again and new_readers:
        raise UsageError("--again and --new-readers exclude each other.", "Choose one.")
    if stay and when is None:
        raise UsageError("--wait needs --at.", "Without --at, the send starts immediately.")
    repeat = Repeat.AGAIN if again else Repeat.NEW_READERS if new_readers else Repeat.REFUSE
    with App.open(workspace) as app:
        at = None if when is None else parse_schedule_time(when, app.settings.timezone, now=app.clock())
        if not dry_run and app.has_ledger:
            due_sends(app)
        try:
            plan = plan_send(
                app,
                dispatch,
                parse_list_names(to),
                exclude=parse_list_names(exclude),
                where=where,
                repeat=repeat,
                digest=digest,
                source=ListSource.SYNC if yes and not dry_run else ListSource.FILE,
            )
        except DispatchError as error:
            raise show_refusal(error) from None
        show_plan(app, plan, at=at)
        if dry_run:
            return _compose_all(app, plan, as_json=as_json)
        require_approval(app, plan.edition.digest, by="")
        if not yes:
            confirm_send(plan)
        with creating_send():
            send = start_send(app, plan, at=at, confirmed=None if yes else plan.summary.to_mail)
        if at is None:
            return run_and_show(app, send.id, wait=not no_wait, as_json=as_json, here=here)
        if stay:
            return _wait_and_run(app, send.id, at, wait=not no_wait, as_json=as_json, here=here)
        if app.ledger.server_pid() is None:
            shown = describe_schedule_time(at, app.settings.timezone)
            echo_err(f"mailer serve is not running. Start it before {shown}, or the send will not start.")
        return show_status(app, send.id, as_json=as_json)


def _compose_all(app: App, plan: SendPlan, *, as_json: bool) -> int:
    compose = sample_composer(app, plan.edition)
    messages = octets = 0
    for recipient in dry_run_recipients(app, plan):
        messages += 1
        octets += compose(recipient).size
    if as_json:
        print_json({"edition": plan.edition.digest, "messages": messages, "bytes": octets})
    else:
        click.echo(f"{plural(messages, 'message')} composed, {octets / 1024:,.0f} KB; nothing was sent or recorded")
    return 0


def _wait_and_run(app: App, send_id: int, at: float, *, wait: bool, as_json: bool, here: bool) -> int:
    shown = describe_schedule_time(at, app.settings.timezone)
    try:
        echo_err(f"Waiting until {shown}. Ctrl-C stops waiting; the send stays scheduled.")
        send = wait_until_due(app, send_id)
    except KeyboardInterrupt:
        raise NeedsConfirmationError(
            f"Send {send_id} is still scheduled for {shown}; mailer serve starts it then.",
            f"To cancel it: mailer cancel {send_id}",
        ) from None
    if send.state in {SendState.RUNNING, SendState.WAITING}:
        pid = app.ledger.sends.holder_pid(send_id)
        if pid is None:
            return run_and_show(app, send_id, wait=wait, as_json=as_json, here=here)
        echo_err(f"Another process{pid_suffix(pid)} has started it.")
    return show_status(app, send_id, as_json=as_json)
