"""What became of each recipient of a send, in the order of its freeze: the rows of `mailer report --csv`, page by page."""

from typing import Annotated

from pydantic import Field

from mailer.delivery.state import DeliveryState
from mailer.ledger.types_accounts import Scope
from mailer.service.reporting import message_ids
from mailer.service.result import iso
from mailer.web.api.route import Answer, ApiRoute, Call
from mailer.web.api.shape import Page, PageQuery, Shape, Words, next_cursor, read_cursor


class DeliveryQuery(PageQuery):
    q: Annotated[Words, Field(description="Only those who have all of these words: in address, reason or reply.")] = ""
    state: Annotated[
        tuple[DeliveryState, ...], Field(max_length=8, description="Only those in one of these states.")
    ] = ()


class DeliveryFacts(Shape):
    """One recipient, with the server's last words. `email` is a marker once the person was erased."""

    email: str
    state: DeliveryState
    reason: str
    code: int | None
    enhanced: str
    reply: str
    attempts: int
    at: str
    message_id: str
    assumed: Annotated[bool, Field(description="Accepted, as a person assumed.")]


class Deliveries(Page):
    deliveries: tuple[DeliveryFacts, ...]


def _list(call: Call) -> Answer:
    """What became of each recipient."""
    wanted, number = call.query(DeliveryQuery), call.number("send")
    after = read_cursor(wanted.cursor, int)
    ledger = call.newsroom.ledger
    name = message_ids(call.newsroom, ledger.sends.get(number))
    begins = after[0] if after else 0
    found = ledger.gauge.page(number, *wanted.state, words=wanted.q, after=begins, limit=wanted.limit + 1)
    page = tuple(
        DeliveryFacts(
            email=row.email,
            state=row.state,
            reason=row.reason,
            code=row.code,
            enhanced=row.enhanced,
            reply=row.reply,
            attempts=row.attempts,
            at=iso(row.at),
            message_id=name(row),
            assumed=row.assumed,
        )
        for row in found[: wanted.limit]
    )
    cursor = next_cursor(found, wanted.limit, found[: wanted.limit][-1].delivery_id) if found else ""
    return Answer(content=Deliveries(deliveries=page, next=cursor))


ROUTES = (ApiRoute("GET", "/sends/{send}/deliveries", Scope.SENDS_READ, _list, Deliveries, query=DeliveryQuery),)
