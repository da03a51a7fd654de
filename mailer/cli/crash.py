"""The report of a crash: its traceback without secrets, even if the settings themselves are broken.

The secrets of the settings are masked in all their encodings. If the settings cannot be loaded, every value in the environment
and in .env whose variable may hold a secret is masked, and every part of it that is long enough to be one.
"""

import os
import re
import traceback
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import unquote

from dotenv import dotenv_values

from mailer.settings.secret_masking import MASK, redact_secrets
from mailer.settings.settings import PREFIX, load_settings

BUG = (
    "This is a bug in mailer; you did nothing wrong. Everything that was sent is recorded in the database. "
    "Please report the lines above."
)
_SECRET_NAMES = re.compile(r"SECRET|RELAY|DATABASE|KEY|PASSWORD", re.IGNORECASE)
_CREDENTIALS = re.compile(r"://([^@\s\"']+)@")
_QUOTES = re.compile(r"[\"'\[\]]+")  # between the strings of a JSON array
_SHORTEST = 8  # characters: a shorter part is punctuation or a word


def crash_report(workspace: Path) -> str:
    """Returns the traceback of the exception that is being handled, without secrets."""
    text = traceback.format_exc()
    try:
        text = redact_secrets(text, load_settings(workspace))
    except Exception:  # noqa: BLE001 - the crash is reported whatever is wrong with the settings
        text = _mask_secrets(text, workspace)
    return f"{text}\n{BUG}"


def _mask_secrets(text: str, workspace: Path) -> str:
    secrets = sorted(set(_possible_secrets(workspace)), key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, MASK)
    return _CREDENTIALS.sub(f"://{MASK}@", text)


def _possible_secrets(workspace: Path) -> Iterator[str]:
    for value in _secret_values(workspace):
        for credentials in _CREDENTIALS.findall(value):
            password = credentials.partition(":")[2]
            yield from {password, unquote(password)} - {""}
        yield from (part for part in (value, *_QUOTES.split(value)) if len(part) >= _SHORTEST)


def _secret_values(workspace: Path) -> Iterator[str]:
    try:
        in_file = dotenv_values(stream=StringIO((workspace / ".env").read_text("utf-8", "replace")), interpolate=False)
    except OSError:
        in_file = {}
    for name, value in [*in_file.items(), *os.environ.items()]:
        if value and name.upper().startswith(PREFIX) and _SECRET_NAMES.search(name):
            yield value
