"""Dispatches: the shelf, the text of one, what is wrong with it, the letter that it makes.

The file in `dispatches/` is the truth, and others write it, too: whoever puts a text says by If-Match which one it takes
the place of.
"""

import json
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mailer.audience.address import parse_address
from mailer.ledger.types_accounts import Scope
from mailer.service.checking import check_letter
from mailer.service.compiling import Checked
from mailer.service.dispatch_list import Listed, Standing, shelf
from mailer.service.drafting import LARGEST, Text, file_of, read, save
from mailer.service.new_dispatch import start, take_in
from mailer.service.rendering import render
from mailer.timestamps import iso
from mailer.web.api.problem import finding
from mailer.web.api.route import LARGE, Answer, ApiRoute, Call
from mailer.web.api.shape import Email, Name, Page, PageQuery, Said, Shape, next_cursor, read_cursor

_EXAMPLE = "2026-10-26-east-quay"
_WHOLE = Annotated[str, Field(max_length=LARGEST, pattern=r"^[^\x00]*$")]


class ShelfQuery(PageQuery):
    q: Annotated[Said, Field(description="Only those that have all of these words somewhere.")] = ""


class DispatchFacts(Shape):
    """A dispatch on the shelf."""

    name: Annotated[str, Field(description="The name of its file, without .md.", examples=[_EXAMPLE])]
    title: str
    date: str
    state: Annotated[Standing, Field(description="Where it stands on its way.")]
    errors: Annotated[int, Field(description="How many its text has.")]
    changed_at: str
    send: Annotated[int | None, Field(description="Its newest send.")]


class Shelf(Page):
    dispatches: tuple[DispatchFacts, ...]


class DispatchText(Shape):
    """A dispatch as it stands in its file, with plain line ends. The ETag names this state of the file."""

    name: Annotated[str, Field(examples=[_EXAMPLE])]
    text: str
    changed_at: str


class NewDispatch(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "What the tide brings"}]})

    title: Annotated[Name, Field(pattern=r"^[^\x00]*\S[^\x00]*$")]


class NewText(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "---\ntitle: The tide table\ndate: 2026-11-01\n---\n\nDear reader,\n"}]
        }
    )

    text: Annotated[_WHOLE, Field(description="The whole file: front matter and Markdown.")]


class OldText(Shape):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The East Quay\n\n26 October 2026\n\nDear reader,\n"}]}
    )

    text: Annotated[_WHOLE, Field(description="The plain text of an old dispatch, from its headline on.")]


class Doubted(Shape):
    line: int
    message: str


class TakenText(Shape):
    """A dispatch that was made of an old text, and what was not certain."""

    name: str
    doubts: tuple[Doubted, ...]


class CheckQuery(Shape):
    to: Annotated[tuple[Name, ...], Field(max_length=20, description="Check its fields against these lists.")] = ()


class Finding(Shape):
    path: str
    line: int
    column: int
    rule: str
    severity: Literal["error", "warning", "note"]
    message: str
    expected: str


class Findings(Shape):
    """What is wrong, in the order of the file; as `mailer check --json`."""

    problems: tuple[Finding, ...]


class LetterQuery(Shape):
    reader: Annotated[
        Email | None, Field(description="A reader of a list, whose fields fill it. Needs the scope lists:read, too.")
    ] = None


class Letter(Shape):
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


def _list(call: Call) -> Answer:
    """Every dispatch, the latest first."""
    wanted = call.query(ShelfQuery)
    after = read_cursor(wanted.cursor, str, str)
    found = [each for each in shelf(call.newsroom, wanted.q) if after is None or (each.date, each.name) < after]
    page = found[: wanted.limit]
    cursor = next_cursor(found, wanted.limit, page[-1].date, page[-1].name) if page else ""
    return Answer(content=Shelf(dispatches=tuple(map(_facts, page)), next=cursor))


def _facts(each: Listed) -> DispatchFacts:
    return DispatchFacts(
        name=each.name,
        title=each.title,
        date=each.date,
        state=each.standing,
        errors=each.errors,
        changed_at=iso(each.changed_at),
        send=each.send.id if each.send else None,
    )


def _new(call: Call) -> Answer:
    """Make a new dispatch with a title, to fill in."""
    name = start(call.newsroom, call.body(NewDispatch).title).stem
    call.record("dispatch.new", name)
    return _text(read(call.newsroom, name), call.place(f"/dispatches/{name}"))


def _import(call: Call) -> Answer:
    """Make a dispatch of the plain text of an old one."""
    taken = take_in(call.newsroom, call.body(OldText).text)
    call.record("dispatch.import", taken.name)
    doubts = tuple(Doubted(line=each.line, message=each.message) for each in taken.doubts)
    return Answer(content=TakenText(name=taken.name, doubts=doubts), location=call.place(f"/dispatches/{taken.name}"))


def _read(call: Call) -> Answer:
    """The text of a dispatch."""
    return _text(read(call.newsroom, call.path["name"]))


def _put(call: Call) -> Answer:
    """Put a text in the place of the one that was read: 412, and nothing is written, if the file is another one by now."""
    name = call.path["name"]
    base = call.if_match[0]
    if "*" in call.if_match or len(call.if_match) > 1:
        now = read(call.newsroom, name).digest
        base = now if {now, "*"} & set(call.if_match) else base
    saved = save(call.newsroom, name, call.body(NewText).text, base=base, actor=call.actor, step=True)
    call.record("dispatch.save", name)
    return _text(saved)


def _text(text: Text, location: str = "") -> Answer:
    content = DispatchText(name=text.name, text=text.text, changed_at=iso(text.changed_at))
    return Answer(content=content, etag=text.digest, location=location)


def _check(call: Call) -> Answer:
    """What is wrong with a dispatch and its letter."""
    path = file_of(call.newsroom, call.path["name"])
    checked = check_letter(call.newsroom, str(path), call.query(CheckQuery).to)
    return Answer(content=Findings(problems=findings(checked)))


def findings(checked: Checked) -> tuple[Finding, ...]:
    """What is wrong with a dispatch, whose file is known by its place in the workspace."""
    return tuple(Finding.of(finding(each, f"dispatches/{checked.path.name}")) for each in checked.problems)


def _letter(call: Call) -> Answer:
    """The letter that a dispatch makes, for a reader or for nobody in particular."""
    reader = call.query(LetterQuery).reader
    if reader is not None:
        call.require(Scope.LISTS_READ)
        parse_address(reader)
    made = render(call.newsroom, str(file_of(call.newsroom, call.path["name"])), reader=reader)
    html, text = (made.files[name].decode() for name in ("edition.html", "edition.txt"))
    return Answer(content=Letter.of({**json.loads(made.files["edition.json"]), "html": html, "text": text}))


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
        matched=True,
        largest=LARGE,
    ),
    ApiRoute("GET", "/dispatches/{name}/check", Scope.DISPATCHES_READ, _check, Findings, query=CheckQuery),
    ApiRoute("GET", "/dispatches/{name}/letter", Scope.DISPATCHES_READ, _letter, Letter, query=LetterQuery),
)
