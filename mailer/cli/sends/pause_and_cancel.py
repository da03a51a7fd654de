"""The commands `pause` and `cancel`: stop a send, for a while or permanently."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace, send_number
from mailer.cli.output import print_json
from mailer.cli.sends.status import show_line
from mailer.service.sends.control import pause_send
from mailer.service.sends.summary import send_object


@click.command("pause")
@send_number
@as_json
@in_workspace
def pause_command(send: int, *, as_json: bool, workspace: Path) -> int:
    """Pause SEND, also if another process is sending it."""
    with App.open(workspace) as app:
        pause_send(app, send)
        return _show_changed(app, send, as_json=as_json)


@click.command("cancel")
@send_number
@as_json
@in_workspace
def cancel_command(send: int, *, as_json: bool, workspace: Path) -> int:
    """Cancel SEND permanently. The recipients who have not had it are skipped."""
    with App.open(workspace) as app:
        app.ledger.sends.cancel(send)
        return _show_changed(app, send, as_json=as_json)


def _show_changed(app: App, send_id: int, *, as_json: bool) -> int:
    summary = app.ledger.sends.summary(send_id)
    if as_json:
        print_json(send_object(summary))
    else:
        show_line(app, summary)
    return 0
