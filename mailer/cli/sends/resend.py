"""The command `resend`: a new send to the recipients that a send failed to reach."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace, send_number
from mailer.cli.output import is_interactive
from mailer.cli.sends.plan_confirmation import confirm_resend, show_resend
from mailer.cli.sends.run_and_show import creating_send, run_and_show
from mailer.cli.sends.send import no_wait_option
from mailer.service.sends.plan import require_working_links


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
        plan = app.ledger.creator.plan_resend(send)
        if parent.send.is_ended and plan.to_mail:
            require_working_links(app.settings.base_url, app.settings.relay)
            show_resend(app, parent.send, plan)
            if is_interactive() and not yes:
                confirm_resend()
        with creating_send():
            new = app.ledger.creator.resend_failed(
                send,
                key_name=app.keys.names[0],
                sender_profile=app.sender_profile.to_json(),
            )
        return run_and_show(app, new.id, wait=not no_wait, as_json=as_json, here=False)
