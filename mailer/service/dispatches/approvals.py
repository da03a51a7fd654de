"""Approval by a second person: MAILER_APPROVAL lets an edition leave only when somebody else than who sends it found it good.

    edition = edition_of(newsroom, name)              what there is to approve
    approve(newsroom, name, digest, by="Mara")        that edition, and no other
    refuse_unapproved(newsroom, digest, by="Wim")     before a send

An approval is bound to the edition's digest: a byte of the letter that changes makes another edition. Raises NotApprovedError,
DispatchError for a dispatch with errors, UsageError.
"""

from mailer.app import App
from mailer.edition.model import Edition
from mailer.errors import NeedsConfirmationError
from mailer.service.dispatches.compile import check_dispatch, compile_checked
from mailer.service.dispatches.files import file_of, read


class NotApprovedError(NeedsConfirmationError):
    """Nobody else than who sends it has approved the edition."""


def edition_of(app: App, name: str) -> Edition:
    """The edition that the dispatch in the file `name` makes now."""
    return compile_checked(app, check_dispatch(app, str(file_of(app, name))))


def approve(app: App, name: str, digest: str, *, by: str) -> None:
    """Have `by` approve the edition `digest`. Raises NeedsConfirmationError when the dispatch makes another one by now."""
    text = read(app, name)
    edition = edition_of(app, name)
    if edition.digest != digest or read(app, name).digest != text.digest:
        raise NeedsConfirmationError(
            "The dispatch was changed since you looked at it; nothing was approved.", "Look at it as it is now."
        )
    app.ledger.approvals.give(digest, by, slug=edition.slug, source=text.digest)


def require_approval(app: App, digest: str, *, by: str) -> None:
    """Raise NotApprovedError where somebody else than `by` must approve the edition `digest`, and nobody has."""
    if not app.settings.approval:
        return
    approved = app.ledger.approvals.of(digest)
    if any(each.by != by for each in approved):
        return
    raise NotApprovedError(
        f"Nobody{' but you' if approved else ''} has approved the edition {digest[:16]}; nothing was sent.",
        "Have another editor approve it at the desk, under “Send…” of the dispatch (MAILER_APPROVAL asks for it).",
    )
