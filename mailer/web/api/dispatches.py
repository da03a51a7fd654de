"""Dispatches: the list, the text of one, its findings, and its message.

The files in dispatches/ are the source of truth, and other programs write them, too: a PUT names the version that it replaces
in If-Match.
"""

import json
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mailer.addresses import mask_address, parse_address
from mailer.iso_time import format_iso
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.dispatches.check_and_compile import CheckResult
from mailer.service.dispatches.create import create_dispatch, import_text
from mailer.service.dispatches.dispatch_list import DispatchStatus, DispatchSummary, list_dispatches
from mailer.service.dispatches.files import LARGEST, DispatchFile, dispatch_path, read_dispatch, save_dispatch
from mailer.service.dispatches.lint import lint_dispatch
from mailer.service.dispatches.render import render_files
from mailer.web.api.problem_details import finding
from mailer.web.api.request import LARGE, ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Email, Name, Page, PageQuery, Schema, Text, next_cursor, read_cursor

_EXAMPLE = "2026-10-26-east-quay"
_WHOLE = Annotated[str, Field(max_length=LARGEST, pattern=r"^[^\x00]*$")]


class DispatchQuery(PageQuery):
    q: Annotated[Text, Field(description="Only dispatches that contain all of these words.")] = ""


class DispatchFacts(Schema):
    """A dispatch in the list. `name`, `title` and `date` are those of its file."""

    name: Annotated[str, Field(description="The name of its file, without .md.", examples=[_EXAMPLE])]
    title: str
    date: str
    state: Annotated[DispatchStatus, Field(description="Its state, from draft to sent.")]
    errors: Annotated[int, Field(description="The number of errors in its text.")]
    changed_at: str
    send: Annotated[int | None, Field(description="The number of its newest send; null if it was never sent.")]


class Dispatches(Page):
    dispatches: tuple[DispatchFacts, ...]


class DispatchText(Schema):
    """The text of a dispatch, with LF line ends. The ETag identifies this version of the file."""

    name: Annotated[str, Field(examples=[_EXAMPLE])]
    text: str
    changed_at: str


class NewDispatch(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "What the tide brings"}]})

    title: Annotated[Name, Field(pattern=r"^[^\x00]*\S[^\x00]*$")]


class DispatchUpdate(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "---\ntitle: The tide table\ndate: 2026-11-01\n---\n\nDear reader,\n"}]
        }
    )

    text: Annotated[_WHOLE, Field(description="The whole file: front matter and Markdown.")]


class PastIssueText(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The East Quay\n\n26 October 2026\n\nDear reader,\n"}]}
    )

    text: Annotated[_WHOLE, Field(description="The plain text of a past issue, from its headline on.")]


class ImportNotice(Schema):
    """Something that the import could not place with certainty."""

    line: int
    message: str


class ImportedDispatch(Schema):
    """A dispatch made from the text of a past issue."""

    name: str
    doubts: tuple[ImportNotice, ...]


class CheckQuery(Schema):
    to: Annotated[
        tuple[Name, ...],
        Field(
            max_length=20, description="The lists whose fields the dispatch may use; by default those that it names."
        ),
    ] = ()


class Finding(Schema):
    """A finding of the checks. `message`: what is wrong; `expected`: what to do."""

    path: str
    line: int
    column: int
    rule: str
    severity: Literal["error", "warning", "note"]
    message: str
    expected: str


class FindingList(Schema):
    """The findings of the checks, in the order of the file."""

    problems: tuple[Finding, ...]


class RenderOptions(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reader": "ana@example.com"}]})

    reader: Annotated[
        Email | None,
        Field(description="The address of a reader whose fields are filled in. Requires the scope lists:read, too."),
    ] = None


class RenderedEdition(Schema):
    """The edition of a dispatch, as it would be sent; its unsubscribe links have no effect. `digest` identifies the edition."""

    digest: str
    slug: str
    subject: str
    language: str
    bytes: Annotated[int, Field(description="The size of the HTML.")]
    slots: tuple[str, ...]
    variants: int
    articles: int
    html: str
    text: str


def _list(request: ApiRequest) -> ApiResponse:
    """List the dispatches, newest first."""
    wanted = request.query(DispatchQuery)
    after = read_cursor(wanted.cursor, str, str)
    newest = sorted(list_dispatches(request.app, wanted.q), key=lambda each: (each.date, each.name), reverse=True)
    found = [each for each in newest if after is None or (each.date, each.name) < after]
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].date, page[-1].name) if page else ""
    return ApiResponse(content=Dispatches(dispatches=tuple(map(_facts, page)), next=cursor))


def _facts(each: DispatchSummary) -> DispatchFacts:
    return DispatchFacts(
        name=each.name,
        title=each.title,
        date=each.date,
        state=each.status,
        errors=each.errors,
        changed_at=format_iso(each.changed_at),
        send=each.send.id if each.send else None,
    )


def _new(request: ApiRequest) -> ApiResponse:
    """Create a dispatch with a title and sample text."""
    name = create_dispatch(request.app, request.body(NewDispatch).title).stem
    request.record("dispatch.new", name)
    return _text(read_dispatch(request.app, name), request.url_path(f"/dispatches/{name}"))


def _import(request: ApiRequest) -> ApiResponse:
    """Import a past issue: create a dispatch from its plain text."""
    taken = import_text(request.app, request.body(PastIssueText).text)
    request.record("dispatch.import", taken.name)
    doubts = tuple(ImportNotice(line=each.line, message=each.message) for each in taken.doubts)
    return ApiResponse(
        content=ImportedDispatch(name=taken.name, doubts=doubts), location=request.url_path(f"/dispatches/{taken.name}")
    )


def _read(request: ApiRequest) -> ApiResponse:
    """Get the text of a dispatch."""
    return _text(read_dispatch(request.app, request.path["name"]))


def _put(request: ApiRequest) -> ApiResponse:
    """Replace the text of a dispatch. If the file changed since it was read, the answer is 412 and nothing is written."""
    name = request.path["name"]
    base = request.if_match[0]
    if "*" in request.if_match or len(request.if_match) > 1:
        now = read_dispatch(request.app, name).digest
        base = now if {now, "*"} & set(request.if_match) else base
    saved = save_dispatch(
        request.app, name, request.body(DispatchUpdate).text, base=base, actor=request.actor, step=True
    )
    request.record("dispatch.save", name)
    return _text(saved)


def _text(text: DispatchFile, location: str = "") -> ApiResponse:
    content = DispatchText(name=text.name, text=text.text, changed_at=format_iso(text.changed_at))
    return ApiResponse(content=content, etag=text.digest, location=location)


def _check(request: ApiRequest) -> ApiResponse:
    """Check a dispatch and the message made from it."""
    path = dispatch_path(request.app, request.path["name"])
    with request.check_turn(path.stem) as go_on:
        checked = lint_dispatch(request.app, str(path), request.query(CheckQuery).to, go_on=go_on)
    return ApiResponse(content=FindingList(problems=findings(checked)))


def findings(checked: CheckResult) -> tuple[Finding, ...]:
    """Returns the findings of a dispatch, with the path of its file in the workspace."""
    return tuple(Finding.of(finding(each, f"dispatches/{checked.path.name}")) for each in checked.problems)


def _letter(request: ApiRequest) -> ApiResponse:
    """Render a dispatch, for one reader or with all fields empty."""
    reader = request.body(RenderOptions).reader
    if reader is not None:
        request.require(Scope.LISTS_READ)
        address = parse_address(reader)
        masked = mask_address(address.display)
        request.record_look("dispatch.preview", request.path["name"], f"as {masked}", reader=address.identity)
    path = dispatch_path(request.app, request.path["name"])
    with request.check_turn(path.stem):
        made = render_files(request.app, str(path), reader=reader)
    html, text = (made.files[name].decode() for name in ("edition.html", "edition.txt"))
    return ApiResponse(
        content=RenderedEdition.of({**json.loads(made.files["edition.json"]), "html": html, "text": text})
    )


ROUTES = (
    ApiRoute("GET", "/dispatches", Scope.DISPATCHES_READ, _list, Dispatches, query=DispatchQuery),
    ApiRoute("POST", "/dispatches", Scope.DISPATCHES_WRITE, _new, DispatchText, body=NewDispatch, status=201),
    ApiRoute(
        "POST",
        "/imports",
        Scope.DISPATCHES_WRITE,
        _import,
        ImportedDispatch,
        body=PastIssueText,
        status=201,
        largest=LARGE,
    ),
    ApiRoute("GET", "/dispatches/{name}", Scope.DISPATCHES_READ, _read, DispatchText),
    ApiRoute(
        "PUT",
        "/dispatches/{name}",
        Scope.DISPATCHES_WRITE,
        _put,
        DispatchText,
        body=DispatchUpdate,
        if_match_required=True,
        largest=LARGE,
    ),
    ApiRoute("GET", "/dispatches/{name}/check", Scope.DISPATCHES_READ, _check, FindingList, query=CheckQuery),
    ApiRoute("POST", "/dispatches/{name}/letter", Scope.DISPATCHES_READ, _letter, RenderedEdition, body=RenderOptions),
)
