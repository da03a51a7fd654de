"""Headers by which providers return our Message-ID in their webhooks, where they would return only an id of their own.

A message has those of the providers for which webhooks are set up. The providers remove them, so they must not be signed.
"""

from collections.abc import Iterable

from mailer.mime.header_encoding import structured

METADATA = "mailer-id"
"""The name of the metadata at Postmark and SparkPost."""

_HEADERS = {
    "postmark": (("X-PM-KeepID", "true"), (f"X-PM-Metadata-{METADATA}", "%s")),
    "brevo": (("X-Mailin-custom", "%s"),),
    "mailjet": (("X-MJ-CustomID", "%s"),),
    "sparkpost": (("X-MSYS-API", f'{{"metadata": {{"{METADATA}": "%s"}}}}'),),
}
PROVIDERS = tuple(_HEADERS)
PROVIDER_HEADERS = frozenset(name.lower() for headers in _HEADERS.values() for name, _ in headers)


def provider_headers(providers: Iterable[str], message_id: str) -> tuple[bytes, ...]:
    """Returns the headers for `providers`, with the Message-ID of one message."""
    return tuple(
        structured(name, *value.replace("%s", message_id).split(" "))
        for provider in providers
        for name, value in _HEADERS[provider]
    )
