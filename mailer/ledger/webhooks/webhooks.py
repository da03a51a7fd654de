"""Webhooks: addresses of other programs, and the events that each subscribes to.

A webhook's secret is not stored. It is derived from a key of MAILER_SECRET_KEYS, by its name, and a salt
(mailer.service.webhooks.signature), so that a copy of the database can forge nothing. A rotated secret still signs, beside the
new one, until `SigningSecret.until`. `key`, a random word, is the prefix of the webhook's message ids, which are thus unique
among all installations.

While a webhook is paused, its messages wait. Removing it removes them. Times are seconds since the epoch, UTC. Raises
UnknownWebhookError, LedgerError.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from mailer.errors import UsageError
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import webhook, webhook_attempt, webhook_event, webhook_message
from mailer.ledger.types.webhooks import EVENTS, WebhookEvent

_SALT = 32  # octets


class UnknownWebhookError(UsageError):
    """There is no webhook with this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no webhook {number}.", "List the webhooks with: mailer webhook list")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSecret:
    """The inputs of a secret: the name of a key, and a salt in hex. `until`: when it stops signing."""

    key_name: str
    salt: str
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook. `seals`: the secrets that sign now, the newest first; `pause_reason`: "" if a user paused it."""

    id: int
    url: str
    events: tuple[WebhookEvent, ...]
    key: str
    seals: tuple[SigningSecret, ...]
    created_at: float
    paused_at: float | None
    pause_reason: str


class Webhooks:
    """The webhooks of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def add(self, url: str, events: Collection[WebhookEvent], *, key_name: str) -> Webhook:
        """Adds a webhook at `url` for `events`."""
        values = {
            "url": url,
            "key": secrets.token_hex(8),
            "key_name": key_name,
            "salt": secrets.token_hex(_SALT),
            "created_at": self._context.clock(),
        }
        topics = [event for event in EVENTS if event in events]
        if not topics:
            raise ValueError("a webhook needs an event")

        def work(conn: Connection) -> Webhook:
            number = conn.execute(insert(webhook).values(**values).returning(webhook.c.id)).scalar_one()
            conn.execute(insert(webhook_event), [{"webhook_id": number, "event": event} for event in topics])
            return self._get(conn, number)

        return self._context.writer.call(work).result()

    def all(self) -> tuple[Webhook, ...]:
        with self._context.database.reading() as conn:
            return tuple(self._webhook(conn, row) for row in conn.execute(select(webhook).order_by(webhook.c.id)).all())

    def get(self, number: int) -> Webhook:
        with self._context.database.reading() as conn:
            return self._get(conn, number)

    def key_names(self) -> frozenset[str]:
        """Returns the names of the secret keys that sign."""
        return frozenset(seal.key_name for each in self.all() for seal in each.seals)

    def rotate(self, number: int, *, key_name: str, overlap: float) -> Webhook:
        """Sets a new secret; the old one still signs for `overlap` seconds."""

        def work(conn: Connection) -> Webhook:
            current = self._get(conn, number).seals[0]
            values = {
                "key_name": key_name,
                "salt": secrets.token_hex(_SALT),
                "old_key_name": current.key_name,
                "old_salt": current.salt,
                "old_until": self._context.clock() + overlap,
            }
            conn.execute(update(webhook).where(webhook.c.id == number).values(**values))
            return self._get(conn, number)

        return self._context.writer.call(work).result()

    def pause(self, number: int, *, because: str = "") -> Webhook:
        """Pauses deliveries. A paused webhook stays as it is."""

        def work(conn: Connection) -> Webhook:
            self._get(conn, number)
            running = update(webhook).where(webhook.c.id == number, webhook.c.paused_at.is_(None))
            conn.execute(running.values(paused_at=self._context.clock(), pause_reason=because))
            return self._get(conn, number)

        return self._context.writer.call(work).result()

    def resume(self, number: int) -> Webhook:
        """Resumes deliveries, first of the waiting messages."""

        def work(conn: Connection) -> Webhook:
            self._get(conn, number)
            conn.execute(update(webhook).where(webhook.c.id == number).values(paused_at=None, pause_reason=""))
            return self._get(conn, number)

        return self._context.writer.call(work).result()

    def remove(self, number: int) -> None:
        """Removes a webhook with its messages."""

        def work(conn: Connection) -> None:
            self._get(conn, number)
            ids = select(webhook_message.c.id).where(webhook_message.c.webhook_id == number)
            conn.execute(delete(webhook_event).where(webhook_event.c.webhook_id == number))
            conn.execute(delete(webhook_attempt).where(webhook_attempt.c.message_id.in_(ids)))
            conn.execute(delete(webhook_message).where(webhook_message.c.webhook_id == number))
            conn.execute(delete(webhook).where(webhook.c.id == number))

        self._context.writer.call(work).result()

    def _get(self, conn: Connection, number: int) -> Webhook:
        row = conn.execute(select(webhook).where(webhook.c.id == number)).first()
        if row is None:
            raise UnknownWebhookError(number)
        return self._webhook(conn, row)

    def _webhook(self, conn: Connection, row: Row[Any]) -> Webhook:
        chosen = select(webhook_event.c.event).where(webhook_event.c.webhook_id == row.id)
        events = frozenset(conn.execute(chosen).scalars())
        seals = [SigningSecret(key_name=row.key_name, salt=row.salt)]
        if row.old_until is not None and row.old_until > self._context.clock():
            seals.append(SigningSecret(key_name=row.old_key_name, salt=row.old_salt, until=row.old_until))
        return Webhook(
            id=row.id,
            url=row.url,
            events=tuple(event for event in EVENTS if event in events),
            key=row.key,
            seals=tuple(seals),
            created_at=row.created_at,
            paused_at=row.paused_at,
            pause_reason=row.pause_reason,
        )
