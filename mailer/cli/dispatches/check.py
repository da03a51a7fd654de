"""The command `check`: shows the problems of a dispatch, of its edition and of its message.

A pipe gets one unwrapped line for each problem; a terminal also gets the reason and the remedy of each rule, under its first
problem. JSON and SARIF are one object on standard output.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mailer.app import App
from mailer.cli.options import as_json, in_workspace, parse_list_names
from mailer.cli.output import echo_err, plural, print_json
from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.dispatch.did_you_mean import suggest
from mailer.dispatch.rule_catalogue import Rule
from mailer.errors import UsageError
from mailer.lint.rule_catalogue import RULEBOOK
from mailer.lint.sarif import as_sarif
from mailer.service.dispatches.lint import lint_dispatch

STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_MAX_WIDTH = 100  # columns of an explanation


@click.command("check")
@click.argument("dispatch", required=False)
@click.option("--to", "to", multiple=True, metavar="LIST", help="Check its fields against this list. May be repeated.")
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("--online", is_flag=True, help="Also request each link.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    help="The format of the problems.",
)
@click.option("--explain", "rule", metavar="RULE", help="Only explain a rule.")
@as_json
@in_workspace
def check_command(
    dispatch: str | None,
    to: tuple[str, ...],
    shape: str,
    rule: str | None,
    *,
    strict: bool,
    online: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """Find problems in DISPATCH, a path or a slug, and in the message made from it. Exit 1 if there are errors."""
    if rule is not None:
        click.echo(explain_rule(_find_rule(rule)))
        return 0
    if dispatch is None:
        raise UsageError(
            "Which dispatch?", "Name one: mailer check DISPATCH. To explain a rule: mailer check --explain RULE"
        )
    if as_json and shape == "sarif":
        raise UsageError("--json and --format sarif exclude each other.", "Choose one.")
    with App.open(workspace) as app:
        checked = lint_dispatch(app, dispatch, parse_list_names(to), online=online, log=echo_err)
    if as_json or shape == "json":
        print_json({"problems": [problem.as_json() for problem in checked.problems]})
    elif shape == "sarif":
        print_json(as_sarif(checked.problems))
    else:
        _show_problems(checked.problems)
        echo_err(_count_problems(checked.problems, checked.shown))
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return 1 if any(problem.severity in failing for problem in checked.problems) else 0


def explain_rule(rule: Rule) -> str:
    """Returns the description of a rule, for a terminal."""
    lines = [
        f"{rule.id} ({rule.severity}): {rule.title}",
        "",
        _wrap_text("Why", rule.why),
        _wrap_text("Source", rule.source),
        _wrap_text("Fix", rule.how),
    ]
    if rule.may_be_ignored:
        lines.append(_wrap_text("Ignore", f"# check: ignore {rule.id}, in the front matter of the dispatch"))
    return "\n".join(lines)


def _find_rule(name: str) -> Rule:
    rule = RULEBOOK.get(name.strip().strip("[]"))
    if rule is None:
        raise UsageError(f"There is no rule “{name}”.", suggest(name, RULEBOOK) or "See docs/checks.md for all rules.")
    return rule


def _wrap_text(name: str, text: str, indent: str = "") -> str:
    width = min(_MAX_WIDTH, shutil.get_terminal_size().columns)
    indent_first = f"{indent}{name + ':':8}"
    return click.wrap_text(text, width=width, initial_indent=indent_first, subsequent_indent=" " * len(indent_first))


def _show_problems(problems: Sequence[Diagnostic]) -> None:
    if not sys.stdout.isatty():
        for problem in problems:
            click.echo(str(problem))
        return
    explained: set[str] = set()
    for problem in problems:
        place, _, rest = str(problem).partition(f": {problem.severity}: ")
        severity = click.style(problem.severity.value, fg=STYLES[problem.severity], bold=True)
        click.echo(f"{click.style(place, bold=True)}: {severity}: {rest}")
        if problem.rule not in explained:
            explained.add(problem.rule)
            rule = RULEBOOK[problem.rule]
            click.echo(click.style(_wrap_text("Why", rule.why, "    "), dim=True))
            click.echo(click.style(_wrap_text("Fix", rule.how, "    "), dim=True))


def _count_problems(problems: Sequence[Diagnostic], shown: str) -> str:
    if not problems:
        return f"{shown}: no problems found"
    counts = [sum(problem.severity is severity for problem in problems) for severity in Severity]
    named = [plural(count, severity.value) for severity, count in zip(Severity, counts, strict=True) if count]
    return f"{shown}: {', '.join(named)}"
