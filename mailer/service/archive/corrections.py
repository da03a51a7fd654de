"""Putting right what the archive shows: `mailer archive correct`.

The dispatch as it is on disk now becomes an edition of the archive alone. What was sent stays as it was, in the ledger and
at an address of its own; the archive's page says when it was put right, and what. Raises UsageError for a note that says
nothing, a dispatch that was never sent, or one that is shown as it is already; DispatchError for one with errors.
"""

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.types.editions import ArchivedEdition
from mailer.sanitize import clean
from mailer.service.dispatches.compile import CheckResult, check_dispatch, compile_checked, to_record

LONGEST_NOTE = 500  # characters


def correct(app: App, name: str, note: str) -> tuple[CheckResult, ArchivedEdition]:
    """Have the archive show the dispatch `name` as it is on disk; `note` says to readers what was put right."""
    note = " ".join(clean(note).split())
    if not note or len(note) > LONGEST_NOTE:
        raise UsageError(
            f"A correction needs a note of at most {LONGEST_NOTE} characters.",
            'Say to readers what was put right, such as: --note "The vote was 9 to 2."',
        )
    checked = check_dispatch(app, name)
    edition = compile_checked(app, checked)
    shown = app.ledger.editions.archived(edition.slug) if app.has_ledger else None
    if shown and shown.digest == edition.digest:
        raise UsageError(
            f"The archive shows {edition.slug} just as it is on disk.", f"Correct {checked.shown} first, then say so."
        )
    corrected = app.ledger.editions.correct(to_record(edition), note) if shown else None
    if corrected is None:
        raise UsageError(
            f"{edition.slug} was never sent, so that there is nothing to put right in the archive.",
            "Edit the file; it is read when you send it. What was sent: mailer status",
        )
    return checked, corrected
