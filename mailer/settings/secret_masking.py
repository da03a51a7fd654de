"""Masking of secrets in any text, such as a traceback or the error of a library."""

import json
import re
from urllib.parse import parse_qs, quote, unquote, urlsplit

from mailer.settings.settings import Settings

MASK = "**********"


def redact_secrets(text: str, settings: Settings) -> str:
    """Returns `text` with all secrets of `settings` masked, in every encoding of them."""
    secrets = {key.get_secret_value() for key in settings.secret_keys}
    secrets = secrets.union(*(relay.secrets() for relay in settings.relay))
    if settings.oidc_client_secret:
        secrets.add(settings.oidc_client_secret.get_secret_value())
    database = urlsplit(settings.database_url.get_secret_value())
    secrets.update({database.password or "", *parse_qs(database.query).get("password", [])})
    forms = sorted({form for secret in secrets if secret for form in secret_encodings(secret)}, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, forms)), MASK, text)


def secret_encodings(secret: str) -> set[str]:
    """Returns a secret as it is, percent-encoded and -decoded, and as in a string literal of Python or JSON."""
    plain = {secret, unquote(secret)}
    return {form for text in plain for form in (text, quote(text, safe=""), repr(text)[1:-1], json.dumps(text)[1:-1])}
