"""The command `status`: the state of one send, or of all."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import RowNumber, as_json, in_workspace
from mailer.cli.output import echo_err, plural, print_json
from mailer.cli.sends.run_and_show import next_step_hint, pid_suffix
from mailer.iso_time import format_iso
from mailer.ledger.types.sends import Summary
from mailer.ledger.types.transactional_mail import TransactionalState
from mailer.service.sends.progress_tracker import describe_time_left
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.summary import exit_code, proof_line, proof_line_with_reasons, send_object, state_in_words

SHOWN = 20


@click.command("status")
@click.argument("send", type=RowNumber(), required=False)
@click.option("--tests", "with_tests", is_flag=True, help="Also list tests.")
@as_json
@in_workspace
def status_command(send: int | None, *, with_tests: bool, as_json: bool, workspace: Path) -> int:
    """Show SEND, or list all sends but tests, the newest first."""
    tests_left_out = 0
    with App.open(workspace) as app:
        if send is None and not app.has_ledger:
            summaries: tuple[Summary, ...] = ()
        else:
            due_sends(app)
            if send is not None:
                return _show_one(app, send, as_json=as_json)
            summaries = app.ledger.sends.all(tests=with_tests)
            tests_left_out = 0 if with_tests else app.ledger.sends.count_tests()
            if not as_json:
                _show_transactional_mail(app)
                for summary in summaries:
                    show_line(app, summary)
    if as_json:
        print_json({"sends": [send_object(summary) for summary in summaries]})
        return 0
    if not summaries:
        echo_err("There are no sends yet.")
    if tests_left_out:
        echo_err(f"Without {plural(tests_left_out, 'test')}. To list them, too: mailer status --tests")
    return 0


def _show_transactional_mail(app: App) -> None:
    """Counts the transactional mail that waits for `serve`, and that whose result is unknown."""
    counts = app.ledger.transactional.counts()
    waiting = counts.get(TransactionalState.QUEUED, 0) + counts.get(TransactionalState.SENDING, 0)
    if waiting:
        hint = "" if app.ledger.server_pid() is not None else ". mailer serve sends them"
        echo_err(f"Transactional mail waiting: {plural(waiting, 'message')}{hint}.")
    if uncertain := counts.get(TransactionalState.UNCERTAIN, 0):
        echo_err(f"Transactional mail uncertain: {plural(uncertain, 'message')}. Not sent again.")


def _show_one(app: App, send_id: int, *, as_json: bool) -> int:
    summary = app.ledger.sends.summary(send_id)
    if as_json:
        print_json(send_object(summary))
    else:
        show_send(app, summary)
        show_next_step(app, summary)
    return exit_code(summary)


def show_line(app: App, summary: Summary) -> None:
    send = summary.send
    when = format_iso(send.scheduled_at if send.scheduled_at is not None else send.created_at)
    kind = "" if send.kind == "dispatch" else f" ({send.kind})"
    click.echo(f"{send.id:>4}  {when}  {state_in_words(app, summary):<9}  {send.slug}{kind}")
    click.echo(f"      {proof_line(summary)}")
    if send.reason:
        click.echo(f"      {send.reason}")


def show_send(app: App, summary: Summary) -> None:
    send = summary.send
    click.echo(f"send {send.id}: “{send.title}” to {', '.join(send.lists) or 'test addresses'}")
    click.echo(
        f"{state_in_words(app, summary)}{f' ({send.reason})' if send.reason else ''}: {proof_line_with_reasons(app, summary)}"
    )
    if send.seconds:
        click.echo(f"{send.seconds:,.1f} s from the first connection to the last reply")
    if words := describe_time_left(app, summary):
        click.echo(f"time left: {words}")
    if not send.is_ended:
        show_shards(app, send.id)


def show_shards(app: App, send_id: int) -> None:
    """Shows how far the shards of a send of several are, and which machine sends which."""
    shards = app.ledger.shards.progress(send_id, app.clock()) if len(app.ledger.shards.of(send_id)) > 1 else ()
    if not shards:
        return
    done = sum(not each.open for each in shards)
    click.echo(f"shards: {done} of {len(shards)} done, {sum(bool(each.host) for each in shards)} being sent")
    for each in shards:
        if each.host:
            click.echo(
                f"  shard {each.number}: {each.deliveries - each.open:,} of {each.deliveries:,}, {each.rate:,.1f}/s, "
                f"by {each.host}{pid_suffix(each.pid)}"
            )


def show_next_step(app: App, summary: Summary) -> None:
    if words := next_step_hint(app, summary):
        echo_err(words)
