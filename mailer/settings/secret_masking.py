"""Masking of secrets in any text, such as a traceback or the error of a library."""

import json
import os
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from dotenv import dotenv_values
from pydantic import SecretStr

from mailer.settings.settings import PREFIX, Settings

MASK = "**********"
_SECRET_NAMES = re.compile(r"SECRET|RELAY|DATABASE|KEY|PASSWORD|FEEDBACK_|INBOUND_IMAP", re.IGNORECASE)
_CREDENTIALS = re.compile(r"://([^@\s\"']+)@")
_QUOTES = re.compile(r"[\"'\[\]]+")  # between the strings of a JSON array
_SHORTEST = 8  # characters: a shorter part is punctuation or a word


def redact_secrets(text: str, settings: Settings) -> str:
    """Returns `text` with all secrets of `settings` masked, in every encoding of them."""
    secrets = set(_own_secrets(settings)).union(*(relay.secrets() for relay in settings.relay))
    if settings.inbound_imap:
        secrets.add(settings.inbound_imap.password.get_secret_value())
    database = urlsplit(settings.database_url.get_secret_value())
    secrets.update({database.password or "", *parse_qs(database.query).get("password", [])})
    forms = sorted({form for secret in secrets if secret for form in secret_encodings(secret)}, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, forms)), MASK, text)


def _own_secrets(settings: Settings) -> Iterator[str]:
    """Yields the values of all settings that are secret as a whole."""
    for name in Settings.model_fields.keys() - {"database_url"}:
        value = getattr(settings, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, SecretStr):
                yield each.get_secret_value()


def secret_encodings(secret: str) -> set[str]:
    """Returns a secret as it is, percent-encoded and -decoded, and as in a string literal of Python or JSON."""
    plain = {secret, unquote(secret)}
    return {form for text in plain for form in (text, quote(text, safe=""), repr(text)[1:-1], json.dumps(text)[1:-1])}


def redact_possible_secrets(text: str, workspace: Path) -> str:
    """Returns `text` without what may be a secret, if the settings cannot be loaded.

    Masked are the values in the environment and in .env whose variable may hold a secret, and each part of them that is long
    enough to be one.
    """
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
