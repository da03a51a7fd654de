"""Delivers one message to a webhook: request, record of the attempt, and whether it is tried again.

A message is JSON: `type`, `timestamp` and `data`. If a delivery fails, it is retried at growing intervals for about a day, and
then given up; a webhook whose URL answers 410 (Gone) is paused. Raises LedgerError.
"""

import json
import random
import ssl
from dataclasses import dataclass

from mailer import __version__
from mailer.app import App
from mailer.delivery.retry import RetryPolicy
from mailer.http_client import ClientOptions, HttpResult, post
from mailer.iso_time import format_iso
from mailer.ledger.types.webhooks import WebhookEvent, WebhookState
from mailer.ledger.webhooks.outbox import WebhookAttempt, WebhookMessage
from mailer.ledger.webhooks.webhooks import Webhook
from mailer.service.webhooks.signature import derive_secret, sign_message

RETRY = RetryPolicy(delays=(5, 60, 300, 1800, 7200, 18_000, 28_800), lifetime=86_400)
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDecision:
    """The state of a message after an attempt; `pause`: why the webhook is paused, if it is."""

    state: WebhookState
    next_at: float = 0.0
    pause: str = ""


def client_options(app: App) -> ClientOptions:
    """Returns the options of requests to webhooks."""
    return ClientOptions(networks=app.settings.webhook_networks, trust=ssl.create_default_context())


async def deliver_message(
    app: App, webhook: Webhook, message: WebhookMessage, options: ClientOptions
) -> tuple[WebhookAttempt, DeliveryDecision]:
    """Sends a message once, and records the attempt."""
    at, body, message_id = app.clock(), message_body(message), f"msg_{webhook.key}_{message.id}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"mailer/{__version__} (webhooks)",
        "Accept-Encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": sign_message(signing_secrets(app, webhook), message_id, int(at), body),
    }
    answer = await post(webhook.url, headers, body, options)
    attempt = WebhookAttempt(
        at=at, seconds=answer.seconds, status=answer.status, error=answer.error, answer=answer.text
    )
    chance = random.random()  # noqa: S311 - spreads load, keeps no secret
    decision = decide_retry(answer, message, now=app.clock(), chance=chance)
    await app.ledger.outbox.record_attempt(message.id, attempt, decision.state, next_at=decision.next_at)
    return attempt, decision


def message_body(message: WebhookMessage) -> bytes:
    """Returns the body of a request; the same at each attempt."""
    content = {"type": message.event.value, "timestamp": format_iso(message.at), "data": json.loads(message.data)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def decide_retry(answer: HttpResult, message: WebhookMessage, *, now: float, chance: float) -> DeliveryDecision:
    """Returns the state of `message` after `answer`. `chance` is in [0, 1). A test is not retried."""
    if answer.is_success:
        return DeliveryDecision(state=WebhookState.DELIVERED)
    if message.event is WebhookEvent.TEST:
        return DeliveryDecision(state=WebhookState.GIVEN_UP)
    first_at = message.first_at if message.first_at is not None else now
    next_at = RETRY.next_at(attempt=message.attempts + 1, first_at=first_at, now=now, chance=chance)
    if next_at is None:
        return DeliveryDecision(state=WebhookState.GIVEN_UP)
    pause = "the receiver answered 410, “gone”" if answer.status == _GONE else ""
    return DeliveryDecision(state=WebhookState.WAITING, next_at=next_at, pause=pause)


def describe_attempt(attempt: WebhookAttempt) -> str:
    """Describes the result of an attempt: `answered 200`, or the error. The subject is the receiver."""
    if attempt.status is None:
        return attempt.error
    if 300 <= attempt.status < 400:
        return f"answered {attempt.status}; redirects are not followed"
    return f"answered {attempt.status}"


def signing_secrets(app: App, webhook: Webhook) -> list[bytes]:
    """Returns the secrets that sign for `webhook` now, the newest first."""
    keys = [key.get_secret_value() for key in app.settings.secret_keys]
    return [derive_secret(keys, seal) for seal in webhook.seals]
