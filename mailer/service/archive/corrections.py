"""Corrects what the archive shows, for `mailer archive correct`.

The dispatch as it is on disk now becomes an edition of the archive only. The edition that was sent stays in the ledger and has
a URL of its own; the archive's page shows when it was corrected, with a note. Raises UsageError for an empty note, a dispatch
that was never sent, or one that did not change; DispatchError for one with errors.
"""

from mailer.app import App
from mailer.errors import UsageError
from mailer.ledger.types.editions_and_archive import ArchivedEdition
from mailer.line_sanitizer import clean_line
from mailer.service.dispatches.check_and_compile import CheckResult, check_dispatch, compile_checked, edition_record

LONGEST_NOTE = 500  # characters


def correct_dispatch(app: App, name: str, note: str) -> tuple[CheckResult, ArchivedEdition]:
    """Makes the archive show the dispatch `name` as it is on disk; `note` tells readers what was corrected."""
    note = " ".join(clean_line(note).split())
    if not note or len(note) > LONGEST_NOTE:
        raise UsageError(
            f"A correction needs a note of at most {LONGEST_NOTE} characters.",
            'Tell readers what you corrected, for example: --note "The vote was 9 to 2."',
        )
    checked = check_dispatch(app, name)
    edition = compile_checked(app, checked)
    shown = app.ledger.editions.archived(edition.slug) if app.has_ledger else None
    if shown and shown.digest == edition.digest:
        raise UsageError(f"{checked.shown} is the same as in the archive.", "Correct the file, save it, and try again.")
    corrected = app.ledger.editions.correct(edition_record(edition), note) if shown else None
    if corrected is None:
        raise UsageError(
            f"{edition.slug} was never sent, so it is not in the archive.",
            "Edit the file; your changes are in the dispatch when you send it. To list what was sent: mailer status",
        )
    return checked, corrected
