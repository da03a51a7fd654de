"""Creating sends: the plan of one, a send to readers, a test, and a resend to recipients that failed.

A send starts now or at a given time, and `mailer serve` runs it. The request names the digest of the edition, as the plan
returned it.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from mailer.addresses import mask_address
from mailer.dispatch.diagnostics import Severity
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.ledger.types.sends import Repeat, Send
from mailer.service.dispatches.files import dispatch_path
from mailer.service.lists.sync_before_query import ListSource
from mailer.service.sends.control import retry_failed
from mailer.service.sends.plan import SHORTEST_DIGEST, SendPlan, plan_send
from mailer.service.sends.schedule_time import parse_schedule_time
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.start import SendOrder, start_send, start_test
from mailer.service.sends.summary import send_object
from mailer.web.api.dispatches import Finding, findings
from mailer.web.api.problem_details import PREFIX
from mailer.web.api.request import ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Email, Name, ReasonCount, Schema, Text
from mailer.web.api.sends import SendFacts

_DIGEST = rf"^[0-9a-f]{{{SHORTEST_DIGEST},64}}$"
_WHOM: dict[str, JsonValue] = {"dispatch": "2026-10-26-east-quay", "lists": ["readers"], "where": 'city == "Lisbon"'}
_Lists = Annotated[tuple[Name, ...], Field(max_length=50)]


class Audience(Schema):
    """A dispatch and its recipients."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WHOM]})

    dispatch: Annotated[Name, Field(description="The name of the dispatch's file, without .md.")]
    lists: Annotated[_Lists, Field(description="The lists; by default those that the dispatch names.")] = ()
    exclude: Annotated[_Lists, Field(description="Members of these lists get nothing.")] = ()
    where: Annotated[Text, Field(description="Only readers who match this expression.")] = ""
    repeat: Annotated[
        Literal["refuse", "again", "new-readers"],
        Field(
            description="If the dispatch was sent to one of the lists before: `refuse`; `again`: send to all; "
            "`new-readers`: send only to readers who did not get it."
        ),
    ] = "refuse"


class NewSend(Audience):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_WHOM, "edition": "5f1d3c9a2b7e4d60", "readers": 412}]}
    )

    edition: Annotated[
        str,
        Field(
            pattern=_DIGEST, description="The digest of the edition as the plan returned it, or its first characters."
        ),
    ]
    readers: Annotated[
        int | None, Field(ge=0, description="The number of recipients that you expect; a different number is refused.")
    ] = None
    accept_warnings: Annotated[bool, Field(description="Send despite the warnings of the plan.")] = False
    at: Annotated[
        Text,
        Field(
            description="The time to start: ISO 8601, or YYYY-MM-DD HH:MM in the time zone of the server; empty: now."
        ),
    ] = ""


class NewTest(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dispatch": "2026-10-26-east-quay", "emails": ["mara@example.org"]}]}
    )

    dispatch: Name
    emails: Annotated[tuple[Email, ...], Field(min_length=1, max_length=20)]
    reader: Annotated[
        Email | None,
        Field(description="The address of a reader whose fields are filled in. Requires the scope lists:read, too."),
    ] = None


class Plan(Schema):
    """What a send would do. `warnings` are sentences, `problems` the findings of the checks."""

    edition: str
    slug: str
    title: str
    lists: tuple[str, ...]
    to_mail: Annotated[int, Field(description="The number of recipients.")]
    skipped: Annotated[tuple[ReasonCount, ...], Field(description="The number of members who get nothing, by reason.")]
    excluded: int
    rejected: Annotated[int, Field(description="Rows of the lists without a valid address.")]
    got_it_before: Annotated[
        int, Field(description="Readers who got it before, or may still get it from another send; with `new-readers`.")
    ]
    variants: int
    last_tested: Annotated[str, Field(description="The edition that was last sent as a test; empty if none was.")]
    warnings: tuple[str, ...]
    problems: tuple[Finding, ...]


def _plan(request: ApiRequest) -> ApiResponse:
    """Plan a send: its edition, its recipients, and its warnings. Nothing is recorded. It counts readers, so the token also
    needs the scope `lists:read`.
    """
    request.require(Scope.LISTS_READ)
    wanted = request.body(Audience)
    plan = _plan_send(request, wanted)
    head = plan.summary
    return ApiResponse(
        content=Plan(
            edition=plan.edition.digest,
            slug=plan.edition.slug,
            title=plan.edition.title,
            lists=plan.lists,
            to_mail=head.to_mail,
            skipped=tuple(ReasonCount(reason=reason, count=count) for reason, count in sorted(head.skipped.items())),
            excluded=head.excluded,
            rejected=head.rejected,
            got_it_before=head.got_it_before,
            variants=head.variants,
            last_tested=plan.last_tested or "",
            warnings=plan.warnings,
            problems=findings(plan.checked),
        )
    )


def _start(request: ApiRequest) -> ApiResponse:
    """Send a dispatch to its readers, now or at a given time."""
    wanted, app = request.body(NewSend), request.app
    now = app.clock()
    at = parse_schedule_time(wanted.at, app.settings.timezone, now=now) if wanted.at.strip() else now
    due_sends(app)
    plan = _plan_send(request, wanted, digest=wanted.edition)
    _require_expected(plan, wanted, may_count=request.token.may(Scope.LISTS_READ))
    send = start_send(app, plan, at=at, ordered=SendOrder(by=request.actor, token=request.idempotency_digest))
    request.record("send.start", str(send.id), f"{send.slug} to {', '.join(send.lists)}")
    return _created(request, send)


def _require_expected(plan: SendPlan, wanted: NewSend, *, may_count: bool) -> None:
    """Raises NeedsConfirmationError if the plan differs from what the request expects; if `may_count`, it says the number."""
    if wanted.readers is not None and wanted.readers != plan.summary.to_mail:
        found = f"{plan.summary.to_mail:,}" if may_count else "a different number of"
        raise NeedsConfirmationError(
            f"The send would go to {found} readers, not to {wanted.readers:,}; nothing was sent.",
            f'POST {PREFIX}/plans returns the new plan; set "readers" to its "to_mail".',
        )
    warnings = [
        *plan.warnings,
        *(f"{each.message}." for each in plan.checked.problems if each.severity is Severity.WARNING),
    ]
    if warnings and not wanted.accept_warnings:
        raise NeedsConfirmationError(
            f"The plan has warnings; nothing was sent. The first is: {warnings[0]}",
            f'POST {PREFIX}/plans returns all of them. Correct the dispatch, or set "accept_warnings" to true.',
        )


def _plan_send(request: ApiRequest, wanted: Audience, *, digest: str = "") -> SendPlan:
    path = dispatch_path(request.app, wanted.dispatch)
    with request.check_turn(path.stem):
        return plan_send(
            request.app,
            str(path),
            wanted.lists,
            exclude=wanted.exclude,
            where=wanted.where,
            repeat=Repeat(wanted.repeat),
            digest=digest,
            source=ListSource.FILE,
        )


def _test(request: ApiRequest) -> ApiResponse:
    """Send the message as a test to a few addresses. Its unsubscribe links have no effect.

    Without the scope `sends:write`, it can only go to users of the desk.
    """
    wanted = request.body(NewTest)
    if wanted.reader is not None:
        request.require(Scope.LISTS_READ)
    path = dispatch_path(request.app, wanted.dispatch)
    send = start_test(
        request.app,
        str(path),
        wanted.emails,
        reader=wanted.reader,
        only_users=not request.token.may(Scope.SENDS_WRITE),
        ordered=SendOrder(by=request.actor, token=request.idempotency_digest),
    )
    to = ", ".join(map(mask_address, wanted.emails)) + (f" as {mask_address(wanted.reader)}" if wanted.reader else "")
    request.record("send.test", str(send.id), f"{send.slug} to {to}")
    return _created(request, send)


def _resend(request: ApiRequest) -> ApiResponse:
    """Send the same edition again to the recipients whose delivery failed, as a new send."""
    parent = request.number("send")
    send = retry_failed(request.app, parent, by=request.actor)
    request.record("send.resend", str(send.id), f"failed recipients of send {parent}")
    return _created(request, send)


def _created(request: ApiRequest, send: Send) -> ApiResponse:
    facts = SendFacts.of(send_object(request.app.ledger.sends.summary(send.id)))
    return ApiResponse(content=facts, location=request.url_path(f"/sends/{send.id}"))


ROUTES = (
    ApiRoute("POST", "/plans", Scope.SENDS_WRITE, _plan, Plan, body=Audience),
    ApiRoute("POST", "/sends", Scope.SENDS_WRITE, _start, SendFacts, body=NewSend, status=201, idempotent=True),
    ApiRoute("POST", "/tests", Scope.SENDS_TEST, _test, SendFacts, body=NewTest, status=201, idempotent=True),
    ApiRoute("POST", "/sends/{send}/resend", Scope.SENDS_WRITE, _resend, SendFacts, status=201, idempotent=True),
)
