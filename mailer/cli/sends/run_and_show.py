"""Runs a send from the command line and shows its result."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mailer.app import App
from mailer.cli.output import echo_err, print_json
from mailer.cli.sends.progress_bar import progress_bar
from mailer.delivery.states import SendState
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.errors import FencedError, LedgerError
from mailer.ledger.types.sends import Summary
from mailer.service.cluster.handover import run_or_hand_over
from mailer.service.sends.control import resendable_count
from mailer.service.sends.progress_tracker import ProgressTracker
from mailer.service.sends.summary import exit_code, next_step, proof_line_with_reasons, send_object

if TYPE_CHECKING:
    from mailer.delivery.run_result import RunResult


def run_and_show(app: App, send_id: int, *, wait: bool, as_json: bool, here: bool = True) -> int:
    """Runs a send, or hands it to workers unless `here`, shows its progress and its result, and returns the exit code.

    Ctrl-C pauses the send.
    """
    result: RunResult | None = None
    try:
        before = app.ledger.sends.summary(send_id)
        with progress_bar(ProgressTracker(app, before), before.open_count) as watch:
            run = run_or_hand_over(app, send_id, wait=wait, watch=watch, here=here)
        summary, result = run.summary, run.result
    except FencedError:
        raise
    except LedgerError as error:
        error.next_step = f"{error.next_step} Then go on with: mailer resume {send_id}".strip()
        raise
    except KeyboardInterrupt:  # before the run could handle it
        app.ledger.sends.pause(send_id, reason="stopped by hand")
        summary = app.ledger.sends.summary(send_id)
    hint = next_step(summary, result, zone=app.settings.timezone, resendable=resendable_count(app, summary))
    show_result(app, summary, as_json=as_json, hint=hint)
    return exit_code(summary)


def show_status(app: App, send_id: int, *, as_json: bool) -> int:
    """Shows the state of a send, and returns the exit code."""
    summary = app.ledger.sends.summary(send_id)
    show_result(app, summary, as_json=as_json, hint=next_step_hint(app, summary))
    return exit_code(summary)


def show_result(app: App, summary: Summary, *, as_json: bool, hint: str) -> None:
    """Prints the send object or the proof line; the next step goes to standard error."""
    if as_json:
        print_json(send_object(summary))
    else:
        click.echo(f"send {summary.send.id} {summary.send.state}: {proof_line_with_reasons(app, summary)}")
    if hint:
        echo_err(hint)


def next_step_hint(app: App, summary: Summary) -> str:
    """Returns the next step for a person, or the process that is sending."""
    pid = app.ledger.sends.holder_pid(summary.send.id)
    if pid is not None:
        return f"Another process{pid_suffix(pid)} is sending it."
    return next_step(summary, zone=app.settings.timezone, resendable=resendable_count(app, summary))


def require_not_running(app: App, send_id: int) -> None:
    """Raises NeedsConfirmationError if another process holds the lease of the send."""
    pid = app.ledger.sends.holder_pid(send_id)
    if pid is not None:
        raise NeedsConfirmationError(
            f"Another process{pid_suffix(pid)} is sending send {send_id}.",
            f"To follow it: mailer status {send_id}",
        )


def pid_suffix(pid: int) -> str:
    return f" (pid {pid})" if pid else ""


@contextmanager
def creating_send() -> Iterator[None]:
    """Translates Ctrl-C while a send is being created: only the ledger knows whether the send exists."""
    try:
        yield
    except KeyboardInterrupt:
        raise NeedsConfirmationError(
            "Interrupted while the send was being created.", "To see whether it exists: mailer status"
        ) from None


def is_for_later(state: SendState) -> bool:
    return state in {SendState.SCHEDULED, SendState.OVERDUE}
