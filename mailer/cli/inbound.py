"""The command `inbound`: processes a message that came back, or asks to unsubscribe, from a mail system's pipe.

The exit codes are those of a mail system's pipe (sysexits.h): 0, the message was processed, even if nothing was done; 75, the
mail system keeps the message and tries again. Any other code would bounce the message, perhaps to a forged sender, so only a
wrong option exits with 2.
"""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.crash_report import crash_report
from mailer.cli.options import as_json, in_new_workspace
from mailer.cli.output import echo_err, print_json
from mailer.errors import MailerError, UsageError
from mailer.feedback.received_message import LARGEST
from mailer.ledger.types.feedback import RecordStatus
from mailer.service.feedback.record import RecordedMessage, record_message
from mailer.service.feedback.unsubscribe_by_mail import UnsubscribeMailResult

EX_TEMPFAIL = 75
_CHUNK = 1 << 16  # bytes
_WORDS: Mapping[StrEnum, str] = {
    UnsubscribeMailResult.UNSUBSCRIBED: "unsubscribed",
    UnsubscribeMailResult.ALREADY: "already unsubscribed or suppressed: nothing was changed",
    UnsubscribeMailResult.AUTOMATIC: "ignored: this is an automatic reply",
    UnsubscribeMailResult.NO_TOKEN: "ignored: the message has no valid unsubscribe token",
    RecordStatus.RECORDED: "recorded",
    RecordStatus.DUPLICATE: "recorded before: nothing was changed",
    RecordStatus.IGNORED: "ignored: the message is about nobody that was ever mailed",
}


@click.command("inbound")
@as_json
@in_new_workspace
def inbound_command(*, as_json: bool, workspace: Path) -> int:
    """Process one message that came back: a bounce, a complaint, an unsubscribe request.

    Reads it from standard input, and records what it says about a message of yours. For the pipe of a mail server: exit 0
    when the message was processed, 75 when the mail server should try again later.
    """
    try:
        result = _process_stdin(workspace)
    except MailerError as error:
        echo_err(f"mailer: {error}")
        return EX_TEMPFAIL
    except Exception:  # noqa: BLE001 - a request is not lost over a bug of ours; no secret is shown
        echo_err(crash_report(workspace))
        return EX_TEMPFAIL
    outcome = result.unsubscribe or result.status
    if as_json:
        print_json({"outcome": outcome.value})
    else:
        click.echo(f"{_WORDS[outcome]}{f' ({result.kind})' * (result.unsubscribe is None)}")
    return 0


def _process_stdin(workspace: Path) -> RecordedMessage:
    if not workspace.is_dir():
        raise UsageError(f"There is no folder {workspace}.", "Give the folder of the workspace with --workspace.")
    raw = sys.stdin.buffer.read(LARGEST)
    while sys.stdin.buffer.read(_CHUNK):
        continue  # a pipe that is not read to its end looks like a failure to the mail system
    with App.open(workspace) as app:
        return record_message(app, raw, source="pipe")
