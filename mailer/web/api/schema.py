"""The shapes of what the API is told and what it answers: pydantic models, of which the OpenAPI document is made.

    class Wanted(Shape): ...          a body: unknown keys are refused, texts hold no NUL
    class PageQuery(Shape): ...       the query of what is read page by page; `place` reads its cursor
    next_cursor(…)                    where the next page begins; "" after the last

A cursor is opaque to who holds it; what we did not give out is refused. Times are ISO 8601 in UTC, "" where there is none.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mailer.errors import UsageError

Said = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Words = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Email = Annotated[str, StringConstraints(min_length=3, max_length=320, pattern=r"^[^\x00]*$")]

AT_MOST = 200  # of a page
_LARGEST_NUMBER = 2**63 - 1  # that both databases hold
_SAID_OF_ONE = 5  # faults of one request that are told

S = TypeVar("S", bound="Schema")


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, said: Mapping[str, object]) -> Self:
        """An answer of what a service says for JSON."""
        return cls.model_validate(said, strict=False)


class NoQuery(Schema):
    """Nothing may be asked besides."""


class PageQuery(Schema):
    limit: Annotated[int, Field(ge=1, le=AT_MOST, description="How many at most.")] = 50
    cursor: Annotated[Said, Field(description="`next` of the page before.")] = ""


class Page(Schema):
    """A page of more."""

    next: Annotated[str, Field(description="The cursor of the next page; empty on the last one.")]


class ReasonCount(Schema):
    reason: str
    count: int


class CursorError(UsageError):
    """A cursor that we did not give out."""

    def __init__(self) -> None:
        super().__init__("This is no cursor of ours.", "Take `next` of the page before, or none to begin anew.")


def make_cursor(*parts: str | int) -> str:
    return urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")


def next_cursor(found: Sequence[Any], limit: int, *parts: str | int) -> str:
    """The cursor behind the last of a page, if more than `limit` were `found`."""
    return make_cursor(*parts) if len(found) > limit else ""


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...] | None:
    """What `make_cursor` was given, each of its kind; None for none. Raises CursorError."""
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


def format_errors(error: ValidationError, shape: type[Schema]) -> str:
    """What is wrong, by the names of our own fields: nothing that was sent is said again."""
    said = []
    for found in error.errors(include_url=False, include_input=False, include_context=False):
        where = str(found["loc"][0]) if found["loc"] else "the body"
        named = where if where in shape.model_fields or not found["loc"] else "a key that is not known"
        said.append(f"{named}: {found['msg']}")
    return "; ".join(said[:_SAID_OF_ONE]) + "."
