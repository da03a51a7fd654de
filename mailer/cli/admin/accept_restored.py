"""The command `restore`: accept a database that was restored from a backup."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace
from mailer.cli.output import echo_err, print_json
from mailer.cli.sends.status import show_line
from mailer.delivery.states import SendKind
from mailer.errors import UsageError
from mailer.iso_time import format_iso


@click.command("restore")
@click.option("--accept", is_flag=True, help="Use the database that is in place now. Its unfinished sends are paused.")
@as_json
@in_workspace
def restore_command(*, accept: bool, as_json: bool, workspace: Path) -> None:
    """Accept a database that was restored from a backup, or a new one. Nothing is sent.

    The database does not know what happened after the backup.
    """
    if not accept:
        raise UsageError(
            "mailer restore needs --accept.", "Put the backup in place first: docs/operator.md, “Backups”, says how."
        )
    with App.open(workspace) as app:
        app.accept_restored = True
        accepted = app.ledger.accept_restored()
        assert accepted is not None
        summaries = [app.ledger.sends.summary(send) for send in accepted.open_sends]
        summaries.sort(key=lambda each: each.send.kind is SendKind.TEST)
    if as_json:
        print_json({"recorded_until": format_iso(accepted.recorded_until), "open_sends": list(accepted.open_sends)})
        return
    click.echo("The database is accepted. Nothing was sent.")
    if accepted.recorded_until is None:
        click.echo("It is empty: it knows nobody who was mailed or who unsubscribed.")
    else:
        click.echo(f"Its last record is of {format_iso(accepted.recorded_until)}.")
        click.echo("It does not know who was mailed, joined or unsubscribed after that.")
    if summaries:
        click.echo("These sends do not continue by themselves:")
        for summary in summaries:
            show_line(app, summary)
        echo_err(
            "Recipients who got the message after the backup would get it again. "
            f"To end a send: mailer cancel {summaries[0].send.id}"
        )
