"""The command `report`: shows what happened to the recipients of a send."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace, send_number
from mailer.cli.output import echo_err, plural, print_json, write_csv
from mailer.cli.sends.status import show_next_step, show_send
from mailer.delivery.states import DeliveryState
from mailer.errors import UsageError
from mailer.ledger.types.deliveries import ReportRow
from mailer.ledger.types.sends import Summary
from mailer.service.feedback.returned_report import GOOD_RATE, HIGHEST_RATE, returned_report
from mailer.service.sends.report import COLUMNS, delivery_timeline, report_object, report_rows
from mailer.service.sends.summary import exit_code

SHOWN = 20  # deliveries of each state, and groups of those that came back
WORDS = 120  # characters of a server's words


@click.command("report")
@send_number
@click.argument("emails", nargs=-1, metavar="[EMAIL...]")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
              help="Write a row for each recipient to FILE (-: standard output).")  # fmt: skip
@as_json
@in_workspace
def report_command(send: int, emails: tuple[str, ...], csv_file: Path | None, *, as_json: bool, workspace: Path) -> int:
    """Show what happened to the recipients of SEND; with addresses, each step of their deliveries."""
    to_stdout = csv_file is not None and str(csv_file) == "-"
    if to_stdout and as_json:
        raise UsageError(
            "--csv - and --json cannot both write to standard output.", "Give --csv a file, or use only one of them."
        )
    if emails and (as_json or csv_file):
        raise UsageError("--json and --csv cannot be used with addresses.", "Leave them out.")
    with App.open(workspace) as app:
        summary = app.ledger.sends.summary(send)
        for email in emails:
            for sentence in delivery_timeline(app, send, email):
                click.echo(f"{email}: {sentence}")
        if emails:
            return exit_code(summary)
        if csv_file is not None:
            _write_csv(app, summary, csv_file)
        if as_json:
            print_json(report_object(app, summary))
        elif csv_file is None:
            _show_report(app, summary)
        return exit_code(summary)


def _show_report(app: App, summary: Summary) -> None:
    show_send(app, summary)
    send_id, report = summary.send.id, app.ledger.report
    if assumed := report.count_resolved_manually(send_id):
        click.echo(f"{assumed:,} of the accepted: assumed, by resolve --assume-sent")
    _show_returned(app, summary)
    for reason in report.reasons(send_id):
        code = " ".join(str(part) for part in (reason.code, reason.enhanced) if part)
        click.echo(f"  {reason.count:>7,} {reason.state}: {reason.reason}{f' ({code})' if code else ''}")
    rest = (DeliveryState.UNCERTAIN, DeliveryState.FAILED, DeliveryState.DEFERRED)
    for state in rest:
        rows = _first_rows(app, send_id, state)
        for row in rows[:SHOWN]:
            words = " ".join(str(part) for part in (row.code, row.enhanced, row.reply) if part)
            click.echo(f"{state}: {row.email} ({words or row.reason or 'no answer'})")
        if len(rows) > SHOWN:
            click.echo(f"More are {state}. To get all of them: mailer report {send_id} --csv FILE")
    show_next_step(app, summary)


def _show_returned(app: App, summary: Summary) -> None:
    """Shows what came back. It is beside the sum: these messages were accepted before."""
    returned = returned_report(app, summary.send.id, summary.count(DeliveryState.ACCEPTED))
    if returned.messages:
        click.echo(f"{returned.messages:,} of the accepted came back:")
    for each in returned.groups[:SHOWN]:
        words = f" ({each.words[:WORDS]})" if each.words else ""
        click.echo(f"  {each.count:>7,} {each.domain or 'erased readers'}: {each.reason}{words}")
    if len(returned.groups) > SHOWN:
        click.echo(f"More came back. To see all: mailer feedback list --send {summary.send.id}")
    for rate in (returned.complaints, *returned.providers) if returned.providers else ():
        click.echo(
            f"{rate.provider or 'complaints'}: {rate.complaints:,} of {rate.accepted:,}, {rate.percent:.2f} % "
            f"(Gmail asks for less than {GOOD_RATE} %, and never {HIGHEST_RATE} %)"
        )


def _first_rows(app: App, send_id: int, state: DeliveryState) -> list[ReportRow]:
    rows = app.ledger.report.rows(send_id, state)
    return [row for row, _ in zip(rows, range(SHOWN + 1), strict=False)]


def _write_csv(app: App, summary: Summary, path: Path) -> None:
    """Writes the report to a file, or to standard output."""
    app.ledger.audit.record(COMMAND_LINE, "send.export", str(summary.send.id))
    write_csv(path, COLUMNS, report_rows(app, summary.send))
    if str(path) != "-":
        echo_err(f"{plural(summary.frozen, 'row')} written to {path}")
