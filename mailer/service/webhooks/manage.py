"""What a person does with webhooks, the same for both doors: add, rotate, test; and what each is told, and how.

A webhook's secret is returned by `add` and `rotate`, once, to be handed to its receiver. What is sent is JSON: `type`,
`timestamp` and `data`. A message that is not taken is tried again ever more seldom, for about a day, and then given up; an
endpoint that says it is gone for good (410) is paused. Raises UsageError for an address that nothing may be sent to,
UnknownWebhookError, LedgerError.
"""

import asyncio
import json
import random
import ssl
from collections.abc import Collection
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from mailer import __version__
from mailer.app import App
from mailer.delivery.retry import RetryPolicy
from mailer.dispatch.markdown.link_validation import WEB, check_link, normalise_url
from mailer.errors import UsageError
from mailer.http_client import ClientOptions, HttpResult, is_allowed, is_public, post
from mailer.ledger.types.webhooks import EVENTS, WebhookEvent, WebhookState
from mailer.ledger.webhooks.outbox import WebhookAttempt, WebhookMessage
from mailer.ledger.webhooks.webhooks import Webhook
from mailer.service.webhooks.signature import derive_secret, encode_secret, sign
from mailer.timestamps import iso

OVERLAP = 86_400.0  # seconds for which a secret signs on after it was rotated
RETRY = RetryPolicy(delays=(5, 60, 300, 1800, 7200, 18_000, 28_800), lifetime=86_400)
_LONGEST = 2000  # characters of an address
_TEST_PATIENCE = 60.0  # seconds, after which a test whose asker died is delivered as any other message
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDecision:
    """What becomes of a message after an attempt; `pause`: the webhook is told nothing more, for this reason."""

    state: WebhookState
    next_at: float = 0.0
    pause: str = ""


def read_events(names: Collection[str]) -> tuple[WebhookEvent, ...]:
    """The events that are meant. Raises UsageError for a name that is none, and for none at all."""
    known = {event.value: event for event in EVENTS}
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        said = f"“{wrong[0]}” is no event." if wrong else "Nothing is chosen that it would be told of."
        raise UsageError(said, f"Choose among {', '.join(known)}.")
    return tuple(event for event in EVENTS if event.value in names)


def read_url(app: App, typed: str) -> str:
    """The address that is meant, in ASCII. Raises UsageError for one that nothing may be sent to."""
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


def add(app: App, url: str, events: Collection[str]) -> tuple[Webhook, str]:
    """Tell `url` of `events` from now on; the webhook and its secret."""
    made = app.ledger.webhooks.add(read_url(app, url), read_events(events), key_name=app.keys.names[0])
    return made, encode_secret(_secrets(app, made)[0])


def rotate(app: App, number: int) -> tuple[Webhook, str]:
    """A new secret, which is returned; the one before signs, too, for a day."""
    made = app.ledger.webhooks.rotate(number, key_name=app.keys.names[0], overlap=OVERLAP)
    return made, encode_secret(_secrets(app, made)[0])


def client_options(app: App) -> ClientOptions:
    """How requests to webhooks are made."""
    return ClientOptions(networks=app.settings.webhook_networks, trust=ssl.create_default_context())


def send_test(app: App, number: int, *, options: ClientOptions | None = None) -> WebhookMessage:
    """Send a webhook a message now, paused or not; the message, with what came of it. Not for use on an event loop."""
    webhook = app.ledger.webhooks.get(number)
    asked = app.ledger.outbox.ask(webhook.id, patience=_TEST_PATIENCE)
    attempt, decision = asyncio.run(deliver(app, webhook, asked, options or client_options(app)))
    return replace(asked, state=decision.state, next_at=decision.next_at, log=(attempt,))


async def deliver(
    app: App, webhook: Webhook, message: WebhookMessage, options: ClientOptions
) -> tuple[WebhookAttempt, DeliveryDecision]:
    """Send a message once, and write down how it went."""
    at, body, message_id = app.clock(), body_of(message), f"msg_{webhook.key}_{message.id}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"mailer/{__version__} (webhooks)",
        "Accept-Encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": sign(_secrets(app, webhook), message_id, int(at), body),
    }
    answer = await post(webhook.url, headers, body, options)
    attempt = WebhookAttempt(
        at=at, seconds=answer.seconds, status=answer.status, error=answer.error, answer=answer.text
    )
    chance = random.random()  # noqa: S311 - spreads load, keeps no secret
    decision = decide(answer, message, now=app.clock(), chance=chance)
    await app.ledger.outbox.record_attempt(message.id, attempt, decision.state, next_at=decision.next_at)
    return attempt, decision


def body_of(message: WebhookMessage) -> bytes:
    """What is sent; the same at each attempt."""
    said = {"type": message.event.value, "timestamp": iso(message.at), "data": json.loads(message.data)}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def decide(answer: HttpResult, message: WebhookMessage, *, now: float, chance: float) -> DeliveryDecision:
    """What becomes of `message` after `answer`. `chance` is in [0, 1). A test is not tried again."""
    if answer.is_success:
        return DeliveryDecision(state=WebhookState.DELIVERED)
    if message.event is WebhookEvent.TEST:
        return DeliveryDecision(state=WebhookState.GIVEN_UP)
    first_at = message.first_at if message.first_at is not None else now
    next_at = RETRY.next_at(attempt=message.attempts + 1, first_at=first_at, now=now, chance=chance)
    if next_at is None:
        return DeliveryDecision(state=WebhookState.GIVEN_UP)
    pause = "its receiver says that it is gone (410)" if answer.status == _GONE else ""
    return DeliveryDecision(state=WebhookState.WAITING, next_at=next_at, pause=pause)


def describe(attempt: WebhookAttempt) -> str:
    """What came of an attempt: `answered 200`, or what went wrong."""
    if attempt.status is None:
        return attempt.error
    if 300 <= attempt.status < 400:
        return f"answered {attempt.status}: redirects are not followed"
    return f"answered {attempt.status}"


def _secrets(app: App, webhook: Webhook) -> list[bytes]:
    keys = [key.get_secret_value() for key in app.settings.secret_keys]
    return [derive_secret(keys, seal) for seal in webhook.seals]
