"""The command `resume`: continue a send that was paused or interrupted, is waiting or overdue."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace, send_number
from mailer.cli.output import echo_err
from mailer.cli.sends.run_and_show import creating_send, is_for_later, require_not_running, run_and_show, show_status
from mailer.cli.sends.send import here_option, no_wait_option
from mailer.delivery.states import SendState
from mailer.errors import NeedsConfirmationError
from mailer.service.cluster.handover import may_hand_over
from mailer.service.sends.schedule_time import describe_schedule_time
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.start import start_scheduled


@click.command("resume")
@send_number
@click.option("--accept-restored", is_flag=True, help="First accept a database that was restored from a backup.")
@here_option
@no_wait_option
@as_json
@in_workspace
def resume_command(
    send: int, *, accept_restored: bool, here: bool, no_wait: bool, as_json: bool, workspace: Path
) -> int:
    """Resume SEND, which is paused, interrupted, waiting or overdue."""
    with App.open(workspace) as app:
        app.accept_restored = accept_restored
        if accept_restored:
            app.ledger.sends.get(send)  # a wrong number accepts nothing
            if app.ledger.accept_restored(if_refused=True):
                echo_err("The restored database is accepted.")
        due = {each.id for each in due_sends(app)}
        found = app.ledger.sends.get(send)
        if found.is_ended:
            return show_status(app, send, as_json=as_json)
        if here or not may_hand_over(app, send):
            require_not_running(app, send)
        if found.state is SendState.SCHEDULED and send not in due:
            when = describe_schedule_time(found.scheduled_at or 0.0, app.settings.timezone)
            raise NeedsConfirmationError(
                f"Send {send} is scheduled for {when}; mailer serve starts it then.",
                f"To send it at another time, cancel it (mailer cancel {send}) and send again.",
            )
        if is_for_later(found.state):
            with creating_send():
                start_scheduled(app, found)
        app.ledger.sends.resume(send)
        return run_and_show(app, send, wait=not no_wait, as_json=as_json, here=here)
