"""Making sends: what one would do, one to readers, a test, one more to those that failed.

A send is made for a time, at the latest for now; `mailer serve` carries it from there. What leaves is the edition that
was looked at: its digest is named, as the plan tells it.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from mailer.dispatch.diagnostics import Severity
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.accounts import Scope
from mailer.ledger.types.sends import Repeat, Send
from mailer.service.dispatches.files import dispatch_path
from mailer.service.sends.plan import SHORTEST_DIGEST, SendPlan, plan_send
from mailer.service.sends.schedule_time import parse_schedule_time
from mailer.service.sends.scheduler import due_sends
from mailer.service.sends.start import SendOrder, start_send, start_test
from mailer.service.sends.summary import send_object
from mailer.web.api.dispatches import Finding, findings
from mailer.web.api.request import ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Email, Name, ReasonCount, Said, Schema
from mailer.web.api.sends import SendFacts

_DIGEST = rf"^[0-9a-f]{{{SHORTEST_DIGEST},64}}$"
_WHOM: dict[str, JsonValue] = {"dispatch": "2026-10-26-east-quay", "lists": ["readers"], "where": 'city == "Lisbon"'}
_Lists = Annotated[tuple[Name, ...], Field(max_length=50)]


class Audience(Schema):
    """Which dispatch goes to whom."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WHOM]})

    dispatch: Annotated[Name, Field(description="The name of its file, without .md.")]
    lists: Annotated[_Lists, Field(description="Without any: those that the dispatch names.")] = ()
    exclude: Annotated[_Lists, Field(description="Leave out who is on these lists.")] = ()
    where: Annotated[Said, Field(description="Only those of whom this holds.")] = ""
    repeat: Annotated[
        Literal["refuse", "again", "new-readers"],
        Field(
            description="Where it went to one of the lists before: again to all, or only to those who did not get it."
        ),
    ] = "refuse"


class NewSend(Audience):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_WHOM, "edition": "5f1d3c9a2b7e4d60", "readers": 412}]}
    )

    edition: Annotated[str, Field(pattern=_DIGEST, description="The digest of the edition, or its first characters.")]
    readers: Annotated[int | None, Field(ge=0, description="Refuse, if it would mail another number of readers.")] = (
        None
    )
    accept_warnings: Annotated[bool, Field(description="Send though the plan has warnings.")] = False
    at: Annotated[
        Said, Field(description="When to begin: ISO 8601, or YYYY-MM-DD HH:MM in MAILER_TIMEZONE; empty: at once.")
    ] = ""


class NewTest(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dispatch": "2026-10-26-east-quay", "emails": ["mara@example.org"]}]}
    )

    dispatch: Name
    emails: Annotated[tuple[Email, ...], Field(min_length=1, max_length=20)]
    reader: Annotated[
        Email | None,
        Field(description="With the fields of this reader of a list. Needs the scope lists:read, too."),
    ] = None


class Plan(Schema):
    """What a send would do; nothing is recorded. `warnings` are sentences, `problems` the findings of the letter."""

    edition: str
    slug: str
    title: str
    lists: tuple[str, ...]
    to_mail: Annotated[int, Field(description="How many would get it.")]
    skipped: Annotated[tuple[ReasonCount, ...], Field(description="How many would not, and why.")]
    excluded: int
    rejected: Annotated[int, Field(description="Rows of the lists that cannot be used.")]
    got_it_before: int
    variants: int
    last_tested: Annotated[str, Field(description="The edition that was tested last; empty for none.")]
    warnings: tuple[str, ...]
    problems: tuple[Finding, ...]


def _plan(call: ApiRequest) -> ApiResponse:
    """What a send would do: its edition, how many would get it, who would not and why."""
    wanted = call.body(Audience)
    made = _planned(call, wanted, record=False)
    head = made.head
    return ApiResponse(
        content=Plan(
            edition=made.edition.digest,
            slug=made.edition.slug,
            title=made.edition.title,
            lists=made.lists,
            to_mail=head.to_mail,
            skipped=tuple(ReasonCount(reason=reason, count=count) for reason, count in sorted(head.skipped.items())),
            excluded=head.excluded,
            rejected=head.rejected,
            got_it_before=head.got_it_before,
            variants=head.variants,
            last_tested=made.last_tested or "",
            warnings=made.warnings,
            problems=findings(made.checked),
        )
    )


def _start(call: ApiRequest) -> ApiResponse:
    """Send a dispatch to its readers, at once or at a time."""
    wanted, app = call.body(NewSend), call.app
    now = app.clock()
    at = parse_schedule_time(wanted.at, app.settings.timezone, now=now) if wanted.at.strip() else now
    due_sends(app)
    made = _planned(call, wanted, digest=wanted.edition, record=True)
    _refuse_surprises(made, wanted)
    send = start_send(app, made, at=at, ordered=SendOrder(by=call.actor, token=call.idempotent))
    call.record("send.start", str(send.id), f"{send.slug} to {', '.join(send.lists)}")
    return _made(call, send)


def _refuse_surprises(made: SendPlan, wanted: NewSend) -> None:
    """Raise NeedsConfirmationError where the plan is not what was reckoned with."""
    if wanted.readers is not None and wanted.readers != made.head.to_mail:
        raise NeedsConfirmationError(
            f"It would go to {made.head.to_mail:,} readers, not to {wanted.readers:,}; nothing was sent.",
            "Look at the plan anew: POST /api/v1/plans",
        )
    warnings = [
        *made.warnings,
        *(f"{each.message}." for each in made.checked.problems if each.severity is Severity.WARNING),
    ]
    if warnings and not wanted.accept_warnings:
        raise NeedsConfirmationError(
            f"There is something to look at first, and nothing was sent: {warnings[0]}",
            "See all of it by POST /api/v1/plans; then send with accept_warnings, or mend it.",
        )


def _planned(call: ApiRequest, wanted: Audience, *, digest: str = "", record: bool) -> SendPlan:
    return plan_send(
        call.app,
        str(dispatch_path(call.app, wanted.dispatch)),
        wanted.lists,
        exclude=wanted.exclude,
        where=wanted.where,
        repeat=Repeat(wanted.repeat),
        digest=digest,
        record=record,
    )


def _test(call: ApiRequest) -> ApiResponse:
    """Send the real message to a few addresses; its links unsubscribe nobody."""
    wanted = call.body(NewTest)
    if wanted.reader is not None:
        call.require(Scope.LISTS_READ)
    path = dispatch_path(call.app, wanted.dispatch)
    send = start_test(
        call.app,
        str(path),
        wanted.emails,
        reader=wanted.reader,
        ordered=SendOrder(by=call.actor, token=call.idempotent),
    )
    call.record("send.test", str(send.id), f"{send.slug} to {len(wanted.emails)}")
    return _made(call, send)


def _resend(call: ApiRequest) -> ApiResponse:
    """A new send of the same edition to those whom this one failed to reach."""
    parent = call.number("send")
    app = call.app
    send = app.ledger.creator.resend_failed(
        parent,
        key_name=app.keys.names[0],
        sender_profile=app.sender_profile.to_json(),
        carried=True,
    )
    call.record("send.resend", str(send.id), f"those whom send {parent} failed to reach")
    return _made(call, send)


def _made(call: ApiRequest, send: Send) -> ApiResponse:
    facts = SendFacts.of(send_object(call.app.ledger.sends.summary(send.id)))
    return ApiResponse(content=facts, location=call.place(f"/sends/{send.id}"))


ROUTES = (
    ApiRoute("POST", "/plans", Scope.SENDS_WRITE, _plan, Plan, body=Audience),
    ApiRoute("POST", "/sends", Scope.SENDS_WRITE, _start, SendFacts, body=NewSend, status=201, idempotent=True),
    ApiRoute("POST", "/tests", Scope.SENDS_TEST, _test, SendFacts, body=NewTest, status=201, idempotent=True),
    ApiRoute("POST", "/sends/{send}/resend", Scope.SENDS_WRITE, _resend, SendFacts, status=201, idempotent=True),
)
