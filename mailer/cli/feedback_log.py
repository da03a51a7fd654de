"""The commands `feedback list`, `feedback show` and `feedback decide`: what came back, and what a person decides about it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from mailer.addresses import mask_address
from mailer.app import App
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, plural, print_json, write_csv
from mailer.errors import UsageError
from mailer.feedback.model import FeedbackKind
from mailer.iso_time import format_iso
from mailer.ledger.types.feedback import DecisionAction, FeedbackEntry
from mailer.service.feedback.entries import COLUMNS, feedback_entries, feedback_object, feedback_row, read_source
from mailer.service.feedback.record import bounce_limits

_SHOWN = 50
_KINDS = (FeedbackKind.BOUNCE, FeedbackKind.COMPLAINT, FeedbackKind.UNSUBSCRIBE)


@click.command("list")
@click.option("--waiting", is_flag=True, help="Only those that wait for a person's decision.")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in _KINDS]), help="Only bounces, complaints or opt-outs."
)
@click.option("--send", "send_id", type=int, metavar="SEND", help="Only those about one send.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=_SHOWN, show_default=True, help="Show at most so many."
)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
              help="Write all of them to FILE (-: standard output).")  # fmt: skip
@as_json
@in_workspace
def list_command(
    *,
    waiting: bool,
    kind: str | None,
    send_id: int | None,
    limit: int,
    csv_file: Path | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Show the recorded bounces, complaints and opt-outs, the latest first."""
    if csv_file is not None and as_json:
        raise UsageError("--csv and --json cannot be used together.", "Use only one of them.")
    wanted = FeedbackKind(kind) if kind else None
    with App.open(workspace) as app, app.readonly_ledger() as ledger:
        if csv_file is not None:
            if app.has_ledger:
                ledger.audit.record(COMMAND_LINE, "feedback.export")
            _write_csv(csv_file, feedback_entries(ledger.feedback, waiting=waiting, kind=wanted, send_id=send_id))
            return
        found = ledger.feedback.page(waiting=waiting, kind=wanted, send_id=send_id, limit=limit + 1)
        shown, count = found[:limit], ledger.feedback.count_waiting()
        ours = ledger.feedback.is_series_of_ours(bounce_limits(app))
    if as_json:
        print_json({"feedback": [feedback_object(each) for each in shown], "waiting": count, "series_of_ours": ours})
        return
    for each in shown:
        click.echo(_line(each))
    if len(found) > limit:
        click.echo("There are more. To get all of them: mailer feedback list --csv FILE")
    if not found:
        echo_err("Nothing came back." if not waiting else "Nothing waits for a decision.")
    elif count:
        echo_err(
            f"{plural(count, 'entry', 'entries')} waiting. To decide: mailer feedback decide ID --suppress, or --ignore"
        )
        _explain(shown)
    if ours:
        echo_err("Warning: The latest bounces are all about the sender or the messages. Check the reasons above.")


@click.command("show")
@click.argument("number", type=int, metavar="ID")
@as_json
@in_workspace
def show_command(number: int, *, as_json: bool, workspace: Path) -> None:
    """Show one entry, with the beginning of the message as long as it is kept."""
    with App.open(workspace) as app, app.readonly_ledger() as ledger:
        entry = ledger.feedback.get(number)
        if entry is None:
            raise UsageError(f"There is no feedback {number}.", "All of it is listed by: mailer feedback list")
        raw = ledger.feedback.message(number)
        if app.has_ledger:
            app.ledger.audit.record(COMMAND_LINE, "feedback.show", str(number))
    lines = read_source(raw) if raw is not None else ()
    if as_json:
        print_json({**feedback_object(entry), "message": list(lines) if raw is not None else None})
        return
    for name, value in feedback_object(entry).items():
        if value not in {"", None} and not (name == "address" and entry.address == entry.identity):
            click.echo(f"{name:>12}: {str(value).lower() if isinstance(value, bool) else value}")
    if raw is not None:
        click.echo("\n" + "\n".join(f"  | {line}" for line in lines))


@click.command("decide")
@click.argument("numbers", nargs=-1, required=True, type=int, metavar="ID...")
@click.option("--suppress", "action", flag_value=DecisionAction.SUPPRESS.value, help="The address gets no more mail.")
@click.option("--ignore", "action", flag_value=DecisionAction.IGNORE.value, help="Nothing changes.")
@as_json
@in_workspace
def decide_command(numbers: tuple[int, ...], action: str | None, *, as_json: bool, workspace: Path) -> None:
    """Decide about entries that wait, because nothing proves that they are about a message of yours."""
    if action is None:
        raise UsageError("Nothing was decided.", "Give --suppress or --ignore.")
    chosen = DecisionAction(action)
    with App.open(workspace) as app:
        done = []
        for number in numbers:
            done.append(app.ledger.feedback.decide(number, chosen, by=COMMAND_LINE))
            app.ledger.audit.record(COMMAND_LINE, "feedback.decide", mask_address(done[-1].identity), chosen.value)
    if as_json:
        print_json({"decided": [feedback_object(each) for each in done]})
        return
    for each in done:
        what = "gets no more mail" if chosen is DecisionAction.SUPPRESS else "nothing was changed"
        click.echo(f"{each.id}: {each.identity}: {what}")


def _line(entry: FeedbackEntry) -> str:
    effect = f"{entry.effect}, decided: {entry.decision}" if entry.decision else entry.effect.value
    what = (
        " ".join(filter(None, (entry.status, entry.reason.value)))
        if entry.kind is FeedbackKind.BOUNCE
        else entry.report_type
    )
    about = f"send {entry.send_id}" if entry.send_id else "no send"
    name = (
        entry.identity
        if entry.identity == entry.address.lower() or not entry.address
        else f"{entry.identity} (as {entry.address})"
    )
    return f"{entry.id:>6}  {format_iso(entry.at)}  {entry.kind}  {name}  {about}  {what or '-'}  {effect}"


def _explain(shown: Sequence[FeedbackEntry]) -> None:
    """Says why proven bounces wait, if some of `shown` do."""
    if any(each.is_waiting and each.is_held for each in shown):
        echo_err(
            "Proven bounces wait where many readers of a domain were reported missing at once, or the message is old."
        )


def _write_csv(path: Path, entries: Iterable[FeedbackEntry]) -> None:
    write_csv(path, COLUMNS, map(feedback_row, entries))
    if str(path) != "-":
        echo_err(f"Written to {path}")
