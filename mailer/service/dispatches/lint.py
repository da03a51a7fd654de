"""All checks of `mailer check`: the syntax of a dispatch, then the edition and the message made from it.

    lint_dispatch(app, name, lists, online=…)   -> CheckResult, with all problems
    lint_edition(app, checked, edition)         -> the same CheckResult, with the problems of the edition, too

The edition is checked only if its dispatch has no errors; otherwise only text left to be filled in is found. Raises the errors of
check_and_compile.py, SettingsError for an unknown mail client in MAILER_CLIENTS, LayoutError for a template.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mailer.app import App
from mailer.dispatch.diagnostics import in_order
from mailer.edition.model import Edition
from mailer.ledger.types.sends import Recipient
from mailer.lint.checks.content import unfinished_text
from mailer.lint.context import LintContext
from mailer.lint.findings import to_diagnostics
from mailer.lint.ignore_comments import without_ignored
from mailer.lint.rule_catalogue import ONLINE_RULES, RULEBOOK
from mailer.lint.run import run_checks
from mailer.lint.source_positions import SourceIndex
from mailer.service.dispatches.check_and_compile import CheckResult, check_dispatch, compile_checked
from mailer.service.dispatches.sample_message import SAMPLE_ADDRESS, sample_composer

if TYPE_CHECKING:
    from mailer.lint.link_checker import Log


def lint_dispatch(
    app: App,
    name: str,
    lists: Sequence[str] = (),
    *,
    online: bool = False,
    log: "Log | None" = None,
    go_on: Callable[[], None] = lambda: None,
) -> CheckResult:
    """Returns all problems of the dispatch `name`, a path or a slug. `online`: requests its links, and logs their number.

    `go_on` is called between the steps; what it raises ends the check.
    """
    checked = check_dispatch(app, name, lists)
    if checked.dispatch is not None and not checked.has_errors:
        go_on()
        return lint_edition(app, checked, compile_checked(app, checked), online=online, log=log, go_on=go_on)
    return lint_partial(checked)


def lint_partial(checked: CheckResult) -> CheckResult:
    """Returns `checked`, of which there is no edition, with the text left to be filled in, and without ignored problems."""
    if checked.partial is None:
        return checked
    source_index = SourceIndex(checked.partial)
    unfinished = to_diagnostics(checked.shown, unfinished_text(checked.partial, source_index))
    problems = in_order((*checked.problems, *unfinished))
    return replace(checked, problems=without_ignored(problems, source_index, checked.shown, unsought=RULEBOOK))


def lint_edition(
    app: App,
    checked: CheckResult,
    edition: Edition,
    *,
    online: bool = False,
    log: "Log | None" = None,
    go_on: Callable[[], None] = lambda: None,
) -> CheckResult:
    """Returns `checked` with the problems of the edition and its message, and without those that the dispatch ignores."""
    assert checked.dispatch is not None, "an edition is made of a dispatch without errors"
    settings, publication = app.settings, app.publication
    lint_context = LintContext(
        dispatch=checked.dispatch,
        edition=edition,
        message=sample_composer(app, edition)(Recipient("", SAMPLE_ADDRESS)).without_dot_stuffing(),
        unsubscribe_url=publication.unsubscribe_url,
        publication_name=publication.name,
        postal_address=publication.postal_address,
        base_url=publication.base_url,
        images={**{crop.file: image for crop, image in checked.crops.items()}, **checked.images},
        sources=checked.sources,
        unsent=checked.unsent,
        clients=settings.clients,
    )
    problems = [*checked.problems, *run_checks(lint_context, go_on=go_on)]
    if online:
        from mailer.lint.link_checker import check_dispatch_links  # noqa: PLC0415 - loads an HTTP client

        problems += check_dispatch_links(lint_context, log=log)
    unsought = () if online else ONLINE_RULES
    remaining = without_ignored(in_order(problems), lint_context.source_index, checked.shown, unsought=unsought)
    return replace(checked, problems=remaining)
