"""Adds, rotates and tests webhooks, for the command line and the desk.

A webhook's secret is returned by `add_webhook` and `rotate_secret`, once, to be given to its receiver. Raises UsageError for a
URL that cannot be used, UnknownWebhookError, LedgerError.
"""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from mailer.app import App
from mailer.dispatch.url_validation import WEB, check_link, normalise_url
from mailer.errors import UsageError
from mailer.http_client import ClientOptions, is_allowed, is_public
from mailer.ledger.types.webhooks import EVENTS, WebhookEvent
from mailer.ledger.webhooks.outbox import WebhookMessage
from mailer.ledger.webhooks.webhooks import Webhook
from mailer.service.webhooks.delivery import client_options, deliver_message, signing_secrets
from mailer.service.webhooks.signature import encode_secret

OVERLAP = 86_400.0  # seconds for which the old secret also signs after a rotation
_PRIVATE_NETWORKS = "To use an address inside your own network, add the network to MAILER_WEBHOOK_NETWORKS."
_LONGEST = 2000  # characters of an address
_TEST_PATIENCE = 60.0  # seconds, after which a test whose process died is delivered like any other message


class NotAllowedUrlError(UsageError):
    """A URL that could be used only if the settings named its network."""


def read_events(names: Collection[str]) -> tuple[WebhookEvent, ...]:
    """Returns the events with these names. Raises UsageError for an unknown name, and for none at all."""
    known = {event.value: event for event in EVENTS}
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        message = f"The event “{wrong[0]}” is unknown." if wrong else "No event is chosen."
        raise UsageError(message, f"Choose one or more of {', '.join(known)}.")
    return tuple(event for event in EVENTS if event.value in names)


def read_url(app: App, typed: str) -> str:
    """Returns the URL that was typed, in ASCII. Raises UsageError for one that cannot be used."""
    url, networks = normalise_url(typed.strip()), app.settings.webhook_networks
    fault = check_link(url, WEB)
    parts = urlsplit(url) if fault is None else None
    if parts is None or not parts.hostname or parts.username is not None or parts.fragment or len(url) > _LONGEST:
        raise UsageError(
            "This URL cannot be used for a webhook.",
            "Enter a complete URL without a user name and without “#”, such as https://example.org/hooks/newsletter",
        )
    if parts.scheme != "https" and not networks:
        raise NotAllowedUrlError("Use an https:// URL: the messages contain addresses of readers.", _PRIVATE_NETWORKS)
    try:
        literal = ip_address(parts.hostname)
    except ValueError:
        return url
    if not is_allowed(literal, encrypted=parts.scheme == "https", networks=networks):
        reason = "needs an https:// URL" if is_public(literal) else "is not a public address"
        raise NotAllowedUrlError(f"{literal} {reason}.", _PRIVATE_NETWORKS)
    return url


def add_webhook(app: App, url: str, events: Collection[str]) -> tuple[Webhook, str]:
    """Adds a webhook that notifies `url` of `events`; returns it and its secret."""
    made = app.ledger.webhooks.add(read_url(app, url), read_events(events), key_name=app.keys.names[0])
    return made, encode_secret(signing_secrets(app, made)[0])


def rotate_secret(app: App, number: int) -> tuple[Webhook, str]:
    """Makes a new secret, which is returned; the previous one also signs for a day."""
    made = app.ledger.webhooks.rotate(number, key_name=app.keys.names[0], overlap=OVERLAP)
    return made, encode_secret(signing_secrets(app, made)[0])


def send_test(app: App, number: int, *, options: ClientOptions | None = None) -> WebhookMessage:
    """Sends a webhook a test message now, paused or not; returns the message with its attempt. Not for use on an event loop."""
    webhook = app.ledger.webhooks.get(number)
    asked = app.ledger.outbox.ask(webhook.id, patience=_TEST_PATIENCE)
    attempt, decision = asyncio.run(deliver_message(app, webhook, asked, options or client_options(app)))
    return replace(asked, state=decision.state, next_at=decision.next_at, log=(attempt,))
