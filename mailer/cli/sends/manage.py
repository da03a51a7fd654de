"""status, pause, cancel, report: where sends stand, and what became of everybody."""

import sys
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.output import SEND_NUMBER, as_json, echo_err, in_workspace, plural, print_json, send_number
from mailer.cli.sends.result import hint
from mailer.csv.export import write_export
from mailer.delivery.states import DeliveryState
from mailer.errors import UsageError
from mailer.ledger.types.deliveries import ReportRow
from mailer.ledger.types.sends import Summary
from mailer.ledger.types.subscribers import TransactionalState
from mailer.service.sends.control import pause_send
from mailer.service.sends.progress import describe_time_left
from mailer.service.sends.report import COLUMNS, report_object, report_rows
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.summary import exit_code, proof_line, send_object
from mailer.service.sends.verify import delivery_timeline
from mailer.timestamps import iso

SHOWN = 20


@click.command("status")
@click.argument("send", type=SEND_NUMBER, required=False)
@as_json
@in_workspace
def status_command(send: int | None, *, as_json: bool, workspace: Path) -> int:
    """Show where SEND stands, or all sends, the newest first."""
    with App.open(workspace) as app:
        if send is None and not app.has_ledger:
            summaries: tuple[Summary, ...] = ()
        else:
            due_sends(app)
            if send is not None:
                return _one(app, send, as_json=as_json)
            summaries = app.ledger.sends.all()
            if not as_json:
                _tell_of_letters(app)
    if as_json:
        print_json({"sends": [send_object(summary) for summary in summaries]})
    elif not summaries:
        echo_err("Nothing was sent yet.")
    else:
        for summary in summaries:
            _line(summary)
    return 0


def _tell_of_letters(app: App) -> None:
    """Letters to single readers that need somebody: those that wait for `serve`, and those nobody knows the end of."""
    counts = app.ledger.transactional.counts()
    waiting = counts.get(TransactionalState.QUEUED, 0) + counts.get(TransactionalState.LEAVING, 0)
    if waiting:
        hint = "" if app.ledger.server_pid() is not None else "; they leave while mailer serve runs"
        echo_err(f"{plural(waiting, 'letter')} to single readers waiting{hint}")
    if uncertain := counts.get(TransactionalState.UNCERTAIN, 0):
        echo_err(f"{plural(uncertain, 'letter')} to single readers uncertain; they are not sent again")


def _one(app: App, send_id: int, *, as_json: bool) -> int:
    summary = app.ledger.sends.summary(send_id)
    if as_json:
        print_json(send_object(summary))
    else:
        _show(app, summary)
    return exit_code(summary)


@click.command("pause")
@send_number
@as_json
@in_workspace
def pause_command(send: int, *, as_json: bool, workspace: Path) -> int:
    """Pause SEND: nothing more leaves, whoever is sending it."""
    with App.open(workspace) as app:
        pause_send(app, send)
        return _changed(app, send, as_json=as_json)


@click.command("cancel")
@send_number
@as_json
@in_workspace
def cancel_command(send: int, *, as_json: bool, workspace: Path) -> int:
    """Cancel SEND for good: whoever has not got it is skipped."""
    with App.open(workspace) as app:
        app.ledger.sends.cancel(send)
        return _changed(app, send, as_json=as_json)


@click.command("report")
@send_number
@click.argument("emails", nargs=-1, metavar="[EMAIL...]")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
              help="Write a row for each recipient; - for standard output.")  # fmt: skip
@as_json
@in_workspace
def report_command(send: int, emails: tuple[str, ...], csv_file: Path | None, *, as_json: bool, workspace: Path) -> int:
    """Show what happened to the recipients of SEND, or to those named, step by step."""
    to_stdout = csv_file is not None and str(csv_file) == "-"
    if to_stdout and as_json:
        raise UsageError("--csv - and --json both want standard output.", "Give --csv a file, or leave one out.")
    if emails and (as_json or csv_file):
        raise UsageError("The way of one recipient is told in words only.", "Leave out --json and --csv.")
    with App.open(workspace) as app:
        summary = app.ledger.sends.summary(send)
        for email in emails:
            for sentence in delivery_timeline(app, send, email):
                click.echo(f"{email}: {sentence}")
        if emails:
            return exit_code(summary)
        if csv_file is not None:
            _write_csv(app, summary, None if to_stdout else csv_file)
        if as_json:
            print_json(report_object(app, summary))
        elif csv_file is None:
            _report(app, summary)
        return exit_code(summary)


def _changed(app: App, send_id: int, *, as_json: bool) -> int:
    summary = app.ledger.sends.summary(send_id)
    if as_json:
        print_json(send_object(summary))
    else:
        _line(summary)
    return 0


def _line(summary: Summary) -> None:
    send = summary.send
    when = iso(send.at if send.at is not None else send.created_at)
    kind = "" if send.kind == "dispatch" else f" ({send.kind})"
    state = "being cancelled" if send.cancelling else send.state.value
    click.echo(f"{send.id:>4}  {when}  {state:<9}  {send.slug}{kind}  {proof_line(summary)}")


def _show(app: App, summary: Summary) -> None:
    send = summary.send
    click.echo(f"send {send.id}: “{send.title}” to {', '.join(send.lists) or 'test addresses'}")
    click.echo(f"{send.state}{f' ({send.reason})' if send.reason else ''}: {proof_line(summary)}")
    if send.seconds:
        click.echo(f"{send.seconds:,.1f} s from the first connection to the last answer")
    if words := describe_time_left(app, summary):
        click.echo(f"time left: {words}")
    if words := hint(app, summary):
        echo_err(words)


def _report(app: App, summary: Summary) -> None:
    _show(app, summary)
    send_id, report = summary.send.id, app.ledger.report
    if assumed := report.assumed(send_id):
        click.echo(f"of the accepted, {plural(assumed, 'one is', 'are')} assumed, by resolve")
    for reason in report.reasons(send_id):
        code = " ".join(str(part) for part in (reason.code, reason.enhanced) if part)
        click.echo(f"  {reason.count:>7,} {reason.state}: {reason.reason}{f' ({code})' if code else ''}")
    rest = (DeliveryState.UNCERTAIN, DeliveryState.FAILED, DeliveryState.DEFERRED)
    for state in rest:
        rows = _first(app, send_id, state)
        for row in rows[:SHOWN]:
            words = " ".join(str(part) for part in (row.code, row.enhanced, row.reply) if part)
            click.echo(f"{state}: {row.email} ({words or row.reason or 'no answer'})")
        if len(rows) > SHOWN:
            click.echo(f"and more {state}; all with: mailer report {send_id} --csv FILE")


def _first(app: App, send_id: int, state: DeliveryState) -> list[ReportRow]:
    rows = app.ledger.report.rows(send_id, state)
    return [row for row, _ in zip(rows, range(SHOWN + 1), strict=False)]


def _write_csv(app: App, summary: Summary, path: Path | None) -> None:
    """Into a file, or to standard output."""
    if path is None:
        write_export(sys.stdout, COLUMNS, report_rows(app, summary.send), line_end="\n")
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            write_export(file, COLUMNS, report_rows(app, summary.send))
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).", "Make room, or name another file.") from error
    echo_err(f"wrote {plural(summary.frozen, 'row')} to {path}")
