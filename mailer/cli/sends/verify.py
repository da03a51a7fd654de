"""The command `verify`: proves a send from the database alone."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace, send_number
from mailer.cli.output import plural, print_json
from mailer.delivery.states import DeliveryState
from mailer.service.sends.summary import (
    EXIT_DONE,
    EXIT_PROBLEMS,
    EXIT_UNCERTAIN,
    EXIT_WAITING,
    proof_line,
    state_in_words,
)
from mailer.service.sends.verify import verification_object, verify_send


@click.command("verify")
@send_number
@as_json
@in_workspace
def verify_command(send: int, *, as_json: bool, workspace: Path) -> int:
    """Check from the database alone that the records of SEND are consistent, and that it is complete.

    Exit 1 if a check fails; else 4 if the send has not ended, 3 if deliveries are uncertain.
    """
    with App.open(workspace) as app:
        verification = verify_send(app, send)
        summary = verification.summary
        state = state_in_words(app, summary)
    uncertain = summary.count(DeliveryState.UNCERTAIN)
    if as_json:
        print_json(verification_object(verification))
    else:
        click.echo(f"send {send} {state}: {proof_line(summary)}")
        for check in verification.checks:
            click.echo(f"{'ok   ' if check.ok else 'WRONG'}  {check.name}")
            for sentence in check.wrong:
                click.echo(f"         {sentence}")
        failed = sum(not check.ok for check in verification.checks)
        passed = f"{plural(len(verification.checks), 'check')} passed"
        if uncertain or not summary.send.is_ended:
            passed += ": the records are consistent, but the send is not complete"
        click.echo(f"{plural(failed, 'check')} failed" if failed else passed)
        if summary.open_count:
            verb = "delivery is" if summary.open_count == 1 else "deliveries are"
            click.echo(f"{summary.open_count:,} {verb} open: see mailer status {send}")
        if uncertain:
            verb = "delivery is" if uncertain == 1 else "deliveries are"
            click.echo(f"{uncertain:,} {verb} uncertain: see mailer report {send}")
    if not verification.ok:
        return EXIT_PROBLEMS
    if not summary.send.is_ended:
        return EXIT_WAITING
    return EXIT_UNCERTAIN if uncertain else EXIT_DONE
