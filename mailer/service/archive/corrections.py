"""Corrects what the archive shows, for `mailer archive correct`.

The dispatch as it is on disk now becomes an edition of the archive only. The edition that was sent stays in the ledger and has
a URL of its own; the archive's page shows when it was corrected, with a note. Raises UsageError for an empty note, a dispatch
that was never sent, or one that did not change; DispatchError for one with errors.
"""

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.types.editions import ArchivedEdition
from mailer.sanitize import clean_line
from mailer.service.dispatches.compile import CheckResult, check_dispatch, compile_checked, edition_record

LONGEST_NOTE = 500  # characters


def correct_dispatch(app: App, name: str, note: str) -> tuple[CheckResult, ArchivedEdition]:
    """Makes the archive show the dispatch `name` as it is on disk; `note` tells readers what was corrected."""
    note = " ".join(clean_line(note).split())
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
    corrected = app.ledger.editions.correct(edition_record(edition), note) if shown else None
    if corrected is None:
        raise UsageError(
            f"{edition.slug} was never sent, so that there is nothing to put right in the archive.",
            "Edit the file; it is read when you send it. What was sent: mailer status",
        )
    return checked, corrected
