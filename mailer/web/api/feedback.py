"""Feedback: the recorded bounces, complaints and opt-outs, and a person's decision about those that wait for one."""

from typing import Annotated

from pydantic import ConfigDict, Field
from starlette.exceptions import HTTPException

from mailer.addresses import mask_address
from mailer.feedback.model import FeedbackKind
from mailer.ledger.types.feedback import DecisionAction
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.feedback.entries import feedback_object
from mailer.web.api.request import ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Page, PageQuery, Schema, next_cursor, read_cursor


class FeedbackFilter(PageQuery):
    model_config = ConfigDict(json_schema_extra={"examples": [{"waiting": True}]})

    waiting: Annotated[bool, Field(description="Only those that wait for a decision.")] = False
    kind: Annotated[FeedbackKind | None, Field(description="Only feedback of this kind.")] = None
    send: Annotated[int | None, Field(description="Only feedback about this send.", ge=1, le=10**18)] = None


class FeedbackFacts(Schema):
    """One bounce, complaint or opt-out about one recipient.

    `email`: whom it is about, a placeholder if the person was erased; `address`: the address that the message names. `proof` says
    why it is believed to be about a message of yours, `effect` what followed.
    """

    id: int
    at: str
    source: Annotated[str, Field(description="`pipe`, `lmtp`, `imap`, or the name of a provider.")]
    kind: str
    email: str
    address: str
    send: int | None
    slug: str
    status: str
    reason: str
    permanent: bool
    delayed: bool
    report_type: str
    words: Annotated[str, Field(description="The words of the server.")]
    proof: str
    effect: str
    decision: Annotated[str, Field(description="`suppress` or `ignore`; empty if nobody has decided.")]
    decided_by: str


class FeedbackPage(Page):
    feedback: tuple[FeedbackFacts, ...]


class FeedbackDecision(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "ignore"}]})

    action: Annotated[
        DecisionAction, Field(description="`suppress`: the address gets no more mail. `ignore`: nothing changes.")
    ]


def _search(request: ApiRequest) -> ApiResponse:
    """List what came back, the latest first."""
    wanted = request.body(FeedbackFilter)
    request.record_look("feedback.list")
    before = read_cursor(wanted.cursor, int)
    found = request.app.ledger.feedback.page(
        waiting=wanted.waiting,
        kind=wanted.kind,
        send_id=wanted.send,
        before=before[0] if before else None,
        limit=wanted.limit + 1,
    )
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].id) if page else ""
    facts = tuple(FeedbackFacts.of(feedback_object(each)) for each in page)
    return ApiResponse(content=FeedbackPage(feedback=facts, next=cursor))


def _decide(request: ApiRequest) -> ApiResponse:
    """Decide about feedback that waits. An address that is suppressed so can be removed from the suppression list again."""
    number, wanted = request.number("feedback"), request.body(FeedbackDecision)
    if request.app.ledger.feedback.get(number) is None:
        raise HTTPException(404)
    done = request.app.ledger.feedback.decide(number, wanted.action, by=request.actor)
    request.record("feedback.decide", mask_address(done.identity), wanted.action.value)
    return ApiResponse(content=FeedbackFacts.of(feedback_object(done)))


ROUTES = (
    ApiRoute("POST", "/feedback/search", Scope.SUBSCRIBERS_READ, _search, FeedbackPage, body=FeedbackFilter),
    ApiRoute(
        "POST", "/feedback/{feedback}/decide", Scope.SUBSCRIBERS_WRITE, _decide, FeedbackFacts, body=FeedbackDecision
    ),
)
