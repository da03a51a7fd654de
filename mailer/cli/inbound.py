"""inbound: what a mail system hands over, one message on standard input.

It is called by a pipe, so its exits are the pipe's (sysexits.h): 0, the message is dealt with, whatever it was; 75, not now:
the mail system keeps it and tries again. Anything else would be a bounce to somebody who wants no more mail, and a forged
message would bounce to whoever it names. So nothing here ends in the 2 of other commands but a wrong option.
"""

import sys
from pathlib import Path

import click

from mailer.app import App
from mailer.audience.unsubscribe_mail import LARGEST
from mailer.cli.crash import crash_report
from mailer.cli.output import as_json, echo_err, in_new_workspace, print_json
from mailer.errors import MailerError, UsageError
from mailer.service.subscribers.unsubscribe_mail import UnsubscribeMailResult, process_unsubscribe_mail

EX_TEMPFAIL = 75
_CHUNK = 1 << 16
_WORDS = {
    UnsubscribeMailResult.UNSUBSCRIBED: "unsubscribed",
    UnsubscribeMailResult.ALREADY: "was not mailed any more already",
    UnsubscribeMailResult.AUTOMATIC: "an automatic answer: nothing was done",
    UnsubscribeMailResult.NO_TOKEN: "no token of ours: nothing was done",
}


@click.command("inbound")
@as_json
@in_new_workspace
def inbound_command(*, as_json: bool, workspace: Path) -> int:
    """Honour one mailed unsubscribe request, read from standard input, by its token alone.

    For a mail system's pipe. Exit 0: dealt with; 75: try again later.
    """
    try:
        heard = _hear(workspace)
    except MailerError as error:
        echo_err(f"mailer: {error}")
        return EX_TEMPFAIL
    except Exception:  # noqa: BLE001 - a request is not lost over a bug of ours; no secret is shown
        echo_err(crash_report(workspace))
        return EX_TEMPFAIL
    if as_json:
        print_json({"outcome": heard.value})
    else:
        click.echo(_WORDS[heard])
    return 0


def _hear(workspace: Path) -> UnsubscribeMailResult:
    if not workspace.is_dir():
        raise UsageError(f"There is no folder {workspace}.", "Name the workspace with --workspace.")
    raw = sys.stdin.buffer.read(LARGEST)
    while sys.stdin.buffer.read(_CHUNK):
        continue  # a pipe that is not read to its end looks like a failure to who writes it
    with App.open(workspace) as app:
        return process_unsubscribe_mail(app, raw)
