"""list: sync, undo, show, export."""

import sys
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile

import click

from mailer.app import App
from mailer.atomic_files import open_private
from mailer.cli.options import COMMAND_LINE, as_json, in_workspace
from mailer.cli.output import echo_err, is_interactive, plural, print_json
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.lists.export import export_list
from mailer.service.lists.overview import ListOverview, list_overview_object, show_list
from mailer.service.lists.sync import plan_sync, sync_list, sync_plan_object
from mailer.service.lists.undo import undo_list
from mailer.timestamps import format_iso

_list_argument = click.argument("name", callback=lambda _ctx, _parameter, name: name.strip().removesuffix(".csv"))


@click.group("list")
def list_command() -> None:
    """Lists: sync, undo, show, export."""


@list_command.command("sync")
@_list_argument
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--allow-removals", is_flag=True, help="Go on though more than a tenth of the readers are gone.")
@as_json
@in_workspace
def sync(name: str, *, only_plan: bool, allow_removals: bool, as_json: bool, workspace: Path) -> int:
    """Bring the file of list NAME and the ledger together.

    Who is new in the file joins, who is gone leaves; who signed up gets a row; status and since are kept current. A row
    that would bring back somebody who said no is blocked.
    """
    with App.open(workspace) as app:
        plan = plan_sync(app, name) if only_plan else _sync_or_ask(app, name, allow_removals=allow_removals)
    return _show_plan(plan, planned=only_plan, as_json=as_json)


@list_command.command("undo")
@_list_argument
@click.option("--to", type=click.IntRange(1, 2**63 - 1), metavar="SYNC", help="How it was after that sync.")
@as_json
@in_workspace
def undo(name: str, *, to: int | None, as_json: bool, workspace: Path) -> int:
    """Put back the file of list NAME as an earlier sync left it; else as it was before the last one.

    Who said no since stays so, who signed up since stays on the list. An undo is a sync, and can be undone.
    """
    with App.open(workspace) as app:
        return _show_plan(undo_list(app, name, to=to), planned=False, as_json=as_json)


@list_command.command("show")
@_list_argument
@click.option("--where", default="", metavar="EXPR", help='Only those of whom this holds: city == "Lisbon".')
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="How many members to show.")
@as_json
@in_workspace
def show(name: str, *, where: str, limit: int, as_json: bool, workspace: Path) -> None:
    """Count the members of list NAME, by whether they would be mailed; show the first, and the last syncs."""
    with App.open(workspace) as app:
        overview = show_list(app, name, where=where, limit=limit)
    if as_json:
        print_json(list_overview_object(overview))
    else:
        _show_overview(overview)


@list_command.command("export")
@_list_argument
@click.option("--where", default="", metavar="EXPR", help="Only those of whom this holds.")
@click.option("--raw", is_flag=True, help="Leave cells that a spreadsheet would take for a formula as they are.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-", metavar="FILE",
              help="Write into FILE instead of standard output.")  # fmt: skip
@in_workspace
def export(name: str, *, where: str, raw: bool, out: Path, workspace: Path) -> None:
    """Write the members of list NAME as CSV, as they stand now, safe for a spreadsheet."""
    with App.open(workspace) as app, TemporaryFile("w+", encoding="utf-8", newline="") as spool:
        count = export_list(app, name, spool, where=where, raw=raw)
        spool.seek(0)
        try:
            if str(out) == "-":
                copyfileobj(spool, sys.stdout)
            else:
                with open(out, "w", encoding="utf-8", newline="", opener=open_private) as target:
                    copyfileobj(spool, target)
        except OSError as error:
            raise UsageError(f"{out} cannot be written ({error.strerror}).", "Name another file.") from error
        if app.has_ledger:
            app.ledger.audit.record(COMMAND_LINE, "list.export", name, f"{count} members")
    echo_err(f"{plural(count, 'member')} of {name}")


def _show_overview(overview: ListOverview) -> None:
    mailed = overview.reasons.get("", 0)
    others = ", ".join(f"{count:,} {reason}" for reason, count in sorted(overview.reasons.items()) if reason)
    selected = f" where {overview.where}" if overview.where else ""
    click.echo(
        f"{overview.list}{selected}: {plural(overview.members, 'member')}, {mailed:,} to mail{others and f'; {others}'}"
    )
    for each in overview.page:
        fields = ", ".join(f"{name} {value}" for name, value in each.fields.items())
        click.echo(f"  {each.address}{f' ({each.reason})' if each.reason else ''}{f': {fields}' if fields else ''}")
    if len(overview.page) < overview.members:
        echo_err(f"  and {overview.members - len(overview.page):,} more")
    if overview.left_because:
        reasons = ", ".join(f"{count:,} {why}" for why, count in overview.left_because.items())
        click.echo(f"  left because: {reasons}")
    for sync in overview.syncs:
        counts = ", ".join(f"{count:,} {what}" for what, count in sync.counts.items() if count)
        back = f", back to sync {sync.undo_of}" if sync.undo_of is not None else ""
        click.echo(f"  sync {sync.sync}  {format_iso(sync.at)}  {sync.by}{back}: {counts}")


def _sync_or_ask(app: App, name: str, *, allow_removals: bool) -> SyncPlan:
    """Syncs the list; asks a person at a terminal whether many removals are meant."""
    try:
        return sync_list(app, name, allow_removals=allow_removals)
    except NeedsConfirmationError as error:
        if allow_removals or not is_interactive() or "--allow-removals" not in error.next_step:
            raise
        echo_err(error.message)
        if not click.confirm("Is that meant?", err=True):
            raise
    return sync_list(app, name, allow_removals=True)


def _show_plan(plan: SyncPlan, *, planned: bool, as_json: bool) -> int:
    if as_json:
        print_json(sync_plan_object(plan, planned=planned))
        return _exit_code(plan)
    done = "would be" if planned else "was"
    number = f", sync {plan.sync}" if plan.sync is not None else ""
    click.echo(f"{plan.list}: {plural(plan.people, 'reader')}{number}")
    for each in plan.first_joined:
        click.echo(f"  + line {each.line}: {each.identity}")
    _show_more(plan.joined - len(plan.first_joined), "joined", shown=bool(plan.first_joined))
    for change in plan.first_changed:
        words = ", ".join(f"{name} “{old}” → “{new}”" for name, (old, new) in change.fields.items())
        click.echo(f"  ~ line {change.line}: {change.identity}: {words or 'the address is written otherwise'}")
    _show_more(plan.changed - len(plan.first_changed), "changed", shown=bool(plan.first_changed))
    for identity in plan.first_removed:
        click.echo(f"  - {identity}")
    _show_more(plan.removed - len(plan.first_removed), "removed", shown=bool(plan.first_removed))
    for blocked in plan.first_blocked:
        click.echo(f"  ! line {blocked.line}: {blocked.identity} stays {blocked.why}")
    _show_more(plan.blocked - len(plan.first_blocked), "blocked", shown=bool(plan.first_blocked))
    _show_counts(plan, done)
    return _exit_code(plan)


def _show_more(count: int, what: str, *, shown: bool) -> None:
    if shown and count > 0:
        click.echo(f"    and {count:,} more {what}")


def _show_counts(plan: SyncPlan, done: str) -> None:
    counts = [
        (plan.joined, "joined"),
        (plan.changed, "changed"),
        (plan.moved, "with another status"),
        (plan.removed, "removed"),
        (plan.blocked, "blocked"),
    ]
    if plan.changes_nothing:
        click.echo("  nothing to be done")
    else:
        click.echo("  " + (", ".join(f"{count:,} {what}" for count, what in counts if count) or "no reader changed"))
    if plan.writes:
        cells = plural(plan.patched, "row gets its status", "rows get their status")
        rows = plural(plan.appended, "sign-up gets a row", "sign-ups get a row")
        click.echo(f"  in the file {done} written: {cells}, {rows}")
    if plan.encoding_changed:
        echo_err("The file's encoding could not hold a sign-up: it is UTF-8 with a byte order mark now.")
    for words in plan.findings:
        echo_err(f"  {words}")
    if plan.more_findings:
        echo_err(f"  and {plural(plan.more_findings, 'more finding')}")


def _exit_code(plan: SyncPlan) -> int:
    """Returns 1 if rows were blocked or rejected, else 0."""
    return 1 if plan.blocked or plan.rejected else 0
