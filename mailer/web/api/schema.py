"""Schemas of the API's requests and responses: pydantic models, from which the OpenAPI document is generated.

    class NewSend(Schema): ...        a body: unknown keys are refused, texts contain no NUL
    class PageQuery(Schema): ...      the query of a paginated resource; `read_cursor` reads its cursor
    next_cursor(…)                    the cursor of the next page; "" after the last one

A cursor is opaque to the client; one that we did not issue is refused. Times are ISO 8601 in UTC, "" for none.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mailer.errors import UsageError

Text = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
ShortText = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Email = Annotated[str, StringConstraints(min_length=3, max_length=320, pattern=r"^[^\x00]*$")]

AT_MOST = 200  # of a page
_LARGEST_NUMBER = 2**63 - 1  # both databases can store it
_MAX_FAULTS = 5  # reported for one request

S = TypeVar("S", bound="Schema")


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """Returns a response with the values that a service returned for JSON."""
        return cls.model_validate(values, strict=False)


class NoQuery(Schema):
    """No parameters."""


class PageQuery(Schema):
    limit: Annotated[int, Field(ge=1, le=AT_MOST, description="The largest number of items on the page.")] = 50
    cursor: Annotated[Text, Field(description="`next` of the previous page.")] = ""


class ReaderAddress(Schema):
    """The address of a reader, in the body so that no log of a web server contains it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ana@example.com"}]})

    email: Email


class Page(Schema):
    """One page of a list."""

    next: Annotated[str, Field(description="The cursor of the next page; empty on the last page.")]


class ReasonCount(Schema):
    """A number of people, by reason."""

    reason: str
    count: int


class CursorError(UsageError):
    """A cursor that we did not issue."""

    def __init__(self) -> None:
        super().__init__(
            "cursor: this value is not valid.", "Use `next` of the previous page, or leave it out for the first page."
        )


def make_cursor(*parts: str | int) -> str:
    return urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")


def next_cursor(found: Sequence[Any], limit: int, *parts: str | int) -> str:
    """Returns the cursor of the next page if more than `limit` were `found`, else ""."""
    return make_cursor(*parts) if len(found) > limit else ""


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...] | None:
    """Returns the parts given to `make_cursor`, which must be of `kinds`; None for "". Raises CursorError."""
    if not cursor:
        return None
    try:
        parts = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise CursorError from None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise CursorError
    if any(isinstance(part, int) and not 0 <= part <= _LARGEST_NUMBER for part in parts):
        raise CursorError
    if any(isinstance(part, str) and ("\0" in part or not part.isprintable()) for part in parts):
        raise CursorError
    return tuple(parts)


def format_errors(error: ValidationError, schema: type[Schema]) -> str:
    """Returns the validation errors, by the names of the schema's fields; nothing that was sent is repeated."""
    values = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        field = str(fault["loc"][0]) if fault["loc"] else "the body"
        name = field if field in schema.model_fields or not fault["loc"] else "unknown key"
        values.append(f"{name}: {fault['msg']}")
    return "; ".join(values[:_MAX_FAULTS]) + "."
