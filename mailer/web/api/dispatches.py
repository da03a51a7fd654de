"""Dispatches: the list, the text of one, its findings, and its message.

The files in dispatches/ are the source of truth, and other programs write them, too: a PUT says by If-Match which version it
replaces.
"""

import json
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mailer.addresses import mask_address, parse_address
from mailer.ledger.types.accounts import Scope
from mailer.service.dispatches.compile import CheckResult
from mailer.service.dispatches.create import create_dispatch, import_text
from mailer.service.dispatches.files import LARGEST, DispatchFile, dispatch_path, read_dispatch, save_dispatch
from mailer.service.dispatches.lint import lint_dispatch
from mailer.service.dispatches.render_files import render_files
from mailer.service.dispatches.status import DispatchStatus, DispatchSummary, list_dispatches
from mailer.timestamps import format_iso
from mailer.web.api.problem import finding
from mailer.web.api.request import LARGE, ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import Email, Name, Page, PageQuery, Schema, Text, next_cursor, read_cursor

_EXAMPLE = "2026-10-26-east-quay"
_WHOLE = Annotated[str, Field(max_length=LARGEST, pattern=r"^[^\x00]*$")]


class ShelfQuery(PageQuery):
    q: Annotated[Text, Field(description="Only those that have all of these words somewhere.")] = ""


class DispatchFacts(Schema):
    """A dispatch on the shelf."""

    name: Annotated[str, Field(description="The name of its file, without .md.", examples=[_EXAMPLE])]
    title: str
    date: str
    state: Annotated[DispatchStatus, Field(description="Where it stands on its way.")]
    errors: Annotated[int, Field(description="How many its text has.")]
    changed_at: str
    send: Annotated[int | None, Field(description="Its newest send.")]


class Shelf(Page):
    dispatches: tuple[DispatchFacts, ...]


class DispatchText(Schema):
    """A dispatch as it stands in its file, with plain line ends. The ETag names this state of the file."""

    name: Annotated[str, Field(examples=[_EXAMPLE])]
    text: str
    changed_at: str


class NewDispatch(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "What the tide brings"}]})

    title: Annotated[Name, Field(pattern=r"^[^\x00]*\S[^\x00]*$")]


class NewText(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "---\ntitle: The tide table\ndate: 2026-11-01\n---\n\nDear reader,\n"}]
        }
    )

    text: Annotated[_WHOLE, Field(description="The whole file: front matter and Markdown.")]


class OldText(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The East Quay\n\n26 October 2026\n\nDear reader,\n"}]}
    )

    text: Annotated[_WHOLE, Field(description="The plain text of an old dispatch, from its headline on.")]


class Doubted(Schema):
    line: int
    message: str


class TakenText(Schema):
    """A dispatch that was made of an old text, and what was not certain."""

    name: str
    doubts: tuple[Doubted, ...]


class CheckQuery(Schema):
    to: Annotated[tuple[Name, ...], Field(max_length=20, description="Check its fields against these lists.")] = ()


class Finding(Schema):
    path: str
    line: int
    column: int
    rule: str
    severity: Literal["error", "warning", "note"]
    message: str
    expected: str


class FindingList(Schema):
    """What is wrong, in the order of the file; as `mailer check --json`."""

    problems: tuple[Finding, ...]


class LetterQuery(Schema):
    reader: Annotated[
        Email | None, Field(description="A reader of a list, whose fields fill it. Needs the scope lists:read, too.")
    ] = None


class Letter(Schema):
    """The letter as it would be mailed, with links that unsubscribe nobody. `digest` names the edition."""

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
    """Every dispatch, the latest first."""
    wanted = request.query(ShelfQuery)
    after = read_cursor(wanted.cursor, str, str)
    found = [each for each in list_dispatches(request.app, wanted.q) if after is None or (each.date, each.name) < after]
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].date, page[-1].name) if page else ""
    return ApiResponse(content=Shelf(dispatches=tuple(map(_facts, page)), next=cursor))


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
    """Make a new dispatch with a title, to fill in."""
    name = create_dispatch(request.app, request.body(NewDispatch).title).stem
    request.record("dispatch.new", name)
    return _text(read_dispatch(request.app, name), request.url_path(f"/dispatches/{name}"))


def _import(request: ApiRequest) -> ApiResponse:
    """Make a dispatch of the plain text of an old one."""
    taken = import_text(request.app, request.body(OldText).text)
    request.record("dispatch.import", taken.name)
    doubts = tuple(Doubted(line=each.line, message=each.message) for each in taken.doubts)
    return ApiResponse(
        content=TakenText(name=taken.name, doubts=doubts), location=request.url_path(f"/dispatches/{taken.name}")
    )


def _read(request: ApiRequest) -> ApiResponse:
    """The text of a dispatch."""
    return _text(read_dispatch(request.app, request.path["name"]))


def _put(request: ApiRequest) -> ApiResponse:
    """Put a text in the place of the one that was read: 412, and nothing is written, if the file is another one by now."""
    name = request.path["name"]
    base = request.if_match[0]
    if "*" in request.if_match or len(request.if_match) > 1:
        now = read_dispatch(request.app, name).digest
        base = now if {now, "*"} & set(request.if_match) else base
    saved = save_dispatch(request.app, name, request.body(NewText).text, base=base, actor=request.actor, step=True)
    request.record("dispatch.save", name)
    return _text(saved)


def _text(text: DispatchFile, location: str = "") -> ApiResponse:
    content = DispatchText(name=text.name, text=text.text, changed_at=format_iso(text.changed_at))
    return ApiResponse(content=content, etag=text.digest, location=location)


def _check(request: ApiRequest) -> ApiResponse:
    """What is wrong with a dispatch and its letter."""
    path = dispatch_path(request.app, request.path["name"])
    checked = lint_dispatch(request.app, str(path), request.query(CheckQuery).to)
    return ApiResponse(content=FindingList(problems=findings(checked)))


def findings(checked: CheckResult) -> tuple[Finding, ...]:
    """What is wrong with a dispatch, whose file is known by its place in the workspace."""
    return tuple(Finding.of(finding(each, f"dispatches/{checked.path.name}")) for each in checked.problems)


def _letter(request: ApiRequest) -> ApiResponse:
    """The letter that a dispatch makes, for a reader or for nobody in particular."""
    reader = request.query(LetterQuery).reader
    if reader is not None:
        request.require(Scope.LISTS_READ)
        request.record_look(
            "dispatch.preview", request.path["name"], f"as {mask_address(parse_address(reader).display)}"
        )
    made = render_files(request.app, str(dispatch_path(request.app, request.path["name"])), reader=reader)
    html, text = (made.files[name].decode() for name in ("edition.html", "edition.txt"))
    return ApiResponse(content=Letter.of({**json.loads(made.files["edition.json"]), "html": html, "text": text}))


ROUTES = (
    ApiRoute("GET", "/dispatches", Scope.DISPATCHES_READ, _list, Shelf, query=ShelfQuery),
    ApiRoute("POST", "/dispatches", Scope.DISPATCHES_WRITE, _new, DispatchText, body=NewDispatch, status=201),
    ApiRoute("POST", "/imports", Scope.DISPATCHES_WRITE, _import, TakenText, body=OldText, status=201, largest=LARGE),
    ApiRoute("GET", "/dispatches/{name}", Scope.DISPATCHES_READ, _read, DispatchText),
    ApiRoute(
        "PUT",
        "/dispatches/{name}",
        Scope.DISPATCHES_WRITE,
        _put,
        DispatchText,
        body=NewText,
        if_match_required=True,
        largest=LARGE,
    ),
    ApiRoute("GET", "/dispatches/{name}/check", Scope.DISPATCHES_READ, _check, FindingList, query=CheckQuery),
    ApiRoute("GET", "/dispatches/{name}/letter", Scope.DISPATCHES_READ, _letter, Letter, query=LetterQuery),
)
