"""The front matter: what a dispatch says about itself, between two lines of `---`.

    split              the lines of the front matter and of the body
    read_front_matter  the tree of its YAML -> FrontMatter, each fault at the line and column of its key or value

The pydantic models here are the grammar; the JSON Schema for editors is made from them (schema.py).
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from mailer.dispatch.dates import EXPECTED_DATE, read_date
from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.dispatch.did_you_mean import suggest
from mailer.dispatch.frontmatter.yaml_nodes import MappingNode, SequenceNode, parse_yaml
from mailer.dispatch.markdown.links import WEB, check_link, normalise
from mailer.dispatch.rules import Findings
from mailer.dispatch.slug import EXPECTED_SLUG, SLUG, is_slug, slugify
from mailer.dispatch.source_map import Place, YamlSourceMap
from mailer.dispatch.source_text import SourceText
from mailer.i18n.bcp47 import EXPECTED_LANGUAGE, is_valid_tag


def _fault(rule: str, message: str, expected: str = "") -> PydanticCustomError:
    return PydanticCustomError("rule", "{message}", {"rule": rule, "message": message, "expected": expected})


def _lines(text: str) -> str:
    text = text.strip()
    if not text:
        raise _fault("bad-value", "this is empty", "expected a text, or no such key")
    if any(character != "\n" and unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise _fault("bad-value", "there is a control character in this text", "remove it")
    return text


def _line(text: str) -> str:
    text = _lines(text)
    if "\n" in text:
        raise _fault("bad-value", "this text has several lines", "expected one")
    return text


def _date(text: Any) -> dt.date:
    date = read_date(text) if isinstance(text, str) else None
    if date is None:
        raise _fault(
            "bad-date",
            f"“{abbreviate(text)}” is not a date" if isinstance(text, str) else "this is not a date",
            EXPECTED_DATE,
        )
    return date


def _slug(text: str) -> str:
    if not is_slug(text):
        raise _fault("bad-slug", f"“{abbreviate(text)}” is not a slug", EXPECTED_SLUG)
    return text


def _language(text: str) -> str:
    if not is_valid_tag(text):
        raise _fault("bad-language", f"“{abbreviate(text)}” is not a language", EXPECTED_LANGUAGE)
    return text


def _link(schemes: frozenset[str]) -> AfterValidator:
    def check(text: str) -> str:
        url = normalise(text)
        fault = check_link(url, schemes)
        if fault:
            raise _fault(fault.rule, fault.message, fault.expected)
        return url

    return AfterValidator(check)


def _file(text: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text) or text.startswith(("/", "\\", "~")):
        raise _fault(
            "image-address",
            f"“{abbreviate(text)}” is not a path beside the dispatch",
            "expected one such as photos/quay.jpg",
        )
    return text


def _list(text: str) -> str:
    if not re.fullmatch(r"\w[\w. -]*", text):
        raise _fault(
            "bad-value",
            f"“{abbreviate(text)}” is not the name of a list",
            "expected a file name of subscribers/ without .csv",
        )
    return text


Line = Annotated[str, AfterValidator(_line)]
Lines = Annotated[str, AfterValidator(_lines)]
Slug = Annotated[Line, AfterValidator(_slug), Field(json_schema_extra={"pattern": f"^{SLUG}$"})]
WebLink = Annotated[Line, _link(WEB), Field(json_schema_extra={"format": "uri"})]
SecureLink = Annotated[Line, _link(frozenset({"https"})), Field(json_schema_extra={"format": "uri"})]
MailOrWebLink = Annotated[Line, _link(WEB | {"mailto"}), Field(json_schema_extra={"format": "uri"})]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EditorPart(_Part):
    """Who writes."""

    name: Line = Field(description="Who writes, as in “Note by …”.")
    signature: Lines | None = Field(None, description="What the note is signed with.")


def _one_of(first: str, second: str) -> dict[str, Any]:
    return {"oneOf": [{"required": [first]}, {"required": [second]}]}


class PhotoPart(_Part):
    """The photo above the note."""

    model_config = ConfigDict(json_schema_extra=_one_of("file", "url"))

    file: Annotated[Line, AfterValidator(_file)] | None = Field(
        None, description="An image, relative to this dispatch."
    )
    url: SecureLink | None = Field(None, description="The https address of an image, instead of a file.")
    alt: Line = Field(description="What the photo shows, in words, for those who do not see it.")
    caption: Line | None = Field(None, description="What stands under the photo.")
    credit: Line | None = Field(None, description="Who took the photo, and for whom.")


class EarlierPart(_Part):
    """An earlier dispatch to point to."""

    model_config = ConfigDict(json_schema_extra=_one_of("slug", "url"))

    title: Line = Field(description="The title of the earlier dispatch.")
    slug: Slug | None = Field(None, description="Its slug, when it is one of these.")
    url: WebLink | None = Field(None, description="Its address, when it is somewhere else.")
    note: Line | None = Field(None, description="What it is about, after its title.")


class SocialPart(_Part):
    """A place to follow."""

    text: Line = Field(description="The words of the line.")
    url: MailOrWebLink = Field(description="Where it leads.")


class FrontMatter(_Part):
    """The front matter of a dispatch: what it says about itself."""

    title: Line = Field(description="The headline, and the subject when there is none.")
    date: Annotated[dt.date, BeforeValidator(_date)] = Field(description="The date of the dispatch: YYYY-MM-DD.")
    slug: Slug | None = Field(None, description="Its name in addresses; the file's name when left out.")
    subject: Line | None = Field(None, description="The subject of the message; may hold {{ reader.… }}.")
    preheader: Line | None = Field(
        None, description="What mail programs show after the subject; may hold {{ reader.… }}."
    )
    language: Annotated[Line, AfterValidator(_language)] | None = Field(
        None, description="A BCP 47 tag: en, pt-BR, he."
    )
    editor: EditorPart | None = None
    photo: PhotoPart | None = None
    summary: tuple[Line, ...] = Field((), description="Lines that open the contents.")
    earlier: tuple[EarlierPart, ...] = Field((), description="Earlier dispatches to point to.")
    social: tuple[SocialPart, ...] = Field((), description="Places to follow.")
    copyright: Lines | None = Field(None, description="The copyright footer; that of the settings when left out.")
    lists: tuple[Annotated[Line, AfterValidator(_list)], ...] = Field((), description="The lists that this is for.")


MODELS: dict[str, type[_Part]] = {
    "editor": EditorPart,
    "photo": PhotoPart,
    "earlier": EarlierPart,
    "social": SocialPart,
}


_FENCE = re.compile(r"---[ \t]*")


def split_front_matter(source: SourceText, findings: Findings) -> tuple[tuple[int, int] | None, int | None]:
    """The offsets of the front matter (None: there is none) and that of the body (None: nothing tells where it is)."""
    lines = source.text.split("\n")
    if not _FENCE.fullmatch(lines[0]):
        findings.add(
            "front-matter",
            Position(),
            "there is no front matter",
            "expected --- in the first line, then title: and date:",
        )
        return None, 0
    end = start = len(lines[0]) + 1
    for line in lines[1:]:
        if _FENCE.fullmatch(line):
            return (start, end), min(end + len(line) + 1, len(source.text))
        end += len(line) + 1
    findings.add("front-matter", Position(), "the front matter is not closed", "expected a second line of ---")
    return None, None


def read_front_matter(
    source: SourceText, span: tuple[int, int], path: str, findings: Findings
) -> tuple[FrontMatter | None, YamlSourceMap | None]:
    """The front matter in `span` of `source`; `path` gives the slug where none is typed.

    With errors among the findings it is no more than a guess, without what is wrong; None when it is not even YAML.
    """
    tree = parse_yaml(source, *span, findings)
    if tree is None:
        return None, None
    placed = YamlSourceMap(source, tree)
    try:
        front = FrontMatter.model_validate(placed.plain)
    except ValidationError as error:
        found = error.errors(include_url=False)
        for details in found:
            _report(details, placed, findings)
        front = FrontMatter.model_validate(_mended(placed.plain, found))
    _exactly_one(placed, ("photo",), "file", "url", findings)
    earlier = placed.node(("earlier",))
    for number in range(len(earlier.items) if isinstance(earlier, SequenceNode) else 0):
        _exactly_one(placed, ("earlier", number), "slug", "url", findings)
    if "slug" not in placed.plain and not is_slug(stem := PurePath(path).stem):
        example = f"write one, such as slug: {slugify(stem) or 'my-dispatch'}"
        findings.add("bad-slug", placed.start, f"the file name “{abbreviate(stem)}” makes no slug", example)
    if front.slug is None:
        front = front.model_copy(update={"slug": PurePath(path).stem})
    return front, placed


def _mended(plain: Mapping[str, Any], found: Sequence[ErrorDetails]) -> dict[str, Any]:
    """`plain` with something in the place of what is missing, and without what is unknown or wrong."""
    mended: dict[str, Any] = deepcopy(dict(plain))
    wrong = {details["loc"][0] for details in found if details["type"] not in {"missing", "extra_forbidden"}}
    for name in wrong:
        mended.pop(str(name), None)
    for details in found:
        *outer, name = details["loc"]
        if wrong.isdisjoint(details["loc"][:1]):
            part: Any = mended
            for step in outer:
                part = part[step]
            if details["type"] == "missing":
                part[name] = _PLACEHOLDERS.get(str(name), "…")
            else:
                del part[name]
    return {"title": "…", "date": _PLACEHOLDERS["date"]} | mended


_PLACEHOLDERS = {"date": "1970-01-01", "url": "https://example.org/"}


def _exactly_one(placed: YamlSourceMap, place: Place, first: str, second: str, findings: Findings) -> None:
    if not isinstance(placed.node(place), MappingNode):
        return
    given = [name for name in (first, second) if placed.node((*place, name)) is not None]
    if len(given) == 2:
        message = f"both “{first}” and “{second}” stand here"
        findings.add("bad-value", placed.key((*place, second)), message, "expected one of them")
    elif not given:
        message = f"{_name(place)} has no “{first}” or “{second}”"
        findings.add("missing-key", placed.key(place), message, "expected one of them")


def _report(details: ErrorDetails, placed: YamlSourceMap, findings: Findings) -> None:
    """One of pydantic's errors as a finding."""
    place = details["loc"]
    where = _name(place[:-1])
    match details["type"]:
        case "rule":
            context = details["ctx"]
            findings.add(context["rule"], placed.value(place), context["message"], context["expected"])
        case "missing":
            key = f"expected {place[-1]}: …" if place[-1] != "date" else "expected date: YYYY-MM-DD"
            findings.add("missing-key", placed.key(place), f"{where} has no “{place[-1]}”", key)
        case "extra_forbidden":
            model = MODELS.get(str(place[0]), FrontMatter) if len(place) > 1 else FrontMatter
            expected = suggest(str(place[-1]), [*model.model_fields])
            findings.add(
                "unknown-key", placed.key(place), f"unknown key “{abbreviate(str(place[-1]))}” in {where}", expected
            )
        case kind:
            findings.add(
                "bad-value",
                placed.value(place),
                f"{_name(place)} is not {_KIND.get(kind, 'what it should be')}",
                _hint(kind, placed, place),
            )


_KIND = {
    "string_type": "a text",
    "tuple_type": "a list",
    "model_type": "made of keys",
    "model_attributes_type": "made of keys",
}
_HINT = {
    "tuple_type": "expected lines that begin with “- ”",
    "model_type": "expected keys of its own, indented under it",
    "model_attributes_type": "expected keys of its own, indented under it",
}


def _hint(kind: str, placed: YamlSourceMap, place: Place) -> str:
    if kind in _HINT:
        return _HINT[kind]
    node = placed.node(place)
    quote = isinstance(node, MappingNode)
    return "expected a text; put it in quotes" if quote else "expected one text"


def _name(place: Place) -> str:
    """What a person calls the value at `place`."""
    match place:
        case ():
            return "the front matter"
        case (str(name),):
            return f"“{name}”"
        case (str(name), int(number)):
            return f"item {number + 1} of “{name}”"
        case (*outer, str(name)):
            return f"“{name}” of {_name(tuple(outer))}"
        case _:
            return "this"
