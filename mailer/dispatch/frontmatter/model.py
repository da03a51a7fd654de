"""The keys of the front matter and what each may hold, as pydantic models.

The JSON Schema for editors is made from the same models (json_schema.py).
"""

import datetime as dt
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mailer.dispatch.dates import EXPECTED_DATE, read_date
from mailer.dispatch.diagnostics import abbreviate
from mailer.dispatch.markdown.link_validation import WEB, check_link, normalise_url
from mailer.dispatch.slug import EXPECTED_SLUG, SLUG, is_slug
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
        url = normalise_url(text)
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
