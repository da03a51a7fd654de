"""Carrying a send on from the command line, and showing what it came to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mailer.cli.bar import progress_bar
from mailer.cli.output import print_json, say
from mailer.delivery.state import SendState
from mailer.errors import UndecidedError
from mailer.ledger.types_sends import Summary
from mailer.service.course import Course
from mailer.service.newsroom import Newsroom
from mailer.service.running import run_send
from mailer.service.summary import exit_code, next_step, proof_line, send_object

if TYPE_CHECKING:
    from mailer.delivery.tally import Ending


def carry_on(newsroom: Newsroom, send_id: int, *, wait: bool, as_json: bool) -> int:
    """Run a send with its progress shown, then show what it came to; the exit code. Ctrl-C pauses it."""
    ending: Ending | None = None
    try:
        before = newsroom.ledger.sends.summary(send_id)
        with progress_bar(Course(newsroom, before), before.undone) as watch:
            run = run_send(newsroom, send_id, wait=wait, watch=watch)
        summary, ending = run.summary, run.ending
    except KeyboardInterrupt:  # before there was anything that could be stopped
        newsroom.ledger.sends.pause(send_id, reason="stopped by hand")
        summary = newsroom.ledger.sends.summary(send_id)
    show_outcome(summary, as_json=as_json, hint=next_step(summary, ending))
    return exit_code(summary)


def stand(newsroom: Newsroom, send_id: int, *, as_json: bool) -> int:
    """Show where a send stands; the exit code."""
    summary = newsroom.ledger.sends.summary(send_id)
    show_outcome(summary, as_json=as_json, hint=hint(newsroom, summary))
    return exit_code(summary)


def show_outcome(summary: Summary, *, as_json: bool, hint: str) -> None:
    """The send object, or its proof line; the next step goes to standard error either way."""
    if as_json:
        print_json(send_object(summary))
    else:
        click.echo(f"send {summary.send.id} {summary.send.state}: {proof_line(summary)}")
    if hint:
        say(hint)


def hint(newsroom: Newsroom, summary: Summary) -> str:
    """What a person can do now, knowing who is at work."""
    pid = newsroom.ledger.sends.owner_pid(summary.send.id)
    return next_step(summary) if pid is None else f"it is being sent by another process{named(pid)}"


def refuse_owned(newsroom: Newsroom, send_id: int) -> None:
    """Raise UndecidedError, naming the process, when a living one owns the send."""
    pid = newsroom.ledger.sends.owner_pid(send_id)
    if pid is not None:
        raise UndecidedError(
            f"Send {send_id} is being sent by another process{named(pid)}.", f"Watch it with: mailer status {send_id}"
        )


def named(pid: int) -> str:
    return f" (pid {pid})" if pid else ""


@contextmanager
def making_a_send() -> Iterator[None]:
    """Ctrl-C while a send is being made: whether it was is for the ledger to say."""
    try:
        yield
    except KeyboardInterrupt:
        raise UndecidedError(
            "Interrupted while the send was being made.", "See with `mailer status` whether there is one."
        ) from None


def is_for_later(state: SendState) -> bool:
    return state in {SendState.SCHEDULED, SendState.OVERDUE}
