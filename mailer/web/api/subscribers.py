"""Subscribers: everything known of one person, unsubscribing, erasing; and the suppression list."""

from typing import Annotated

from pydantic import Field

from mailer.addresses import Address, mask_address, parse_address
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.accounts import Scope
from mailer.ledger.types.suppressions import Suppression, SuppressionReason, UnsuppressStatus
from mailer.service.lists.members import erase_subscriber
from mailer.service.subscribers.profile import find_profile, profile_object
from mailer.timestamps import format_iso
from mailer.web.api.request import ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Page, PageQuery, Schema, ShortText, next_cursor, read_cursor


class OnList(Schema):
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


class ActiveSuppression(Schema):
    reason: str
    at: str
    source: str


class NoChange(ActiveSuppression):
    change: str


class ListChange(Schema):
    """`before` and `after`: a word, or fields by name."""

    at: str
    list: str
    what: str
    before: str | dict[str, str]
    after: str | dict[str, str]
    by: str


class Consent(Schema):
    list: str
    at: str
    form: str
    words: str
    ip: str
    confirmed: str


class LeftBecause(Schema):
    reason: str
    words: str
    at: str


class LetterFacts(Schema):
    kind: str
    state: str
    at: str


class WebhookDelivery(Schema):
    """What a webhook was told of the person, or is to be. `to`: its host."""

    type: str
    to: str
    state: str
    at: str


class Received(Schema):
    send: int
    slug: str
    state: str
    reason: str
    attempts: int
    at: str


class Subscriber(Schema):
    """Everything known of one person, as `mailer subscriber show --json`; empty lists of somebody unknown."""

    email: Annotated[str, Field(examples=["ana@example.com"])]
    formerly: Annotated[tuple[str, ...], Field(description="Addresses that they had before.")]
    later: Annotated[tuple[str, ...], Field(description="Addresses that they took afterwards.")]
    lists: tuple[OnList, ...]
    suppression: Annotated[ActiveSuppression | None, Field(description="What stands against mailing them.")]
    history: tuple[NoChange, ...]
    changes: tuple[ListChange, ...]
    consents: tuple[Consent, ...]
    reasons: tuple[LeftBecause, ...]
    letters: tuple[LetterFacts, ...]
    told: Annotated[tuple[WebhookDelivery, ...], Field(description="What other programs were told of them.")]
    deliveries: tuple[Received, ...]


class SuppressionQuery(PageQuery):
    q: Annotated[ShortText, Field(description="Only addresses that have this somewhere.")] = ""
    reason: Annotated[SuppressionReason | None, Field(description="Only those for this reason.")] = None


class SuppressionFacts(Schema):
    """`identity`: the address in its plain form; a marker once it was erased."""

    identity: str
    reason: SuppressionReason
    at: str
    source: Annotated[str, Field(description="Who or what said so.")]


class Suppressions(Page):
    suppressions: tuple[SuppressionFacts, ...]


class LiftedFacts(Schema):
    """`reason`: what still stands against mailing the address; null where nothing does."""

    email: str
    outcome: UnsuppressStatus
    reason: SuppressionReason | None


class OwnNoError(NeedsConfirmationError):
    """The person said no, and only the person takes it back."""


class Unsubscribed(Schema):
    """`changed`: it was not so already; `skipped`: how many deliveries under way will not go out."""

    email: str
    changed: bool
    skipped: int


class Erased(Schema):
    """`taken_out`: from the files of which lists; `left`: in which the address still stands. It is not mailed meanwhile."""

    email: str
    deliveries: int
    skipped: int
    taken_out: tuple[str, ...]
    left: tuple[str, ...]


def _show(request: ApiRequest) -> ApiResponse:
    """Everything known of one person."""
    address = _address(request)
    request.record_look("subscriber.show", mask_address(address.display))
    return ApiResponse(content=Subscriber.of(profile_object(find_profile(request.app, address))))


def _unsubscribe(request: ApiRequest) -> ApiResponse:
    """Unsubscribe a person from everything, also from sends that are under way. Only the person takes it back."""
    address = _address(request)
    done = request.app.ledger.suppressions.unsubscribe(address.identity, source=request.actor)
    request.record("subscriber.unsubscribe", mask_address(address.display))
    return ApiResponse(content=Unsubscribed(email=address.display, changed=done.changed, skipped=done.skipped))


def _erase(request: ApiRequest) -> ApiResponse:
    """Erase a person for good, from the files of lists, too. Sums hold, and the address stays suppressed by a keyed hash."""
    address = _address(request)
    done = erase_subscriber(request.app, address.identity, by=request.actor)
    request.record("subscriber.erase")  # of whom is to be forgotten
    content = Erased(
        email=address.display,
        deliveries=done.erased.deliveries,
        skipped=done.erased.skipped,
        taken_out=done.removed_from,
        left=tuple(done.failed),
    )
    return ApiResponse(content=content)


def _address(request: ApiRequest) -> Address:
    return parse_address(request.path["email"])


def _list_suppressions(request: ApiRequest) -> ApiResponse:
    """Every suppressed address, in the order of the addresses."""
    wanted = request.query(SuppressionQuery)
    request.record_look("suppression.list")
    after = read_cursor(wanted.cursor, str)
    find = request.app.ledger.suppressions.page
    found = find(wanted.q, wanted.reason, after=after[0] if after else "", limit=wanted.limit + 1)
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].identity) if page else ""
    return ApiResponse(content=Suppressions(suppressions=tuple(map(_suppression_facts, page)), next=cursor))


def _suppress(request: ApiRequest) -> ApiResponse:
    """Never mail an address, until that is taken back. What stands against it already, stays."""
    address = parse_address(request.path["email"])
    done = request.app.ledger.suppressions.suppress(address.identity, SuppressionReason.BY_HAND, source=request.actor)
    request.record("suppression.add", mask_address(address.display))
    return ApiResponse(content=_suppression_facts(done.suppression))


def _unsuppress(request: ApiRequest) -> ApiResponse:
    """Mail an address again. A person's own no stays: 409."""
    address = parse_address(request.path["email"])
    done = request.app.ledger.suppressions.unsuppress(address.identity, source=request.actor)
    reason = done.suppression.reason if done.suppression else None
    if done.outcome is UnsuppressStatus.REFUSED:
        raise OwnNoError(f"The address is {reason}, which only that person can take back.")
    request.record("suppression.remove", mask_address(address.display))
    return ApiResponse(content=LiftedFacts(email=address.display, outcome=done.outcome, reason=reason))


def _suppression_facts(each: Suppression) -> SuppressionFacts:
    return SuppressionFacts(identity=each.identity, reason=each.reason, at=format_iso(each.at), source=each.source)


ROUTES = (
    ApiRoute("GET", "/subscribers/{email}", Scope.SUBSCRIBERS_READ, _show, Subscriber),
    ApiRoute("POST", "/subscribers/{email}/unsubscribe", Scope.SUBSCRIBERS_WRITE, _unsubscribe, Unsubscribed),
    ApiRoute("DELETE", "/subscribers/{email}", Scope.SUBSCRIBERS_WRITE, _erase, Erased),
    ApiRoute("GET", "/suppressions", Scope.SUBSCRIBERS_READ, _list_suppressions, Suppressions, query=SuppressionQuery),
    ApiRoute("PUT", "/suppressions/{email}", Scope.SUBSCRIBERS_WRITE, _suppress, SuppressionFacts),
    ApiRoute("DELETE", "/suppressions/{email}", Scope.SUBSCRIBERS_WRITE, _unsuppress, LiftedFacts),
)
