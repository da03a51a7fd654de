"""The commands `resume`, `resend` and `resolve`: continue a send, repeat its failed deliveries, decide its uncertain ones."""

from pathlib import Path

import click

from mailer.addresses import parse_address
from mailer.app import App
from mailer.cli.options import as_json, in_workspace, send_number
from mailer.cli.output import echo_err, is_interactive, plural
from mailer.cli.sends.plan import confirm_resend, show_resend
from mailer.cli.sends.result import creating_send, is_for_later, require_not_running, run_and_show, show_status
from mailer.cli.sends.send import no_wait_option
from mailer.delivery.states import DeliveryState, SendState
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.service.sends.control import require_uncertain
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.start import start_scheduled
from mailer.timestamps import format_iso


@click.command("resume")
@send_number
@click.option("--accept-restored", is_flag=True, help="Continue with a database that was restored from a backup.")
@no_wait_option
@as_json
@in_workspace
def resume_command(send: int, *, accept_restored: bool, no_wait: bool, as_json: bool, workspace: Path) -> int:
    """Resume SEND, which is paused, interrupted, waiting or overdue."""
    with App.open(workspace) as app:
        app.accept_restored = accept_restored
        due = {each.id for each in due_sends(app)}
        found = app.ledger.sends.get(send)
        if found.is_ended:
            return show_status(app, send, as_json=as_json)
        require_not_running(app, send)
        if found.state is SendState.SCHEDULED and send not in due:
            raise NeedsConfirmationError(
                f"Send {send} is scheduled for {format_iso(found.scheduled_at)}; mailer serve starts it then.",
                f"To send it at another time, cancel it (mailer cancel {send}) and send again.",
            )
        if is_for_later(found.state):
            with creating_send():
                start_scheduled(app, found)
        app.ledger.sends.resume(send)
        return run_and_show(app, send, wait=not no_wait, as_json=as_json)


@click.command("resend")
@send_number
@click.option("--failed", is_flag=True, required=True, help="Send to the recipients whose delivery failed.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@no_wait_option
@as_json
@in_workspace
def resend_command(
    send: int,
    *,
    failed: bool,  # noqa: ARG001 - click passes it
    yes: bool,
    no_wait: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """Send the same edition again to the recipients whose delivery failed in SEND.

    It is a new send. At a terminal, it asks for confirmation.
    """
    with App.open(workspace) as app:
        parent = app.ledger.sends.summary(send)
        if parent.send.is_ended and parent.count(DeliveryState.FAILED):
            show_resend(app, parent)
            if is_interactive() and not yes:
                confirm_resend()
        with creating_send():
            new = app.ledger.creator.resend_failed(
                send, key_name=app.keys.names[0], sender_profile=app.sender_profile.to_json()
            )
        return run_and_show(app, new.id, wait=not no_wait, as_json=as_json)


@click.command("resolve")
@send_number
@click.option("--resend", "how", flag_value="resend", help="Send again, with the same Message-ID.")
@click.option("--assume-sent", "how", flag_value="assume", help="Count as accepted, marked as assumed.")
@click.argument("addresses", nargs=-1, metavar="[EMAIL...]")
@no_wait_option
@as_json
@in_workspace
def resolve_command(
    send: int,
    how: str | None,
    addresses: tuple[str, ...],
    *,
    no_wait: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """Decide the uncertain deliveries of SEND, all of them or those to the addresses named.

    A delivery is uncertain if the connection broke at the end of the message: it may have arrived or not. With
    --resend, the messages leave immediately; in a paused send, they leave when it is resumed.
    """
    if how is None:
        raise UsageError("What should happen to the uncertain deliveries?", "Add --resend or --assume-sent.")
    resend = how == "resend"
    identities = [parse_address(text).identity for text in addresses] if addresses else None
    with App.open(workspace) as app:
        before = app.ledger.sends.summary(send)
        if resend:
            require_not_running(app, send)
        if identities is not None:
            require_uncertain(app, send, identities)
        result = app.ledger.sends.resolve_uncertain(send, resend=resend, identities=identities)
        echo_err(f"{plural(result.resolved, 'uncertain delivery', 'uncertain deliveries')} resolved")
        paused_midway = before.send.state is SendState.PAUSED and before.open_count
        if not resend or not result.resolved or paused_midway:
            return show_status(app, send, as_json=as_json)
        app.ledger.sends.resume(send)
        return run_and_show(app, send, wait=not no_wait, as_json=as_json)
