"""Subscribers: everything known of one person, unsubscribing, erasing; and the suppression list."""

from typing import Annotated

from pydantic import ConfigDict, Field

from mailer.addresses import Address, mask_address, parse_address
from mailer.errors import NeedsConfirmationError
from mailer.iso_time import format_iso
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.ledger.types.suppressions import Suppression, SuppressionReason, UnsuppressStatus
from mailer.service.subscribers.erasure import erase_subscriber
from mailer.service.subscribers.personal_data import find_profile, profile_object
from mailer.web.api.request import ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Page, PageQuery, ReaderAddress, Schema, ShortText, next_cursor, read_cursor


class ListMembership(Schema):
    """A list that the person is or was on. `line`: the row in the list's file; `by`: who set the status."""

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


class SuppressionChange(ActiveSuppression):
    """A past suppression, or its removal."""

    change: str


class ListChange(Schema):
    """A change on a list. `before` and `after`: a status, or fields by name."""

    at: str
    list: str
    what: str
    before: str | dict[str, str]
    after: str | dict[str, str]
    by: str


class Consent(Schema):
    """Evidence of a sign-up. `words`: the text that the person agreed to; `confirmed`: when the sign-up was confirmed."""

    list: str
    at: str
    form: str
    words: str
    ip: str
    confirmed: str


class UnsubscribeReason(Schema):
    """A reason that the person gave for unsubscribing."""

    reason: str
    words: str
    at: str


class TransactionalMailFacts(Schema):
    """A transactional mail to the person: a confirmation, a link, an address change."""

    kind: str
    state: str
    at: str


class WebhookDelivery(Schema):
    """A webhook message about the person, sent or waiting. `to`: the host of the webhook."""

    type: str
    to: str
    state: str
    at: str


class ReceivedSend(Schema):
    """A send to the person, with its result."""

    send: int
    slug: str
    state: str
    reason: str
    attempts: int
    at: str


class ReturnedFeedback(Schema):
    """A bounce or complaint about a message to the person. `words`: those of the server; `effect`: what followed."""

    at: str
    kind: str
    send: int | None
    status: str
    reason: str
    words: str
    effect: str


class Subscriber(Schema):
    """Everything known of one person; for an unknown address all lists are empty."""

    email: Annotated[str, Field(examples=["ana@example.com"])]
    formerly: Annotated[tuple[str, ...], Field(description="Earlier addresses of the person.")]
    later: Annotated[tuple[str, ...], Field(description="Later addresses of the person.")]
    lists: tuple[ListMembership, ...]
    suppression: Annotated[
        ActiveSuppression | None, Field(description="The active suppression; null if there is none.")
    ]
    history: tuple[SuppressionChange, ...]
    changes: tuple[ListChange, ...]
    consents: tuple[Consent, ...]
    reasons: tuple[UnsubscribeReason, ...]
    letters: tuple[TransactionalMailFacts, ...]
    told: Annotated[tuple[WebhookDelivery, ...], Field(description="Webhook messages about the person.")]
    deliveries: tuple[ReceivedSend, ...]
    feedback: tuple[ReturnedFeedback, ...]


class SuppressionFilter(PageQuery):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "bounced"}]})

    q: Annotated[ShortText, Field(description="Only addresses that contain this text.")] = ""
    reason: Annotated[SuppressionReason | None, Field(description="Only suppressions with this reason.")] = None


class SuppressionFacts(Schema):
    """A suppression. `identity`: the normalised address; a placeholder if it was erased."""

    identity: str
    reason: SuppressionReason
    at: str
    source: Annotated[str, Field(description="The person or program that caused it.")]


class Suppressions(Page):
    suppressions: tuple[SuppressionFacts, ...]


class Unsuppressed(Schema):
    """`reason`: that of a suppression that remains; null if none does."""

    email: str
    outcome: UnsuppressStatus
    reason: SuppressionReason | None


class OwnNoError(NeedsConfirmationError):
    """The person opted out, and only the person can undo that."""


class Unsubscribed(Schema):
    """`changed`: false if the person was unsubscribed before. `skipped`: how many waiting deliveries are not sent."""

    email: str
    changed: bool
    skipped: int


class Erased(Schema):
    """`taken_out`: the lists from whose files the address was removed; `left`: those whose files still contain it."""

    email: str
    deliveries: int
    skipped: int
    taken_out: tuple[str, ...]
    left: tuple[str, ...]


def _show(request: ApiRequest) -> ApiResponse:
    """Get everything known of one person."""
    address = _address(request)
    request.record_look("subscriber.show", mask_address(address.display), reader=address.identity)
    return ApiResponse(content=Subscriber.of(profile_object(find_profile(request.app, address))))


def _unsubscribe(request: ApiRequest) -> ApiResponse:
    """Unsubscribe a person from all lists and from running sends. Only the person can undo this."""
    address, suppressions = _address(request), request.app.ledger.suppressions
    active = suppressions.get(address.identity)
    is_repeat = active is not None and active.source == request.actor
    done = suppressions.unsubscribe(address.identity, source=request.actor, entered=is_repeat)
    request.record("subscriber.unsubscribe", mask_address(address.display))
    return ApiResponse(content=Unsubscribed(email=address.display, changed=done.changed, skipped=done.skipped))


def _erase(request: ApiRequest) -> ApiResponse:
    """Erase a person, also from the files of lists. This cannot be undone. Only a hash stays, and suppresses the address."""
    address = _address(request)
    done = erase_subscriber(request.app, address.identity, by=request.actor)
    request.record("subscriber.erase")  # without the address, which is to be forgotten
    content = Erased(
        email=address.display,
        deliveries=done.erased.deliveries,
        skipped=done.erased.skipped,
        taken_out=done.removed_from,
        left=tuple(done.failed),
    )
    return ApiResponse(content=content)


def _address(request: ApiRequest) -> Address:
    return parse_address(request.body(ReaderAddress).email)


def _search(request: ApiRequest) -> ApiResponse:
    """List the suppressed addresses, or those that match, by address."""
    wanted = request.body(SuppressionFilter)
    request.record_look("suppression.list")
    after = read_cursor(wanted.cursor, str)
    find = request.app.ledger.suppressions.page
    found = find(wanted.q, wanted.reason, after=after[0] if after else "", limit=wanted.limit + 1)
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].identity) if page else ""
    return ApiResponse(content=Suppressions(suppressions=tuple(map(_suppression_facts, page)), next=cursor))


def _suppress(request: ApiRequest) -> ApiResponse:
    """Suppress an address: it gets no mail until the suppression is removed. An existing suppression stays as it is."""
    address = _address(request)
    done = request.app.ledger.suppressions.suppress(address.identity, SuppressionReason.BY_HAND, source=request.actor)
    request.record("suppression.add", mask_address(address.display))
    return ApiResponse(content=_suppression_facts(done.suppression))


def _unsuppress(request: ApiRequest) -> ApiResponse:
    """Remove the suppression of an address. An opt-out by the person is refused with 409."""
    address = _address(request)
    done = request.app.ledger.suppressions.unsuppress(address.identity, source=request.actor)
    reason = done.suppression.reason if done.suppression else None
    if done.outcome is UnsuppressStatus.REFUSED:
        raise OwnNoError(
            f"The address is suppressed ({reason}); only the person can undo that.", "Ask the person to sign up again."
        )
    request.record("suppression.remove", mask_address(address.display))
    return ApiResponse(content=Unsuppressed(email=address.display, outcome=done.outcome, reason=reason))


def _suppression_facts(each: Suppression) -> SuppressionFacts:
    return SuppressionFacts(identity=each.identity, reason=each.reason, at=format_iso(each.at), source=each.source)


ROUTES = (
    ApiRoute("POST", "/suppressions", Scope.SUBSCRIBERS_WRITE, _suppress, SuppressionFacts, body=ReaderAddress),
    ApiRoute("POST", "/suppressions/search", Scope.SUBSCRIBERS_READ, _search, Suppressions, body=SuppressionFilter),
    ApiRoute("POST", "/suppressions/remove", Scope.SUBSCRIBERS_WRITE, _unsuppress, Unsuppressed, body=ReaderAddress),
    ApiRoute("POST", "/subscribers/show", Scope.SUBSCRIBERS_READ, _show, Subscriber, body=ReaderAddress),
    ApiRoute(
        "POST", "/subscribers/unsubscribe", Scope.SUBSCRIBERS_WRITE, _unsubscribe, Unsubscribed, body=ReaderAddress
    ),
    ApiRoute("POST", "/subscribers/erase", Scope.SUBSCRIBERS_WRITE, _erase, Erased, body=ReaderAddress),
)
