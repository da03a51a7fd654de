"""One person, as lists and ledger know them."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.audience.address import Address
from mailer.audience.row import Member
from mailer.ledger.records import Suppression, SuppressionChange
from mailer.service.newsroom import Newsroom
from mailer.service.readers import readable_lists
from mailer.service.result import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """A row of a list that counts for this person."""

    list: str
    line: int
    status: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    send_id: int
    slug: str
    state: str
    reason: str
    attempts: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    display: str
    rows: tuple[ListRow, ...] = ()
    suppression: Suppression | None = None
    history: tuple[SuppressionChange, ...] = ()
    deliveries: tuple[Sent, ...] = ()


def find_person(newsroom: Newsroom, address: Address) -> Person:
    """Everything known of `address`; lists that cannot be read, and a ledger that is not there yet, say nothing."""
    rows = list_rows(newsroom, address)
    if not newsroom.has_ledger:
        return Person(display=address.display, rows=rows)
    ledger = newsroom.ledger
    sent = []
    for delivery in ledger.report.deliveries_of(address.identity):
        send = ledger.sends.get(delivery.send_id)
        sent.append(
            Sent(
                send_id=send.id,
                slug=send.slug,
                state=delivery.state.value,
                reason=delivery.reason,
                attempts=delivery.attempts,
                at=delivery.updated_at,
            )
        )
    return Person(
        display=address.display,
        rows=rows,
        suppression=ledger.suppressions.get(address.identity),
        history=ledger.suppressions.history(address.identity),
        deliveries=tuple(sent),
    )


def list_rows(newsroom: Newsroom, address: Address) -> tuple[ListRow, ...]:
    """The rows of lists that count for this person."""
    return tuple(
        ListRow(list=source.name, line=row.line, status=row.status.value, fields=dict(row.fields))
        for source in readable_lists(newsroom)
        for row in source.rows()
        if isinstance(row, Member) and row.address.identity == address.identity
    )


def person_object(person: Person) -> dict[str, object]:
    """The JSON of `subscriber show --json` and `subscriber export`."""
    held = person.suppression
    return {
        "email": person.display,
        "lists": [
            {"list": row.list, "line": row.line, "status": row.status, "fields": dict(row.fields)}
            for row in person.rows
        ],
        "suppression": held and {"reason": held.reason.value, "at": iso(held.at), "source": held.source},
        "history": [
            {"change": each.change.value, "reason": each.reason.value, "at": iso(each.at), "source": each.source}
            for each in person.history
        ],
        "deliveries": [
            {
                "send": each.send_id,
                "slug": each.slug,
                "state": each.state,
                "reason": each.reason,
                "attempts": each.attempts,
                "at": iso(each.at),
            }
            for each in person.deliveries
        ],
    }
