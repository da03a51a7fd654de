"""The keys of the front matter and their values, as pydantic models.

The JSON Schema for editors is made from the same models (json_schema.py).
"""

import datetime as dt
import re
import unicodedata
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mailer.dispatch.diagnostics import abbreviate
from mailer.dispatch.frontmatter.iso_dates import date_fault, read_date
from mailer.dispatch.slug import EXPECTED_SLUG, SLUG, is_slug
from mailer.dispatch.url_validation import WEB, check_image_file, check_link, normalise_url
from mailer.i18n.bcp47 import EXPECTED_LANGUAGE, is_valid_tag


def _fault(rule: str, message: str, expected: str = "") -> PydanticCustomError:
    return PydanticCustomError("rule", "{message}", {"rule": rule, "message": message, "expected": expected})


def _lines(text: str) -> str:
    text = text.strip()
    if not text:
        raise _fault("bad-value", "this is empty", "write a text, or remove the line")
    if any(character != "\n" and unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise _fault("bad-value", "there is an invisible control character in this text", "remove it")
    return text


def _line(text: str) -> str:
    text = _lines(text)
    if "\n" in text:
        raise _fault("bad-value", "this text has several lines", "write it on one line")
    return text


def _date(text: Any) -> dt.date:
    date = read_date(text) if isinstance(text, str) else None
    if date is None:
        fault = date_fault(text if isinstance(text, str) else "…")
        raise _fault(fault.rule, fault.message, fault.expected)
    return date


def _slug(text: str) -> str:
    if not is_slug(text):
        raise _fault("bad-slug", f"“{abbreviate(text)}” is not a valid slug", EXPECTED_SLUG)
    return text


def _language(text: str) -> str:
    if not is_valid_tag(text):
        raise _fault("bad-language", f"“{abbreviate(text)}” is not a language code", EXPECTED_LANGUAGE)
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
    if fault := check_image_file(text):
        raise _fault(fault.rule, fault.message, fault.expected)
    return text


def _list(text: str) -> str:
    if not re.fullmatch(r"\w[\w. -]*", text):
        raise _fault(
            "bad-value",
            f"“{abbreviate(text)}” is not the name of a list",
            "write the list’s name as the lists show it, such as readers",
        )
    return text


Line = Annotated[str, AfterValidator(_line)]
Lines = Annotated[str, AfterValidator(_lines)]
Slug = Annotated[Line, AfterValidator(_slug), Field(json_schema_extra={"pattern": f"^{SLUG}$"})]
WebLink = Annotated[Line, _link(WEB), Field(json_schema_extra={"format": "uri"})]
SecureLink = Annotated[Line, _link(frozenset({"https"})), Field(json_schema_extra={"format": "uri"})]
ImageFile = Annotated[Line, AfterValidator(_file)]
MailOrWebLink = Annotated[Line, _link(WEB | {"mailto"}), Field(json_schema_extra={"format": "uri"})]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    second_choice: ClassVar[str] = ""
    """The key that is given instead of the first one."""


class EditorPart(_Part):
    """The editor of the dispatch."""

    name: Line = Field(description="The editor’s name, as in “Note by …”.")
    signature: Lines | None = Field(None, description="The signature under the note.")
    photo: ImageFile | None = Field(
        None, description="An image file with the editor’s face, shown small beside the name."
    )


def _one_of(first: str, second: str) -> dict[str, Any]:
    return {"oneOf": [{"required": [first]}, {"required": [second]}]}


class PhotoPart(_Part):
    """The photo above the note."""

    model_config = ConfigDict(json_schema_extra=_one_of("file", "url"))
    second_choice = "url"

    file: ImageFile | None = Field(None, description="An image file, relative to this dispatch.")
    url: SecureLink | None = Field(None, description="The https address of an image, instead of a file.")
    alt: Line = Field(description="A description of the photo, for readers who do not see it.")
    caption: Line | None = Field(None, description="The text under the photo.")
    credit: Line | None = Field(None, description="The photographer, and the agency or paper.")


class EarlierPart(_Part):
    """A link to an earlier dispatch."""

    model_config = ConfigDict(json_schema_extra=_one_of("slug", "url"))
    second_choice = "url"

    title: Line = Field(description="The title of the earlier dispatch.")
    slug: Slug | None = Field(None, description="Its slug, if it is in this workspace.")
    url: WebLink | None = Field(None, description="Its web address, if it is elsewhere.")
    note: Line | None = Field(None, description="A short description, shown after its title.")


class SocialPart(_Part):
    """A link to a social profile."""

    text: Line = Field(description="The text of the link.")
    url: MailOrWebLink = Field(description="Its address: https or mailto.")


class FrontMatter(_Part):
    """The front matter of a dispatch: the fields at the top of its file."""

    title: Line = Field(description="The headline; also the subject if `subject` is not given.")
    date: Annotated[dt.date, BeforeValidator(_date)] = Field(description="The date of the dispatch: YYYY-MM-DD.")
    slug: Slug | None = Field(
        None, description="The name of the dispatch in web addresses; by default the file’s name."
    )
    subject: Line | None = Field(None, description="The subject of the message; may contain {{ reader.… }}.")
    preheader: Line | None = Field(
        None, description="The text that mail programs show after the subject; may contain {{ reader.… }}."
    )
    language: Annotated[Line, AfterValidator(_language)] | None = Field(
        None, description="A language code: en, pt-BR, he."
    )
    standfirst: Line | None = Field(None, description="One or two sentences under the headline.")
    editor: EditorPart | None = None
    photo: PhotoPart | None = None
    summary: tuple[Line, ...] = Field((), description="Lines at the start of the contents.")
    earlier: tuple[EarlierPart, ...] = Field((), description="Links to earlier dispatches.")
    social: tuple[SocialPart, ...] = Field((), description="Links to social profiles.")
    copyright: Lines | None = Field(None, description="The copyright line; by default the one of the settings.")
    lists: tuple[Annotated[Line, AfterValidator(_list)], ...] = Field(
        (), description="The lists that it is sent to by default."
    )


MODELS: dict[str, type[_Part]] = {
    "editor": EditorPart,
    "photo": PhotoPart,
    "earlier": EarlierPart,
    "social": SocialPart,
}


def keys_of(group: str) -> str:
    """Returns the keys of the group `group` as they are typed: “name: … and signature: …”. Of two alternatives, the first."""
    model = MODELS[group]
    *keys, last = [f"{key}: …" for key in model.model_fields if key != model.second_choice]
    return f"{', '.join(keys)} and {last}"


def groups_with(key: str) -> tuple[str, ...]:
    """Returns the groups that have the key `key`."""
    return tuple(group for group, model in MODELS.items() if key in model.model_fields)
