"""Adds, rotates and tests webhooks, for the command line and the desk.

A webhook's secret is returned by `add_webhook` and `rotate_secret`, once, to be given to its receiver. Raises UsageError for a
URL that nothing may be sent to, UnknownWebhookError, LedgerError.
"""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from mailer.app import App
from mailer.dispatch.markdown.link_validation import WEB, check_link, normalise_url
from mailer.errors import UsageError
from mailer.http_client import ClientOptions, is_allowed, is_public
from mailer.ledger.types.webhooks import EVENTS, WebhookEvent
from mailer.ledger.webhooks.outbox import WebhookMessage
from mailer.ledger.webhooks.webhooks import Webhook
from mailer.service.webhooks.delivery import client_options, deliver_message, signing_secrets
from mailer.service.webhooks.signature import encode_secret

OVERLAP = 86_400.0  # seconds for which the old secret also signs after a rotation
_LONGEST = 2000  # characters of an address
_TEST_PATIENCE = 60.0  # seconds, after which a test whose process died is delivered like any other message


def read_events(names: Collection[str]) -> tuple[WebhookEvent, ...]:
    """Returns the events with these names. Raises UsageError for an unknown name, and for none at all."""
    known = {event.value: event for event in EVENTS}
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        message = f"“{wrong[0]}” is no event." if wrong else "Nothing is chosen that it would be told of."
        raise UsageError(message, f"Choose among {', '.join(known)}.")
    return tuple(event for event in EVENTS if event.value in names)


def read_url(app: App, typed: str) -> str:
    """Returns the URL that was typed, in ASCII. Raises UsageError for one that nothing may be sent to."""
    url, networks = normalise_url(typed.strip()), app.settings.webhook_networks
    fault = check_link(url, WEB)
    parts = urlsplit(url) if fault is None else None
    if parts is None or not parts.hostname or parts.username is not None or parts.fragment or len(url) > _LONGEST:
        raise UsageError(
            "That is no address that webhooks can be sent to.",
            "Give the whole of it, without a user and without “#”, such as https://example.org/hooks/letter",
        )
    if parts.scheme != "https" and not networks:
        raise UsageError(
            "Webhooks are sent by https:// only, for they hold addresses of readers.",
            "Within networks of your own, MAILER_WEBHOOK_NETWORKS allows http://.",
        )
    try:
        literal = ip_address(parts.hostname)
    except ValueError:
        return url
    if not is_allowed(literal, encrypted=parts.scheme == "https", networks=networks):
        where = "has only https:// in public" if is_public(literal) else "is no public address"
        raise UsageError(
            f"{literal} {where}, so nothing is sent there.", "MAILER_WEBHOOK_NETWORKS names networks of your own."
        )
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
