"""The command `verify`: proves a send from the database alone."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace, send_number
from mailer.cli.output import plural, print_json
from mailer.delivery.states import DeliveryState
from mailer.service.sends.summary import EXIT_DONE, EXIT_PROBLEMS, proof_line
from mailer.service.sends.verify import verification_object, verify_send


@click.command("verify")
@send_number
@as_json
@in_workspace
def verify_command(send: int, *, as_json: bool, workspace: Path) -> int:
    """Check from the database alone that SEND is complete: sums, histories, attempts, edition.

    Exit 1 if a check fails.
    """
    with App.open(workspace) as app:
        verification = verify_send(app, send)
    if as_json:
        print_json(verification_object(verification))
    else:
        click.echo(f"send {send} {verification.summary.send.state}: {proof_line(verification.summary)}")
        for check in verification.checks:
            click.echo(f"{'ok   ' if check.ok else 'WRONG'}  {check.name}")
            for sentence in check.wrong:
                click.echo(f"         {sentence}")
        failed = sum(not check.ok for check in verification.checks)
        click.echo(
            f"{plural(failed, 'check')} failed" if failed else f"{plural(len(verification.checks), 'check')} passed"
        )
        if uncertain := verification.summary.count(DeliveryState.UNCERTAIN):
            verb = "delivery is" if uncertain == 1 else "deliveries are"
            click.echo(f"{uncertain:,} {verb} uncertain: see mailer report {send}")
    return EXIT_DONE if verification.ok else EXIT_PROBLEMS
