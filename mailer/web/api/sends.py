"""Sends: the list, the state and the report of one, its deliveries, and controlling it.

`mailer serve` runs the sends that are started or resumed here.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mailer.addresses import parse_address
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.iso_time import format_iso
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.ledger.types.sends import Summary
from mailer.service.sends.control import (
    pause_send,
    require_uncertain,
    resendable_count,
    resolve_uncertain,
    resume_send,
)
from mailer.service.sends.progress_tracker import describe_time_left
from mailer.service.sends.report import message_id_function, report_object
from mailer.service.sends.summary import send_object
from mailer.web.api.problem_details import PREFIX
from mailer.web.api.request import LARGE, ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Email, Page, PageQuery, Schema, ShortText, next_cursor, read_cursor


class SendFacts(Schema):
    """The state of a send. `frozen` is the number of recipients: the sum of the six counts after it."""

    send: Annotated[int, Field(examples=[12])]
    slug: str
    edition: Annotated[str, Field(description="The digest of the edition.")]
    state: SendState
    frozen: int
    pending: int
    deferred: int
    accepted: int
    failed: int
    skipped: int
    uncertain: int
    seconds: Annotated[float, Field(description="From the first connection to the last result.")]
    at: Annotated[
        str, Field(description="The time for which it was scheduled; otherwise the time when it was created.")
    ]


class Sends(Page):
    sends: tuple[SendFacts, ...]


class SendDetails(SendFacts):
    """A send with its audience and what remains to be done."""

    title: str
    kind: SendKind
    lists: tuple[str, ...]
    exclude: tuple[str, ...]
    where: str
    reason: Annotated[str, Field(description="Why it is paused, or makes no progress; empty if nothing is in the way.")]
    time_left: Annotated[str, Field(description="An estimate in words; empty if nothing is left, or it is unknown.")]
    next_step: Annotated[str, Field(description="What can be done now; empty if there is nothing to do.")]


class DeliveryReason(Schema):
    """A number of recipients with the same state, reason and reply (`code`, and the `enhanced` code of RFC 3463)."""

    state: DeliveryState
    reason: str
    code: int | None
    enhanced: str
    count: int


class ReturnedFacts(Schema):
    """A number of messages that came back from one domain for one reason, with the words of one server, without addresses."""

    domain: str
    reason: Annotated[str, Field(description="A word such as `userunknown`, `mailboxfull`, `blocked`.")]
    count: int
    words: str


class ProviderComplaints(Schema):
    """Complaints about a send at one provider. `rate`: in per cent of the accepted messages."""

    provider: str
    accepted: int
    complaints: int
    rate: float


class SendReport(SendFacts):
    """The results of a send. `assumed`: how many are accepted only by assumption; `reasons`: why others were not accepted.

    `came_back`: how many of the accepted messages came back; they count as accepted, too.
    """

    assumed: int
    reasons: tuple[DeliveryReason, ...]
    came_back: int
    returned: tuple[ReturnedFacts, ...]
    complaints: int
    complaint_rate: Annotated[float, Field(description="In per cent. Gmail asks for less than 0.1, and never 0.3.")]
    complaints_by_provider: tuple[ProviderComplaints, ...]


class DeliveryFilter(PageQuery):
    model_config = ConfigDict(json_schema_extra={"examples": [{"state": ["failed"]}]})

    q: Annotated[
        ShortText, Field(description="Only recipients with all of these words in address, reason or reply.")
    ] = ""
    state: Annotated[
        tuple[DeliveryState, ...], Field(max_length=8, description="Only recipients in one of these states.")
    ] = ()


class DeliveryFacts(Schema):
    """One recipient, with the server's last reply: `code`, `enhanced` (RFC 3463) and text.

    `email` is a placeholder if the person was erased.
    """

    email: str
    state: DeliveryState
    reason: str
    code: int | None
    enhanced: str
    reply: str
    attempts: int
    at: str
    message_id: str
    assumed: Annotated[bool, Field(description="Whether a person assumed that it was accepted.")]


class Deliveries(Page):
    deliveries: tuple[DeliveryFacts, ...]


class Decision(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"how": "assume-sent", "emails": ["ana@example.com"]}]})

    how: Annotated[
        Literal["resend", "assume-sent"],
        Field(description="`resend`: send again with the same Message-ID. `assume-sent`: count as accepted."),
    ]
    emails: Annotated[
        tuple[Email, ...], Field(max_length=1000, description="The addresses; by default all uncertain deliveries.")
    ] = ()


def _list(request: ApiRequest) -> ApiResponse:
    """List the sends, newest first, without tests and welcome mails."""
    wanted = request.query(PageQuery)
    before = read_cursor(wanted.cursor, int)
    found = request.app.ledger.sends.all(limit=wanted.limit + 1, before=before[0] if before else None)
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].send.id) if page else ""
    return ApiResponse(content=Sends(sends=tuple(SendFacts.of(send_object(each)) for each in page), next=cursor))


def _show(request: ApiRequest) -> ApiResponse:
    """Get the state of a send."""
    return _details(request, request.number("send"))


def _pause(request: ApiRequest) -> ApiResponse:
    """Pause a send: no more messages are sent. A paused send stays paused."""
    pause_send(request.app, request.number("send"), by=f"by {request.actor}")
    return _controlled(request, "send.pause")


def _resume(request: ApiRequest) -> ApiResponse:
    """Resume a paused send, or start an overdue one."""
    resume_send(request.app, request.number("send"))
    return _controlled(request, "send.resume")


def _cancel(request: ApiRequest) -> ApiResponse:
    """Cancel a send: the remaining recipients get nothing. While messages are still being sent, its state is `paused`."""
    request.app.ledger.sends.cancel(request.number("send"))
    return _controlled(request, "send.cancel")


def _resolve(request: ApiRequest) -> ApiResponse:
    """Decide uncertain deliveries: those of which it is unknown whether the server accepted them."""
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
        "reason": send.reason,
        "time_left": describe_time_left(request.app, summary),
        "next_step": _next_step(summary, resendable=resendable_count(request.app, summary)),
    }
    return ApiResponse(content=SendDetails.of({**send_object(summary), **details}))


def _next_step(summary: Summary, *, resendable: int) -> str:
    """Returns the requests that can follow in the state of the send; "" if there is nothing to do.

    `resendable`: how many readers a resend would mail.
    """
    path = f"{PREFIX}/sends/{summary.send.id}"
    match summary.send.state:
        case SendState.PAUSED:
            reason = f"Paused: {summary.send.reason}. " if summary.send.reason else ""
            return f"{reason}POST {path}/resume continues it; POST {path}/cancel ends it."
        case SendState.WAITING:
            what = "held back by the warm-up plan" if summary.held_until else "waiting for a retry"
            when = f" until {format_iso(summary.resumes_at)}" if summary.resumes_at else ""
            return f"The rest is {what}{when} and continues automatically."
        case SendState.SCHEDULED if summary.send.reason:
            return f"It could not start and is tried again every minute. POST {path}/cancel cancels it."
        case SendState.SCHEDULED:
            return f"It starts at {format_iso(summary.send.scheduled_at)}. POST {path}/cancel cancels it."
        case SendState.OVERDUE:
            return f"It did not start in time. POST {path}/resume starts it; POST {path}/cancel cancels it."
        case SendState.FINISHED if summary.count(DeliveryState.UNCERTAIN):
            return (
                f'POST {path}/deliveries/search with {{"state": ["uncertain"]}} lists the uncertain deliveries; '
                f"POST {path}/resolve decides them."
            )
        case SendState.FINISHED if summary.count(DeliveryState.FAILED):
            again = f"; POST {path}/resend tries {resendable:,} of them again" if resendable else ""
            return f'POST {path}/deliveries/search with {{"state": ["failed"]}} shows the reasons{again}.'
        case _:
            return ""


def _report(request: ApiRequest) -> ApiResponse:
    """Get the results of a send, with the reasons why messages were not accepted."""
    summary = request.app.ledger.sends.summary(request.number("send"))
    return ApiResponse(content=SendReport.of(report_object(request.app, summary)))


def _list_deliveries(request: ApiRequest) -> ApiResponse:
    """List the recipients of a send, or those that match, each with its result. A token with only `sends:test` cannot."""
    request.require_own(Scope.SENDS_READ)
    wanted, number = request.body(DeliveryFilter), request.number("send")
    after = read_cursor(wanted.cursor, int)
    ledger = request.app.ledger
    request.record_look("send.recipients", str(number))
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
    ApiRoute("GET", "/sends/{send}", Scope.SENDS_READ, _show, SendDetails),
    ApiRoute("GET", "/sends/{send}/report", Scope.SENDS_READ, _report, SendReport),
    ApiRoute("POST", "/sends/{send}/pause", Scope.SENDS_WRITE, _pause, SendDetails),
    ApiRoute("POST", "/sends/{send}/resume", Scope.SENDS_WRITE, _resume, SendDetails),
    ApiRoute("POST", "/sends/{send}/cancel", Scope.SENDS_WRITE, _cancel, SendDetails),
    ApiRoute("POST", "/sends/{send}/resolve", Scope.SENDS_WRITE, _resolve, SendDetails, body=Decision, largest=LARGE),
    ApiRoute(
        "POST", "/sends/{send}/deliveries/search", Scope.SENDS_READ, _list_deliveries, Deliveries, body=DeliveryFilter
    ),
)
