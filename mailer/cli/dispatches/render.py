"""The command `render`: writes a dispatch as HTML, plaintext and message."""

import json
from pathlib import Path

import click

from mailer.app import App
from mailer.atomic_files import open_private
from mailer.cli.options import as_json, in_workspace, parse_list_names
from mailer.cli.output import print_json
from mailer.cli.problem_output import show_problems, show_refusal
from mailer.errors import UsageError
from mailer.service.dispatches.check_and_compile import DispatchError
from mailer.service.dispatches.render import render_files


@click.command("render")
@click.argument("dispatch")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="The folder to write to.",
)
@click.option("--for", "reader", metavar="EMAIL", help="Render it for this reader. Default: all fields empty.")
@click.option("--to", "to", multiple=True, metavar="LIST", help="Look for the reader in this list. May be repeated.")
@as_json
@in_workspace
def render_command(
    dispatch: str, out: Path, reader: str | None, to: tuple[str, ...], *, as_json: bool, workspace: Path
) -> int:
    """Write DISPATCH to a folder: edition.html, edition.txt, message.eml and edition.json."""
    with App.open(workspace) as app:
        try:
            rendered = render_files(app, dispatch, reader=reader, lists=parse_list_names(to))
        except DispatchError as error:
            raise show_refusal(error) from None
        show_problems(rendered.checked.problems)
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, data in rendered.files.items():
                with open(out / name, "wb", opener=open_private if reader else None) as file:
                    file.write(data)
        except OSError as error:
            raise UsageError(
                f"Cannot write {error.filename or out} ({error.strerror}).", "Choose another folder with --out."
            ) from error
    if as_json:
        print_json(json.loads(rendered.files["edition.json"]))
    else:
        for name in rendered.files:
            click.echo(out / name)
    return 0
