"""Subscribers: everything known of one person, unsubscribing, erasing; and the suppression list."""

from typing import Annotated

from pydantic import Field

from mailer.audience.address import Address, parse_address
from mailer.errors import UndecidedError
from mailer.ledger.types_accounts import Scope
from mailer.ledger.types_suppressions import Lifting, Suppression, SuppressionReason
from mailer.service.amending import erase
from mailer.service.leaving import mask
from mailer.service.person import find_person, person_object
from mailer.timestamps import iso
from mailer.web.api.route import Answer, ApiRoute, Call
from mailer.web.api.shape import Page, PageQuery, Shape, Words, next_cursor, read_cursor


class OnList(Shape):
    """A list that the person is or was on; `line` of its file."""

    list: str
    line: int | None
    status: str
    since: str
    by: str
    joined: str
    source: str
    paused_until: str
    fields: dict[str, str]


class StandingNo(Shape):
    reason: str
    at: str
    source: str


class NoChange(StandingNo):
    change: str


class ListChange(Shape):
    """`before` and `after`: a word, or fields by name."""

    at: str
    list: str
    what: str
    before: str | dict[str, str]
    after: str | dict[str, str]
    by: str


class Consent(Shape):
    list: str
    at: str
    form: str
    words: str
    ip: str
    confirmed: str


class LeftBecause(Shape):
    reason: str
    words: str
    at: str


class LetterFacts(Shape):
    kind: str
    state: str
    at: str


class ToldOther(Shape):
    """What a webhook was told of the person, or is to be. `to`: its host."""

    type: str
    to: str
    state: str
    at: str


class Received(Shape):
    send: int
    slug: str
    state: str
    reason: str
    attempts: int
    at: str


class Subscriber(Shape):
    """Everything known of one person, as `mailer subscriber show --json`; empty lists of somebody unknown."""

    email: Annotated[str, Field(examples=["ana@example.com"])]
    formerly: Annotated[tuple[str, ...], Field(description="Addresses that they had before.")]
    later: Annotated[tuple[str, ...], Field(description="Addresses that they took afterwards.")]
    lists: tuple[OnList, ...]
    suppression: Annotated[StandingNo | None, Field(description="What stands against mailing them.")]
    history: tuple[NoChange, ...]
    changes: tuple[ListChange, ...]
    consents: tuple[Consent, ...]
    reasons: tuple[LeftBecause, ...]
    letters: tuple[LetterFacts, ...]
    told: Annotated[tuple[ToldOther, ...], Field(description="What other programs were told of them.")]
    deliveries: tuple[Received, ...]


class SuppressionQuery(PageQuery):
    q: Annotated[Words, Field(description="Only addresses that have this somewhere.")] = ""
    reason: Annotated[SuppressionReason | None, Field(description="Only those for this reason.")] = None


class SuppressionFacts(Shape):
    """`identity`: the address in its plain form; a marker once it was erased."""

    identity: str
    reason: SuppressionReason
    at: str
    source: Annotated[str, Field(description="Who or what said so.")]


class Suppressions(Page):
    suppressions: tuple[SuppressionFacts, ...]


class LiftedFacts(Shape):
    """`reason`: what still stands against mailing the address; null where nothing does."""

    email: str
    outcome: Lifting
    reason: SuppressionReason | None


class OwnNoError(UndecidedError):
    """The person said no, and only the person takes it back."""


class Unsubscribed(Shape):
    """`changed`: it was not so already; `skipped`: how many deliveries under way will not go out."""

    email: str
    changed: bool
    skipped: int


class Erased(Shape):
    """`taken_out`: from the files of which lists; `left`: in which the address still stands. It is not mailed meanwhile."""

    email: str
    deliveries: int
    skipped: int
    taken_out: tuple[str, ...]
    left: tuple[str, ...]


def _show(call: Call) -> Answer:
    """Everything known of one person."""
    return Answer(content=Subscriber.of(person_object(find_person(call.newsroom, _address(call)))))


def _unsubscribe(call: Call) -> Answer:
    """Unsubscribe a person from everything, also from sends that are under way. Only the person takes it back."""
    address = _address(call)
    done = call.newsroom.ledger.suppressions.unsubscribe(address.identity, source=call.actor)
    call.record("subscriber.unsubscribe", mask(address.display))
    return Answer(content=Unsubscribed(email=address.display, changed=done.changed, skipped=done.skipped))


def _erase(call: Call) -> Answer:
    """Erase a person for good, from the files of lists, too. Sums hold, and the address stays suppressed by a keyed hash."""
    address = _address(call)
    done = erase(call.newsroom, address.identity, by=call.actor)
    call.record("subscriber.erase")  # of whom is to be forgotten
    content = Erased(
        email=address.display,
        deliveries=done.erased.deliveries,
        skipped=done.erased.skipped,
        taken_out=done.taken_out,
        left=tuple(done.left),
    )
    return Answer(content=content)


def _address(call: Call) -> Address:
    return parse_address(call.path["email"])


def _list_suppressions(call: Call) -> Answer:
    """Every suppressed address, in the order of the addresses."""
    wanted = call.query(SuppressionQuery)
    after = read_cursor(wanted.cursor, str)
    find = call.newsroom.ledger.suppressions.page
    found = find(wanted.q, wanted.reason, after=after[0] if after else "", limit=wanted.limit + 1)
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].identity) if page else ""
    return Answer(content=Suppressions(suppressions=tuple(map(_suppression_facts, page)), next=cursor))


def _suppress(call: Call) -> Answer:
    """Never mail an address, until that is taken back. What stands against it already, stays."""
    address = parse_address(call.path["email"])
    done = call.newsroom.ledger.suppressions.suppress(address.identity, SuppressionReason.BY_HAND, source=call.actor)
    call.record("suppression.add", mask(address.display))
    return Answer(content=_suppression_facts(done.suppression))


def _unsuppress(call: Call) -> Answer:
    """Mail an address again. A person's own no stays: 409."""
    address = parse_address(call.path["email"])
    done = call.newsroom.ledger.suppressions.lift(address.identity, source=call.actor)
    reason = done.suppression.reason if done.suppression else None
    if done.outcome is Lifting.REFUSED:
        raise OwnNoError(f"The address is {reason}, which only that person can take back.")
    call.record("suppression.remove", mask(address.display))
    return Answer(content=LiftedFacts(email=address.display, outcome=done.outcome, reason=reason))


def _suppression_facts(each: Suppression) -> SuppressionFacts:
    return SuppressionFacts(identity=each.identity, reason=each.reason, at=iso(each.at), source=each.source)


ROUTES = (
    ApiRoute("GET", "/subscribers/{email}", Scope.SUBSCRIBERS_READ, _show, Subscriber),
    ApiRoute("POST", "/subscribers/{email}/unsubscribe", Scope.SUBSCRIBERS_WRITE, _unsubscribe, Unsubscribed),
    ApiRoute("DELETE", "/subscribers/{email}", Scope.SUBSCRIBERS_WRITE, _erase, Erased),
    ApiRoute("GET", "/suppressions", Scope.SUBSCRIBERS_READ, _list_suppressions, Suppressions, query=SuppressionQuery),
    ApiRoute("PUT", "/suppressions/{email}", Scope.SUBSCRIBERS_WRITE, _suppress, SuppressionFacts),
    ApiRoute("DELETE", "/suppressions/{email}", Scope.SUBSCRIBERS_WRITE, _unsuppress, LiftedFacts),
)
