"""A crash, as it may be shown: the traceback without any secret, also where the settings themselves are what is broken.

What the settings know to be secret is masked in all its forms; where they cannot be loaded, every value of a variable that
may hold one, as the environment and .env have it, and every part of it that may stand alone.
"""

import os
import re
import traceback
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import unquote

from dotenv import dotenv_values

from mailer.settings.settings import MASK, PREFIX, load_settings, redact

BUG = "This is a bug of mailer, not of yours. Nothing is lost: the ledger holds what happened. Please report the lines above."
_SECRET_NAMES = re.compile(r"SECRET|RELAY|DATABASE|KEY|PASSWORD", re.IGNORECASE)
_CREDENTIALS = re.compile(r"://([^@\s\"']+)@")
_QUOTES = re.compile(r"[\"'\[\]]+")  # between the strings of a JSON array
_SHORTEST = 8  # characters: a shorter part is punctuation or a word


def crash_report(workspace: Path) -> str:
    """The traceback of the exception that is being handled, for people."""
    text = traceback.format_exc()
    try:
        text = redact(text, load_settings(workspace))
    except Exception:  # noqa: BLE001 - whatever it is, the crash must be told, and without secrets
        text = _mask(text, workspace)
    return f"{text}\n{BUG}"


def _mask(text: str, workspace: Path) -> str:
    secrets = sorted(set(_secrets(workspace)), key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, MASK)
    return _CREDENTIALS.sub(f"://{MASK}@", text)


def _secrets(workspace: Path) -> Iterator[str]:
    for value in _values(workspace):
        for credentials in _CREDENTIALS.findall(value):
            password = credentials.partition(":")[2]
            yield from {password, unquote(password)} - {""}
        yield from (part for part in (value, *_QUOTES.split(value)) if len(part) >= _SHORTEST)


def _values(workspace: Path) -> Iterator[str]:
    try:
        in_file = dotenv_values(stream=StringIO((workspace / ".env").read_text("utf-8", "replace")), interpolate=False)
    except OSError:
        in_file = {}
    for name, value in [*in_file.items(), *os.environ.items()]:
        if value and name.upper().startswith(PREFIX) and _SECRET_NAMES.search(name):
            yield value
