"""The whole of `mailer check`: the grammar of a dispatch, then the letter and the message that come of it.

    check_letter(newsroom, name, lists, online=…) -> Checked, with every finding
    inspected(newsroom, checked, edition)         -> the same Checked, with those of the letter too

A letter is inspected only when its dispatch has no errors: without an edition there is nothing to look at. Raises as
compiling.py does, SettingsError for a mail program in MAILER_CLIENTS that is not known, LayoutError for a template.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mailer.dispatch.problem import in_order
from mailer.edition.model import Edition
from mailer.inspection.finding import RULEBOOK
from mailer.inspection.ignore import without_ignored
from mailer.inspection.inspect import inspect
from mailer.inspection.manuscript import Manuscript
from mailer.inspection.proof import Proof
from mailer.inspection.rules import ONLINE
from mailer.ledger.types_sends import Recipient
from mailer.service.compiling import Checked, check, compile_checked
from mailer.service.composing import NOBODY, compose_for
from mailer.service.newsroom import Newsroom

if TYPE_CHECKING:
    from mailer.inspection.online import Log


def check_letter(
    newsroom: Newsroom, name: str, lists: Sequence[str] = (), *, online: bool = False, log: "Log | None" = None
) -> Checked:
    """Everything that is wrong with the dispatch `name`, a path or a slug. `online`: ask its links, and log their number."""
    checked = check(newsroom, name, lists)
    if checked.dispatch is not None and not checked.has_errors:
        return inspected(newsroom, checked, compile_checked(newsroom, checked), online=online, log=log)
    return unignored(checked)


def unignored(checked: Checked) -> Checked:
    """`checked` without the findings that its dispatch ignores, where there is no letter to inspect."""
    if checked.guess is None:
        return checked
    left = without_ignored(checked.problems, Manuscript(checked.guess), checked.shown, unsought=RULEBOOK)
    return replace(checked, problems=left)


def inspected(
    newsroom: Newsroom, checked: Checked, edition: Edition, *, online: bool = False, log: "Log | None" = None
) -> Checked:
    """`checked` with the findings of the letter and its message, and without those that the dispatch ignores."""
    assert checked.dispatch is not None, "an edition is made of a dispatch without errors"
    settings, publication = newsroom.settings, newsroom.publication
    proof = Proof(
        dispatch=checked.dispatch,
        edition=edition,
        message=compose_for(newsroom, edition)(Recipient("", NOBODY)).unstuffed(),
        unsubscribe_url=publication.unsubscribe_url,
        postal_address=publication.postal_address,
        base_url=publication.base_url,
        images=checked.images,
        sources=checked.sources,
        unsent=checked.unsent,
        clients=settings.clients,
    )
    problems = [*checked.problems, *inspect(proof)]
    if online:
        from mailer.inspection.online import ask_links  # noqa: PLC0415 - an HTTP client, only where it is asked for

        problems += ask_links(proof, log=log)
    unsought = () if online else ONLINE
    left = without_ignored(in_order(problems), proof.manuscript, checked.shown, unsought=unsought)
    return replace(checked, problems=left)
