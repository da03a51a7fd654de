"""check, render: a dispatch before it is sent."""

import json
import sys
from pathlib import Path

import click

from mailer.cli.lists import list_names
from mailer.cli.output import as_json, in_workspace, plural, print_json, say
from mailer.cli.plan import refused, show_aside
from mailer.dispatch.problem import Problem, Severity
from mailer.errors import UsageError
from mailer.service.compiling import Checked, DispatchError, check, compile_checked
from mailer.service.newsroom import Newsroom
from mailer.service.rendering import render

STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


@click.command("check")
@click.argument("dispatch")
@click.option("--to", "to", multiple=True, metavar="LIST", help="Check its fields against these lists.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@as_json
@in_workspace
def check_command(dispatch: str, to: tuple[str, ...], *, strict: bool, as_json: bool, workspace: Path) -> int:
    """Find what is wrong in DISPATCH, a path or a slug. Exit 1 on errors."""
    with Newsroom.open(workspace) as newsroom:
        checked = check(newsroom, dispatch, list_names(to))
        if not checked.has_errors:
            compile_checked(newsroom, checked)  # a template of the workspace can be wrong, too
    _show_findings(checked, as_json=as_json)
    grave = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return 1 if any(problem.severity in grave for problem in checked.problems) else 0


def _show_findings(checked: Checked, *, as_json: bool) -> None:
    if as_json:
        print_json({"problems": [problem.as_json() for problem in checked.problems]})
    else:
        _show_problems(checked.problems)
        say(_verdict(checked.problems, checked.shown))


def _show_problems(problems: tuple[Problem, ...]) -> None:
    """One finding a line, in colour for a terminal."""
    for problem in problems:
        line = str(problem)
        if sys.stdout.isatty():
            place, _, rest = line.partition(f": {problem.severity}: ")
            style = STYLES[problem.severity]
            line = f"{click.style(place, bold=True)}: {click.style(problem.severity.value, fg=style)}: {rest}"
        click.echo(line)


def _verdict(problems: tuple[Problem, ...], shown: str) -> str:
    if not problems:
        return f"{shown}: nothing to find fault with"
    counts = [sum(problem.severity is severity for problem in problems) for severity in Severity]
    named = [plural(count, severity.value) for severity, count in zip(Severity, counts, strict=True) if count]
    return f"{shown}: {', '.join(named)}"


@click.command("render")
@click.argument("dispatch")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to write into."
)
@click.option("--for", "reader", metavar="EMAIL", help="As this reader gets it; without it all fields are empty.")
@click.option("--to", "to", multiple=True, metavar="LIST", help="The lists in which to look for the reader.")
@as_json
@in_workspace
def render_command(
    dispatch: str, out: Path, reader: str | None, to: tuple[str, ...], *, as_json: bool, workspace: Path
) -> int:
    """Write edition.html, edition.txt, message.eml and edition.json of DISPATCH into a folder."""
    with Newsroom.open(workspace) as newsroom:
        try:
            rendered = render(newsroom, dispatch, reader=reader, lists=list_names(to))
        except DispatchError as error:
            raise refused(error) from None
        show_aside(rendered.checked.problems)
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, data in rendered.files.items():
                (out / name).write_bytes(data)
        except OSError as error:
            raise UsageError(f"{error.filename or out} cannot be written ({error.strerror}).") from error
    if as_json:
        print_json(json.loads(rendered.files["edition.json"]))
    else:
        for name in rendered.files:
            click.echo(out / name)
    return 0
