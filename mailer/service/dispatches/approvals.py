"""Approval by a second person: if MAILER_APPROVAL is set, an edition is sent only if a person other than the sender approved it.

    edition = compile_current_edition(app, name)      the edition to approve
    approve_edition(app, name, digest, by="Mara")     approves that edition, and no other
    require_approval(app, digest, by="Wim")           before a send

An approval is bound to the edition's digest: any change makes a new edition. Raises NotApprovedError, DispatchError for a
dispatch with errors, UsageError.
"""

from mailer.app import App
from mailer.edition.model import Edition
from mailer.errors import NeedsConfirmationError
from mailer.service.dispatches.check_and_compile import check_dispatch, compile_checked
from mailer.service.dispatches.files import dispatch_path, read_dispatch


class NotApprovedError(NeedsConfirmationError):
    """No person other than the sender has approved the edition."""


def compile_current_edition(app: App, name: str) -> Edition:
    """Compiles the dispatch `name` as it is now."""
    return compile_checked(app, check_dispatch(app, str(dispatch_path(app, name))))


def approve_edition(app: App, name: str, digest: str, *, by: str) -> None:
    """Records that `by` approves the edition `digest`. Raises NeedsConfirmationError if the dispatch has changed since."""
    text = read_dispatch(app, name)
    edition = compile_current_edition(app, name)
    if edition.digest != digest or read_dispatch(app, name).digest != text.digest:
        raise NeedsConfirmationError(
            "The dispatch has changed since you opened it; nothing was approved.",
            "Open it again, check it, and approve it.",
        )
    app.ledger.approvals.approve(digest, by, slug=edition.slug, source=text.digest)


def require_approval(app: App, digest: str, *, by: str) -> None:
    """Raises NotApprovedError if MAILER_APPROVAL is set and no person other than `by` has approved the edition `digest`."""
    if not app.settings.approval:
        return
    approved = app.ledger.approvals.of(digest)
    if any(each.by != by for each in approved):
        return
    raise NotApprovedError(
        f"{'Only you have' if approved else 'Nobody has'} approved the edition {digest[:16]}; nothing was sent.",
        "Ask another editor to approve it at the desk, under “Send…” of the dispatch.",
    )
