"""The command `resolve`: decide the uncertain deliveries of a send."""

from pathlib import Path

import click

from mailer.addresses import parse_address
from mailer.app import App
from mailer.cli.options import as_json, in_workspace, send_number
from mailer.cli.output import echo_err, plural
from mailer.cli.sends.run_and_show import require_not_running, run_and_show, show_status
from mailer.cli.sends.send import no_wait_option
from mailer.delivery.states import SendState
from mailer.errors import UsageError
from mailer.service.sends.control import require_uncertain


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
