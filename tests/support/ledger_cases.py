"""Small sends for the contract tests of the ledger."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Engine

from mailer.addresses import Address
from mailer.delivery.queue_port import Claim, DeliveryResult
from mailer.delivery.states import DeliveryState, SendKind
from mailer.edition.model import Image
from mailer.ledger.ledger import Ledger
from mailer.ledger.queue.leased_shard import LeasedShard
from mailer.ledger.types.editions_and_archive import NewEdition
from mailer.ledger.types.sends import NewSend, Recipient, Repeat, Send
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage

T = TypeVar("T")
DAY = 86_400.0
S = DeliveryState


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def edition(slug: str = "quay", *, digest: str = "", images: tuple[Image, ...] = ()) -> NewEdition:
    return NewEdition(
        digest=digest or f"digest-{slug}",
        slug=slug,
        title=f"Title of {slug}",
        subject=f"Subject of {slug}",
        language="en",
        json='{"html": "<p>é</p>"}',
        images=images,
    )


def new_send(
    slug: str = "quay",
    *,
    digest: str = "",
    lists: tuple[str, ...] = ("readers",),
    kind: SendKind = SendKind.DISPATCH,
    repeat: Repeat = Repeat.REFUSE,
    at: float | None = None,
    key_name: str = "key-1",
) -> NewSend:
    return NewSend(
        kind=kind, edition=edition(slug, digest=digest), lists=lists, key_name=key_name, repeat=repeat, scheduled_at=at
    )


def readers(count: int, *, start: int = 0) -> Iterator[Recipient]:
    for number in range(start, start + count):
        yield Recipient(
            identity=f"reader{number}@example.net", address=f"Reader{number}@example.net", fields={"city": "Köln"}
        )


def session(ledger: Ledger, send: Send, *, resend_uncertain: bool = False, retry_for: float = DAY) -> LeasedShard:
    taken = ledger.leases.acquire(send.id, retry_for=retry_for, resend_uncertain=resend_uncertain)
    assert taken is not None
    return taken


def delivery_result(claim: Claim, state: DeliveryState, at: float, **more: Any) -> DeliveryResult:
    replies = {
        S.ACCEPTED: Reply(code=250, enhanced="2.0.0", text="queued"),
        S.FAILED: Reply(code=550, enhanced="5.2.1", text="mailbox disabled"),
        S.DEFERRED: Reply(code=451, enhanced="4.7.1", text="greylisted"),
    }
    more.setdefault("reply", replies.get(state))
    more.setdefault("stage", Stage.END_OF_DATA)
    if state is S.DEFERRED:
        more.setdefault("next_at", at + 60)
    return DeliveryResult(
        delivery_id=claim.delivery_id, attempt=claim.attempt, state=state, at=at, relay="smtp.example.org", **more
    )


async def deliver(
    send: LeasedShard, now: float, state: DeliveryState = S.ACCEPTED, limit: int = 1, **more: Any
) -> None:
    """Claims up to `limit`, marks them as sending, and records `state` as their result."""
    for claim in await send.claim(limit, now):
        assert await send.begin_sending(claim)
        await send.record(delivery_result(claim, state, now, **more))


def die(mine: LeasedShard) -> None:
    """What becomes of an owner whose process dies: its lock is free, and nothing else is written."""
    mine.lock.close()


def writing_engine(ledger: Ledger) -> Engine:
    """The engine by which `ledger` writes, for tests that listen to its commits."""
    return ledger.context.writer.call(lambda conn: conn.engine).result()


def join(
    ledger: Ledger, name: str, address: Address, own: Mapping[str, str] | None = None, *, source: str = "page"
) -> None:
    """Somebody joins a list by themselves, as their own page has it."""
    ledger.preferences.set_lists(address, {name: {}}, (), words=f"the list {name}", source=source)
    ledger.preferences.set_profile(address.identity, {name: own or {}}, source=source)


def mailed_page(ledger: Ledger, address: Address) -> int:
    """Returns the number of a mail with a link to the preferences page, as if it was sent."""
    ledger.transactional.request_link(address)
    found = ledger.transactional.of(address.identity)
    mail = [each for each in found if each.kind is TransactionalKind.LINK][-1]
    if mail.state is TransactionalState.QUEUED:
        run(ledger.transactional.begin_sending(mail, f"{mail.id:064}"))
        run(ledger.transactional.record_result(mail, TransactionalState.SENT, was_sending=True))
    return mail.id


def counts(ledger: Ledger, send: Send) -> dict[DeliveryState, int]:
    return dict(ledger.sends.summary(send.id).counts)


def state_of(ledger: Ledger, send: Send, number: int) -> tuple[DeliveryState, str]:
    for row in ledger.report.rows(send.id):
        if row.email.lower() == f"reader{number}@example.net":
            return row.state, row.reason
    raise AssertionError(f"reader {number} is not frozen")
