"""POST /api/v1/subscribe: a sign-up by another program, such as the form of one's own site.

    {"list": "readers", "email": "ana@example.org", "fields": {"first_name": "Ana"}, "words": "I want …"}

As JSON, or as a form with the same names (`fields.first_name`). `words` are those that the person agreed to, for the
evidence; left out, ours are noted. The answer is 202 for every address, whatever is known of it; what is wrong with the
request is a problem of RFC 9457. The same limits hold as for the page, by the address that asks: a program that speaks for
many visitors has their common share. No other site's script may read the answers (there is no CORS).
"""

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailer.audience.address import AddressError, parse_address
from mailer.audience.listsettings import MAX_FIELDS
from mailer.dispatch.suggestion import suggest
from mailer.service.joining import LONGEST_VALUE, Form, ask, open_list
from mailer.service.newsroom import Newsroom
from mailer.web.api.problem import problem
from mailer.web.api.shape import Shape, faults_of
from mailer.web.client import truncated
from mailer.web.forms import media_type, read_body, read_public_form
from mailer.web.page import NOT_STORED, respond
from mailer.web.subscribe import HONEYPOT, Door

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_FIELDS = "fields."


class SignUpRequest(Shape):
    """What is asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"list": "readers", "email": "ana@example.org", "fields": {"first_name": "Ana"}}]
        }
    )

    list: Annotated[str, Field(min_length=1, max_length=255)]
    email: Annotated[str, Field(min_length=3, max_length=320)]
    fields: Annotated[dict[str, Annotated[str, Field(max_length=LONGEST_VALUE)]], Field(max_length=MAX_FIELDS)] = Field(
        default_factory=dict
    )
    words: Annotated[str, Field(max_length=2000)] = ""


class Accepted(Shape):
    """The answer for every address."""

    status: Literal["accepted"] = "accepted"
    detail: str = "A letter that asks for confirmation goes to the address, once a day at most."


class SubscribeApi:
    """The endpoint of a newsroom."""

    def __init__(self, newsroom: Newsroom, door: Door) -> None:
        self._newsroom = newsroom
        self._door = door

    async def subscribe(self, request: Request) -> Response:
        content_type = media_type(request)
        if content_type in _FORMS:
            fields = dict(await read_public_form(request))
            if fields.pop(HONEYPOT, ""):
                return _accepted()
            said: object = _from_form(fields)
        elif content_type == "application/json":
            try:
                said = json.loads((await read_body(request)).decode("utf-8"))
            except (ValueError, RecursionError):
                return problem(400, "The body is not JSON.")
        else:
            return problem(415, "The body should be application/json, or a form.")
        try:
            wanted = SignUpRequest.model_validate(said)
        except ValidationError as error:
            return problem(422, faults_of(error, SignUpRequest))
        if wait := self._door.wait(request):
            return problem(429, "Too many sign-ups came from here.", headers={"Retry-After": str(wait)})
        return await run_in_threadpool(self._ask, wanted, truncated(self._door.address(request)))

    def _ask(self, wanted: SignUpRequest, ip: str) -> Response:
        settings = open_list(self._newsroom, wanted.list)
        if settings is None:
            return problem(404, "There is no such list that readers may join.")
        try:
            address = parse_address(wanted.email)
        except AddressError as error:
            return problem(422, f"email: this is not an address ({error.reason}).")
        for name in wanted.fields:
            if name not in settings.own_fields:
                hint = suggest(name, settings.own_fields)
                return problem(422, f"fields: this list does not ask for such a field{f'; {hint}' if hint else ''}.")
        ask(self._newsroom, settings, address, wanted.fields, form=Form.API, ip=ip, words=wanted.words)
        return _accepted()


def _accepted() -> Response:
    return respond(Accepted().model_dump_json(), "application/json", status=202, headers=NOT_STORED)


def _from_form(fields: Mapping[str, str]) -> dict[str, object]:
    own = {name.removeprefix(_FIELDS): value for name, value in fields.items() if name.startswith(_FIELDS)}
    return {**{name: value for name, value in fields.items() if not name.startswith(_FIELDS)}, "fields": own}
