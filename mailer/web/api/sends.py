"""Sends: the list, the state and the report of one, its deliveries, and controlling it.

`mailer serve` runs the sends that are started or resumed here.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mailer.addresses import parse_address
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.ledger.types.accounts import Scope
from mailer.service.sends.control import (
    pause_send,
    require_uncertain,
    resendable_count,
    resolve_uncertain,
    resume_send,
)
from mailer.service.sends.progress import describe_time_left
from mailer.service.sends.report import message_id_function, report_object
from mailer.service.sends.summary import next_step, send_object
from mailer.timestamps import format_iso
from mailer.web.api.request import LARGE, ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Email, Page, PageQuery, Schema, ShortText, next_cursor, read_cursor


class SendFacts(Schema):
    """The send object, as `mailer status --json` has it: `frozen` is the sum of the six counts behind it."""

    send: Annotated[int, Field(examples=[12])]
    slug: str
    edition: Annotated[str, Field(description="The digest of what was sent.")]
    state: SendState
    frozen: int
    pending: int
    deferred: int
    accepted: int
    failed: int
    skipped: int
    uncertain: int
    seconds: Annotated[float, Field(description="From the first connection to the last settlement.")]
    at: Annotated[str, Field(description="When it was to start, or was made.")]


class Sends(Page):
    sends: tuple[SendFacts, ...]


class WholeSend(SendFacts):
    """A send with all that is said of it."""

    title: str
    kind: SendKind
    lists: tuple[str, ...]
    exclude: tuple[str, ...]
    where: str
    time_left: Annotated[str, Field(description="In words; empty where nothing is left, or nobody knows.")]
    next_step: Annotated[str, Field(description="What a person can do now; empty where there is nothing to do.")]


class Why(Schema):
    state: DeliveryState
    reason: str
    code: int | None
    enhanced: str
    count: int


class SendReport(SendFacts):
    """The send object, how many are only assumed to have been accepted, and why others were not."""

    assumed: int
    reasons: tuple[Why, ...]


class DeliveryQuery(PageQuery):
    q: Annotated[
        ShortText, Field(description="Only those who have all of these words: in address, reason or reply.")
    ] = ""
    state: Annotated[
        tuple[DeliveryState, ...], Field(max_length=8, description="Only those in one of these states.")
    ] = ()


class DeliveryFacts(Schema):
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


class Decision(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"how": "assume-sent", "emails": ["ana@example.com"]}]})

    how: Annotated[
        Literal["resend", "assume-sent"],
        Field(description="Send to them once more, with the same Message-ID; or count them as accepted."),
    ]
    emails: Annotated[tuple[Email, ...], Field(max_length=1000, description="Without any: all uncertain ones.")] = ()


def _list(request: ApiRequest) -> ApiResponse:
    """All sends but tests and welcomes, the newest first."""
    wanted = request.query(PageQuery)
    before = read_cursor(wanted.cursor, int)
    found = request.app.ledger.sends.all(limit=wanted.limit + 1, before=before[0] if before else None)
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].send.id) if page else ""
    return ApiResponse(content=Sends(sends=tuple(SendFacts.of(send_object(each)) for each in page), next=cursor))


def _show(request: ApiRequest) -> ApiResponse:
    """Where a send stands."""
    return _details(request, request.number("send"))


def _pause(request: ApiRequest) -> ApiResponse:
    """Pause a send: nothing more leaves, whoever carries it. One that is paused stays so."""
    pause_send(request.app, request.number("send"), by=f"by {request.actor}")
    return _controlled(request, "send.pause")


def _resume(request: ApiRequest) -> ApiResponse:
    """Let a paused send go on, or start one that is overdue."""
    resume_send(request.app, request.number("send"))
    return _controlled(request, "send.resume")


def _cancel(request: ApiRequest) -> ApiResponse:
    """Cancel a send: whoever has not got it yet will not. It is `paused` as long as messages of it are under way."""
    request.app.ledger.sends.cancel(request.number("send"))
    return _controlled(request, "send.cancel")


def _resolve(request: ApiRequest) -> ApiResponse:
    """Decide about deliveries of which nobody can tell whether they arrived."""
    wanted, number = request.body(Decision), request.number("send")
    identities = [parse_address(email).identity for email in wanted.emails] if wanted.emails else None
    if identities is not None:
        require_uncertain(request.app, number, identities)
    done = resolve_uncertain(request.app, number, resend=wanted.how == "resend", identities=identities)
    return _controlled(request, "send.resolve", f"{wanted.how}: {done.resolved}")


def _controlled(request: ApiRequest, action: str, detail: str = "") -> ApiResponse:
    number = request.number("send")
    request.record(action, str(number), detail)
    return _details(request, number)


def _details(request: ApiRequest, number: int) -> ApiResponse:
    summary = request.app.ledger.sends.summary(number)
    send = summary.send
    details = {
        "title": send.title,
        "kind": send.kind,
        "lists": list(send.lists),
        "exclude": list(send.exclude),
        "where": send.where,
        "time_left": describe_time_left(request.app, summary),
        "next_step": next_step(summary, resendable=resendable_count(request.app, summary)),
    }
    return ApiResponse(content=WholeSend.of({**send_object(summary), **details}))


def _report(request: ApiRequest) -> ApiResponse:
    """What a send came to, with the reasons of those that it did not reach."""
    summary = request.app.ledger.sends.summary(request.number("send"))
    return ApiResponse(content=SendReport.of(report_object(request.app, summary)))


def _list_deliveries(request: ApiRequest) -> ApiResponse:
    """What became of each recipient."""
    wanted, number = request.query(DeliveryQuery), request.number("send")
    after = read_cursor(wanted.cursor, int)
    ledger = request.app.ledger
    name = message_id_function(request.app, ledger.sends.get(number))
    begins = after[0] if after else 0
    found = ledger.stats.page(number, *wanted.state, words=wanted.q, after=begins, limit=wanted.limit + 1)
    page = tuple(
        DeliveryFacts(
            email=row.email,
            state=row.state,
            reason=row.reason,
            code=row.code,
            enhanced=row.enhanced,
            reply=row.reply,
            attempts=row.attempts,
            at=format_iso(row.at),
            message_id=name(row),
            assumed=row.resolved_manually,
        )
        for row in found[: wanted.limit]
    )
    cursor = next_cursor(found, wanted.limit, found[: wanted.limit][-1].delivery_id) if found else ""
    return ApiResponse(content=Deliveries(deliveries=page, next=cursor))


ROUTES = (
    ApiRoute("GET", "/sends", Scope.SENDS_READ, _list, Sends, query=PageQuery),
    ApiRoute("GET", "/sends/{send}", Scope.SENDS_READ, _show, WholeSend),
    ApiRoute("GET", "/sends/{send}/report", Scope.SENDS_READ, _report, SendReport),
    ApiRoute("POST", "/sends/{send}/pause", Scope.SENDS_WRITE, _pause, WholeSend),
    ApiRoute("POST", "/sends/{send}/resume", Scope.SENDS_WRITE, _resume, WholeSend),
    ApiRoute("POST", "/sends/{send}/cancel", Scope.SENDS_WRITE, _cancel, WholeSend),
    ApiRoute("POST", "/sends/{send}/resolve", Scope.SENDS_WRITE, _resolve, WholeSend, body=Decision, largest=LARGE),
    ApiRoute("GET", "/sends/{send}/deliveries", Scope.SENDS_READ, _list_deliveries, Deliveries, query=DeliveryQuery),
)
