"""Suppressions: addresses that must not be mailed, and why."""

from typing import Annotated

from pydantic import Field

from mailer.audience.address import parse_address
from mailer.errors import UndecidedError
from mailer.ledger.types_accounts import Scope
from mailer.ledger.types_suppressions import Lifting, Suppression, SuppressionReason
from mailer.service.leaving import mask
from mailer.service.result import iso
from mailer.web.api.route import Answer, ApiRoute, Call
from mailer.web.api.shape import Page, PageQuery, Shape, Words, next_cursor, read_cursor


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


def _list(call: Call) -> Answer:
    """Every suppressed address, in the order of the addresses."""
    wanted = call.query(SuppressionQuery)
    after = read_cursor(wanted.cursor, str)
    find = call.newsroom.ledger.suppressions.page
    found = find(wanted.q, wanted.reason, after=after[0] if after else "", limit=wanted.limit + 1)
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].identity) if page else ""
    return Answer(content=Suppressions(suppressions=tuple(map(_facts, page)), next=cursor))


def _add(call: Call) -> Answer:
    """Never mail an address, until that is taken back. What stands against it already, stays."""
    address = parse_address(call.path["email"])
    done = call.newsroom.ledger.suppressions.suppress(address.identity, SuppressionReason.BY_HAND, source=call.actor)
    call.record("suppression.add", mask(address.display))
    return Answer(content=_facts(done.suppression))


def _remove(call: Call) -> Answer:
    """Mail an address again. A person's own no stays: 409."""
    address = parse_address(call.path["email"])
    done = call.newsroom.ledger.suppressions.lift(address.identity, source=call.actor)
    reason = done.suppression.reason if done.suppression else None
    if done.outcome is Lifting.REFUSED:
        raise OwnNoError(f"The address is {reason}, which only that person can take back.")
    call.record("suppression.remove", mask(address.display))
    return Answer(content=LiftedFacts(email=address.display, outcome=done.outcome, reason=reason))


def _facts(each: Suppression) -> SuppressionFacts:
    return SuppressionFacts(identity=each.identity, reason=each.reason, at=iso(each.at), source=each.source)


ROUTES = (
    ApiRoute("GET", "/suppressions", Scope.SUBSCRIBERS_READ, _list, Suppressions, query=SuppressionQuery),
    ApiRoute("PUT", "/suppressions/{email}", Scope.SUBSCRIBERS_WRITE, _add, SuppressionFacts),
    ApiRoute("DELETE", "/suppressions/{email}", Scope.SUBSCRIBERS_WRITE, _remove, LiftedFacts),
)
