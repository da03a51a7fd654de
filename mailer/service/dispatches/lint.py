"""The whole of `mailer check`: the grammar of a dispatch, then the letter and the message that come of it.

    check_letter(newsroom, name, lists, online=…) -> Checked, with every finding
    inspected(newsroom, checked, edition)         -> the same Checked, with those of the letter too

A letter is inspected only when its dispatch has no errors: without an edition there is nothing to look at. Raises as
compiling.py does, SettingsError for a mail program in MAILER_CLIENTS that is not known, LayoutError for a template.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mailer.app import App
from mailer.dispatch.diagnostics import in_order
from mailer.edition.model import Edition
from mailer.ledger.types.sends import Recipient
from mailer.lint.context import LintContext
from mailer.lint.findings import RULEBOOK
from mailer.lint.ignore_comments import without_ignored
from mailer.lint.rules import ONLINE
from mailer.lint.run import run_checks
from mailer.lint.source_index import SourceIndex
from mailer.service.dispatches.compile import CheckResult, check_dispatch, compile_checked
from mailer.service.dispatches.sample_message import NOBODY, compose_for

if TYPE_CHECKING:
    from mailer.lint.link_checker import Log


def lint_dispatch(
    app: App, name: str, lists: Sequence[str] = (), *, online: bool = False, log: "Log | None" = None
) -> CheckResult:
    """Everything that is wrong with the dispatch `name`, a path or a slug. `online`: ask its links, and log their number."""
    checked = check_dispatch(app, name, lists)
    if checked.dispatch is not None and not checked.has_errors:
        return lint_edition(app, checked, compile_checked(app, checked), online=online, log=log)
    return drop_ignored(checked)


def drop_ignored(checked: CheckResult) -> CheckResult:
    """`checked` without the findings that its dispatch ignores, where there is no letter to inspect."""
    if checked.partial is None:
        return checked
    left = without_ignored(checked.problems, SourceIndex(checked.partial), checked.shown, unsought=RULEBOOK)
    return replace(checked, problems=left)


def lint_edition(
    app: App, checked: CheckResult, edition: Edition, *, online: bool = False, log: "Log | None" = None
) -> CheckResult:
    """`checked` with the findings of the letter and its message, and without those that the dispatch ignores."""
    assert checked.dispatch is not None, "an edition is made of a dispatch without errors"
    settings, publication = app.settings, app.publication
    proof = LintContext(
        dispatch=checked.dispatch,
        edition=edition,
        message=compose_for(app, edition)(Recipient("", NOBODY)).without_dot_stuffing(),
        unsubscribe_url=publication.unsubscribe_url,
        postal_address=publication.postal_address,
        base_url=publication.base_url,
        images=checked.images,
        sources=checked.sources,
        unsent=checked.unsent,
        clients=settings.clients,
    )
    problems = [*checked.problems, *run_checks(proof)]
    if online:
        from mailer.lint.link_checker import ask_links  # noqa: PLC0415 - an HTTP client, only where it is asked for

        problems += ask_links(proof, log=log)
    unsought = () if online else ONLINE
    left = without_ignored(in_order(problems), proof.source_index, checked.shown, unsought=unsought)
    return replace(checked, problems=left)
