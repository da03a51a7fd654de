"""Prints what is wrong with a dispatch, as the commands that cannot go on with it do."""

from collections.abc import Iterable

from mailer.cli.output import echo_err
from mailer.dispatch.diagnostics import Diagnostic
from mailer.service.dispatches.check_and_compile import DispatchError


def show_problems(problems: Iterable[Diagnostic]) -> None:
    """Prints problems to standard error."""
    for problem in problems:
        echo_err(str(problem))


def show_refusal(error: DispatchError) -> DispatchError:
    """Prints the problems of a dispatch that cannot be sent, and returns its error."""
    show_problems(error.checked.problems)
    return error
