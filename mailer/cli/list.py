"""The commands `list`: sync, undo, show, export."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile

import click

from mailer.app import App
from mailer.atomic_files import open_private
from mailer.cli.options import COMMAND_LINE, NOT_SHOWN, RowNumber, as_json, in_workspace
from mailer.cli.output import echo_err, is_interactive, plural, print_json, short_identity
from mailer.csv.columns.header_row import SINCE, STATUS
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.iso_time import format_iso
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.lists.export import export_list
from mailer.service.lists.overview import ListOverview, list_overview_object, list_totals, show_list
from mailer.service.lists.sync import plan_sync, sync_list, sync_plan_object
from mailer.service.lists.undo import plan_undo, undo_list

_COUNTS = {
    "people": ("reader", "readers"),
    "moved": ("with a new status", "with a new status"),
    "blocked": ("not resubscribed", "not resubscribed"),
    "duplicates": ("duplicate", "duplicates"),
    "patched": ("status updated", "statuses updated"),
    "appended": ("sign-up added", "sign-ups added"),
}  # the counts of a sync whose keys are not their words: for one, for several
_SHOWN_FIELDS = 5  # filled fields of a reader on one line; “subscriber show” has all
_SHORT_PAGE = 10  # readers: below more of them, the total is repeated
_list_argument = click.argument("name", callback=lambda _ctx, _parameter, name: name.strip().removesuffix(".csv"))

_allow_removals = click.option(
    "--allow-removals", is_flag=True, help="Continue even if more than a tenth of the readers are removed."
)


@click.group("list", invoke_without_command=True)
@as_json
@in_workspace
@click.pass_context
def list_command(context: click.Context, *, as_json: bool, workspace: Path) -> None:
    """Sync the lists with their files, show and export them, undo a sync.

    Without a command: list all lists, with their readers as of the last sync.
    """
    if context.invoked_subcommand is not None:
        return
    with App.open(workspace) as app:
        totals = list_totals(app)
    if as_json:
        print_json({"lists": [asdict(each) for each in totals]})
        return
    for each in totals:
        if each.members is None:
            click.echo(f"{each.list}: not synced yet; to sync it: mailer list sync {each.list}")
        else:
            click.echo(f"{each.list}: {plural(each.members, 'reader')}, {each.to_mail or 0:,} get mail")
    if not totals:
        echo_err("There are no lists yet. To create one, put a CSV file into the folder subscribers.")


@list_command.command("sync")
@_list_argument
@click.option("--plan", "only_plan", is_flag=True, help="Only show what would change, and change no list.")
@_allow_removals
@as_json
@in_workspace
def sync(name: str, *, only_plan: bool, allow_removals: bool, as_json: bool, workspace: Path) -> int:
    """Sync list NAME: merge its CSV file and the database.

    New rows join the list, and readers whose row is gone are removed. Sign-ups are added to the file, and its columns
    “status” and “since” are updated. Readers who unsubscribed, bounced or complained stay so: such rows are reported
    as not resubscribed. Every send does the same before it counts its readers.
    """
    with App.open(workspace) as app:
        plan = plan_sync(app, name) if only_plan else _ask_about_removals(partial(sync_list, app, name), allow_removals)
    return _show_plan(plan, do=f"mailer list sync {name}" if only_plan else "", as_json=as_json)


@list_command.command("undo")
@_list_argument
@click.option(
    "--to",
    type=RowNumber(),
    metavar="SYNC",
    help="Restore the list as after this sync. Default: one step back.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Only show what would change, and change no list.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@_allow_removals
@as_json
@in_workspace
def undo(
    name: str, *, to: int | None, only_plan: bool, yes: bool, allow_removals: bool, as_json: bool, workspace: Path
) -> int:
    """Undo the last change of list NAME, or go back to an earlier sync.

    If the file has changed since the last sync, that change is discarded. Otherwise the last sync is undone. Readers
    who unsubscribed since then stay unsubscribed; readers who signed up since then stay on the list. An undo is a sync,
    too, and can be undone. At a terminal, it first shows what would change, and asks.
    """
    with App.open(workspace) as app:
        if only_plan:
            do = f"mailer list undo {name}{'' if to is None else f' --to {to}'}"
            return _show_plan(plan_undo(app, name, to=to), do=do, as_json=as_json)
        if is_interactive() and not yes:
            to = _confirm_undo(plan_undo(app, name, to=to))
        plan = _ask_about_removals(partial(undo_list, app, name, to=to), allow_removals)
    return _show_plan(plan, as_json=as_json)


@list_command.command("show")
@_list_argument
@click.option("--where", default="", metavar="EXPR", help="Only readers who match, such as \"city == 'Lisbon'\".")
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N", default=50, show_default=True, help="How many readers to show."
)
@as_json
@in_workspace
def show(name: str, *, where: str, limit: int, as_json: bool, workspace: Path) -> None:
    """Show list NAME: its size, the first readers, the last syncs."""
    with App.open(workspace) as app:
        overview = show_list(app, name, where=where, limit=limit)
    if as_json:
        print_json(list_overview_object(overview))
    else:
        _show_overview(overview)


@list_command.command("export")
@_list_argument
@click.option("--where", default="", metavar="EXPR", help="Only readers who match.")
@click.option("--raw", is_flag=True, help="Do not escape cells that look like formulas.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-", metavar="FILE",
              help="Write to FILE. Default: standard output.")  # fmt: skip
@in_workspace
def export(name: str, *, where: str, raw: bool, out: Path, workspace: Path) -> None:
    """Write the readers of list NAME as CSV, with their present status.

    The file is UTF-8, with commas. Its columns have the names of fields: “Email Address” is email. Cells that a spreadsheet
    would take for a formula, such as +49…, get a ' in front.
    """
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
            raise UsageError(f"Cannot write {out} ({error.strerror}).", "Choose another file.") from error
        if app.has_ledger:
            app.ledger.audit.record(COMMAND_LINE, "list.export", name, plural(count.rows, "reader"))
    statuses = ", ".join(f"{number:,} {status}" for status, number in sorted(count.statuses.items()))
    echo_err(f"{plural(count.rows, 'reader')} exported from {name}{statuses and f': {statuses}'}")
    if count.escaped:
        echo_err(
            f"{plural(count.escaped, 'cell')} got a ' in front, so that no spreadsheet takes a cell such as +49… for a formula. "
            "To leave cells as they are: --raw"
        )


def _show_overview(overview: ListOverview) -> None:
    mailed = overview.reasons.get("", 0)
    others = ", ".join(f"{count:,} {reason}" for reason, count in sorted(overview.reasons.items()) if reason)
    selected = f" where {overview.where}" if overview.where else ""
    total = f"{overview.list}{selected}: {plural(overview.members, 'reader')}, {mailed:,} get mail{others and f'; {others}'}"
    click.echo(total)
    for each in overview.page:
        filled = [f"{name} {value}" for name, value in each.fields.items() if value and name not in NOT_SHOWN]
        rest = f" and {len(filled) - _SHOWN_FIELDS} more" if len(filled) > _SHOWN_FIELDS else ""
        fields = ", ".join(filled[:_SHOWN_FIELDS]) + rest
        address = short_identity(each.address)
        click.echo(f"  {address}{f' ({each.reason})' if each.reason else ''}{f': {fields}' if fields else ''}")
    if overview.page and len(overview.page) < overview.members:
        echo_err(f"  and {overview.members - len(overview.page):,} more")
    if overview.left_because:
        reasons = ", ".join(f"{count:,} {why}" for why, count in overview.left_because.items())
        click.echo(f"  reasons for leaving: {reasons}")
    for sync in overview.syncs:
        counts = ", ".join(
            plural(count, *_COUNTS.get(what, (what, what))) for what, count in sync.counts.items() if count
        )
        back = f", restored sync {sync.undo_of}" if sync.undo_of is not None else ""
        click.echo(f"  sync {sync.sync}  {format_iso(sync.at)}  {sync.by}{back}: {counts}")
    if len(overview.page) > _SHORT_PAGE:
        click.echo(total)


def _confirm_undo(plan: SyncPlan) -> int | None:
    """Shows what an undo would do, and asks for a yes. Returns the sync to go back to. Raises NeedsConfirmationError."""
    with redirect_stdout(sys.stderr):
        _show_changes(plan, "would be")
    try:
        agreed = click.confirm(f"Restore the list {plan.list}?", err=True)
    except click.Abort:
        echo_err()
        agreed = False
    if not agreed:
        raise NeedsConfirmationError("Nothing was changed.", "To undo it, run the command again.")
    return plan.undo_of


def _ask_about_removals(change: Callable[..., SyncPlan], allow_removals: bool) -> SyncPlan:
    """Makes the change; asks a person at a terminal whether many removals are meant."""
    try:
        return change(allow_removals=allow_removals)
    except NeedsConfirmationError as error:
        if allow_removals or not is_interactive() or "--allow-removals" not in error.next_step:
            raise
        echo_err(error.message)
        if not click.confirm("Remove them?", err=True):
            raise
    return change(allow_removals=True)


def _show_plan(plan: SyncPlan, *, do: str = "", as_json: bool) -> int:
    """Shows what was done, or what the command `do` would do, and returns the exit code."""
    if as_json:
        print_json(sync_plan_object(plan, planned=bool(do)))
        return _exit_code(plan)
    _show_changes(plan, "would be" if do else "was")
    if do:
        echo_err("Nothing was changed." if plan.changes_nothing else f"Nothing was changed. To do this: {do}")
    return _exit_code(plan)


def _show_changes(plan: SyncPlan, done: str) -> None:
    number = f", sync {plan.sync}" if plan.sync is not None else ""
    click.echo(f"{plan.list}: {plural(plan.people, 'reader')}{number}")
    if plan.undo_of is not None:
        click.echo(f"  the file {done} restored, as sync {plan.undo_of} left it")
    for each in plan.first_joined:
        click.echo(f"  + line {each.line}: {short_identity(each.identity)}")
    _show_more(plan.joined - len(plan.first_joined), "joined", shown=bool(plan.first_joined))
    for change in plan.first_changed:
        words = ", ".join(f"{name} “{old}” → “{new}”" for name, (old, new) in change.fields.items())
        click.echo(f"  ~ line {change.line}: {change.identity}: {words or 'only the spelling of the address changed'}")
    _show_more(plan.changed - len(plan.first_changed), "changed", shown=bool(plan.first_changed))
    for identity in plan.first_removed:
        click.echo(f"  - {short_identity(identity)}")
    _show_more(plan.removed - len(plan.first_removed), "removed", shown=bool(plan.first_removed))
    for blocked in plan.first_blocked:
        click.echo(f"  ! line {blocked.line}: {short_identity(blocked.identity)} stays {blocked.why}")
    _show_more(plan.blocked - len(plan.first_blocked), "not resubscribed", shown=bool(plan.first_blocked))
    _show_counts(plan, done)
    for line in plan.erased_lines:
        click.echo(f"  line {line}: this reader was erased. Delete the row from the file: a sync deletes no rows.")


def _show_more(count: int, what: str, *, shown: bool) -> None:
    if shown and count > 0:
        click.echo(f"    and {count:,} more {what}")


def _show_counts(plan: SyncPlan, done: str) -> None:
    counts = [
        (plan.joined, "joined"),
        (plan.changed, "changed"),
        (plan.moved, "with a new status"),
        (plan.removed, "removed"),
        (plan.blocked, "not resubscribed"),
    ]
    results = [f"{count:,} {what}" for count, what in counts if count]
    if results or not plan.writes:
        click.echo(f"  {', '.join(results) or 'no changes'}")
    if plan.rejected or plan.duplicates:
        click.echo(f"  {_describe_rows(plan)}")
    if plan.unmailed:
        whom = f"the {plan.joined:,} new readers get" if plan.joined > 1 else "1 new reader gets"
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in plan.unmailed.items())
        click.echo(f"  {plan.joined - sum(plan.unmailed.values()):,} of {whom} mail: {reasons}")
    written = [plural(plan.patched, "status", "statuses")] if plan.patched else []
    if plan.appended:
        written.append(plural(plan.appended, "sign-up"))
    if written:
        columns = f", in its columns {STATUS} and {SINCE}" if plan.patched else ""
        click.echo(f"  the file {done} updated{columns}: {' and '.join(written)}")
    if plan.encoding_changed:
        echo_err("The file is now UTF-8: its former encoding lacked a character of a new sign-up.")
    for words in plan.findings:
        echo_err(f"  {words}")
    if plan.more_findings:
        echo_err(f"  and {plural(plan.more_findings, 'more finding')}")


def _describe_rows(plan: SyncPlan) -> str:
    """Returns the rows of the file as a sum: each is a reader, was rejected, or is a duplicate."""
    parts = [plural(plan.people, "reader")]
    if plan.rejected:
        parts.append(f"{plan.rejected:,} rejected")
    if plan.duplicates:
        parts.append(plural(plan.duplicates, "duplicate"))
    return f"{plural(plan.people + plan.rejected + plan.duplicates, 'row')} = {' + '.join(parts)}"


def _exit_code(plan: SyncPlan) -> int:
    """Returns 1 if rows were blocked or rejected, else 0."""
    return 1 if plan.blocked or plan.rejected else 0
