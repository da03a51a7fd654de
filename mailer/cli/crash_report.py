"""The report of a crash: its traceback without secrets, even if the settings themselves are broken."""

import traceback
from pathlib import Path

from mailer.settings.secret_masking import redact_possible_secrets, redact_secrets
from mailer.settings.settings import load_settings

BUG = (
    "This is a bug in mailer; you did nothing wrong. Everything that was sent is recorded in the database. "
    "Please report the lines above."
)


def crash_report(workspace: Path) -> str:
    """Returns the traceback of the exception that is being handled, without secrets."""
    text = traceback.format_exc()
    try:
        text = redact_secrets(text, load_settings(workspace))
    except Exception:  # noqa: BLE001 - the crash is reported whatever is wrong with the settings
        text = redact_possible_secrets(text, workspace)
    return f"{text}\n{BUG}"
