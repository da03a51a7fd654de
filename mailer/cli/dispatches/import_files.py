"""The command `import`: makes dispatch files from plain-text archives, saved pages and messages."""

import datetime as dt
from pathlib import Path

import click

from mailer.cli.options import as_json, in_workspace
from mailer.cli.output import echo_err, plural, print_json
from mailer.errors import SettingsError, UsageError
from mailer.service.dispatches.import_past_issues import Imported, import_file, importable_files
from mailer.settings.settings import load_settings
from mailer.workspace import Workspace

_MAX_DOUBTS = 10  # shown of each file if a folder is imported


@click.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "-o", "out", type=click.Path(path_type=Path), help="The file or folder to write to. Default: dispatches/."
)
@as_json
@in_workspace
def import_command(source: Path, out: Path | None, *, as_json: bool, workspace: Path) -> int:
    """Import FILE as a dispatch: plain text, a saved page (.html), a message (.eml), or a folder of them.

    Anything that cannot be placed is kept as text, and listed with its line. Existing files are kept. Exit 1 if the
    dispatch has errors that `mailer check` would find.
    """
    files = importable_files(source) if source.is_dir() else (source,)
    if out and out.suffix == ".md" and source.is_dir():
        raise UsageError(f"{source} is a folder, but {out} is the name of a file.", "Give a folder with -o.")
    target = out or Workspace(workspace).dispatches
    language, today = _language_and_date(workspace)
    done: list[Imported] = []
    failed: list[tuple[Path, str]] = []
    for file in files:
        try:
            taken = {imported.dispatch for imported in done}
            done.append(import_file(file, target, today=today, language=language, taken=taken))
        except UsageError as error:
            if not source.is_dir():
                raise
            failed.append((file, str(error)))
    if as_json:
        print_json(_result_object(done, failed))
    else:
        for imported in done:
            _show_import(imported, most=_MAX_DOUBTS if source.is_dir() else None)
        for file, why in failed:
            echo_err(f"{file}: not imported: {why}")
        if source.is_dir():
            echo_err(_summarize(done, len(failed)))
    return 1 if failed or any(imported.problems for imported in done) else 0


def _summarize(done: list[Imported], failed: int) -> str:
    doubts = sum(len(imported.doubts) for imported in done)
    unsure = sum(bool(imported.doubts) for imported in done)
    made = f"{plural(len(done), 'dispatch', 'dispatches')} imported, {unsure} with {plural(doubts, 'doubt')}"
    return f"{made}; {plural(failed, 'file')} not imported" if failed else made


def _show_import(imported: Imported, *, most: int | None) -> None:
    for doubt in imported.doubts[:most]:
        place = f"{imported.source}:{doubt.line}" if doubt.line else str(imported.source)
        echo_err(f"{place}: {doubt.message}")
    if most and len(imported.doubts) > most:
        echo_err(
            f"{imported.source}: {plural(len(imported.doubts) - most, 'more doubt')}; import this file alone to see all"
        )
    for problem in imported.problems:
        echo_err(str(problem))
    click.echo(imported.dispatch)


def _result_object(done: list[Imported], failed: list[tuple[Path, str]]) -> dict[str, object]:
    return {
        "imported": [
            {
                "file": str(imported.source),
                "dispatch": str(imported.dispatch),
                "doubts": [{"line": doubt.line, "message": doubt.message} for doubt in imported.doubts],
                "problems": [problem.as_json() for problem in imported.problems],
            }
            for imported in done
        ],
        "failed": [{"file": str(file), "message": why} for file, why in failed],
    }


def _language_and_date(workspace: Path) -> tuple[str, dt.date]:
    """Returns the language of the publication and today's date in its time zone; English and UTC without settings."""
    try:
        settings = load_settings(workspace)
    except SettingsError:
        return "en", dt.datetime.now(dt.UTC).date()
    return settings.language, dt.datetime.now(settings.timezone).date()
