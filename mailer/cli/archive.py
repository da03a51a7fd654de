"""The commands `archive`: write the archive as files, and correct a dispatch in it."""

from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace
from mailer.cli.output import plural, print_json
from mailer.cli.problem_output import show_problems, show_refusal
from mailer.iso_time import format_iso
from mailer.service.archive.corrections import correct_dispatch
from mailer.service.archive.export import export_archive
from mailer.service.dispatches.check_and_compile import DispatchError


@click.group("archive")
def archive_command() -> None:
    """Write the archive of past issues as files, or correct a dispatch in it."""


@archive_command.command("build")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@as_json
@in_workspace
def build(folder: Path, *, as_json: bool, workspace: Path) -> None:
    """Write the archive into DIR, as files for any web server.

    Files that did not change are left alone; files of dispatches that are no longer in the archive are removed.
    """
    with App.open(workspace) as app:
        result = export_archive(app, folder)
    if as_json:
        print_json({"files": result.files, "written": list(result.written), "removed": list(result.removed)})
        return
    for name in result.written:
        click.echo(f"written  {folder / name}")
    for name in result.removed:
        click.echo(f"removed  {folder / name}")
    click.echo(
        f"{folder}: {plural(result.files, 'file')}, {len(result.written):,} written, {len(result.removed):,} removed"
    )


@archive_command.command("correct")
@click.argument("dispatch")
@click.option("--note", required=True, metavar="TEXT", help="What was corrected. Readers see it.")
@as_json
@in_workspace
def correct_(dispatch: str, note: str, *, as_json: bool, workspace: Path) -> None:
    """Publish the present text of DISPATCH as a correction.

    The archive then shows this text, marked as corrected. Messages that were sent do not change.
    """
    with App.open(workspace) as app:
        try:
            checked, shown = correct_dispatch(app, dispatch, note)
        except DispatchError as error:
            raise show_refusal(error) from None
        url = app.publication.archive_url(shown.slug)
    show_problems(checked.problems)
    last = shown.corrections[-1]
    if as_json:
        print_json(
            {"slug": shown.slug, "edition": shown.digest, "note": last.note, "at": format_iso(last.at), "url": url}
        )
    else:
        click.echo(f"Corrected: {url} now shows edition {shown.digest[:12]}, with the note “{last.note}”.")
