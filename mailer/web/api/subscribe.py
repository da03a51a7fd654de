"""POST /api/v1/subscribe: a sign-up by another program, such as a form on one's own site.

    {"list": "readers", "email": "ana@example.org", "fields": {"first_name": "Ana"}}

The body is JSON, or a form with the same names (`fields.first_name`). The recorded consent is to the text of the list's own
page. The answer is 202 for every address, whatever is known of it; errors in the request are problem documents. The rate
limits are those of the sign-up page, by client address: a program that asks on behalf of many visitors shares one limit.

A page of another site could sign up its visitors, from their own client addresses. So a browser's request from another origin is
refused unless the settings of the list name it. A browser before 2020 may send no Origin: then a form needs a Referer of such a
page. JSON does not, for no page can make a browser send it here without asking first. `api = false` in the settings refuses every
request. There is no CORS: scripts of other sites cannot read the responses.
"""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailer.addresses import AddressError, parse_signup_address
from mailer.app import App
from mailer.audience.list_settings import MAX_FIELDS
from mailer.dispatch.did_you_mean import suggest
from mailer.service.subscribers.own_fields import LONGEST_VALUE, OwnFieldError
from mailer.service.subscribers.signup import SignupForm, public_list, request_signup
from mailer.web.api.problem_details import problem
from mailer.web.api.schema import Schema, format_errors
from mailer.web.client_ip import anonymize
from mailer.web.public.signup_guard import HONEYPOT, SignupGuard, referring_origin
from mailer.web.request_body import media_type, read_body, read_public_form
from mailer.web.responses import NO_STORE, respond

_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_FIELDS = "fields."
_SAME_SITE = frozenset({"same-origin", "none"})
_OWN_PAGE = "Send people to the sign-up page of the list, or set `api = true` in the settings of the list."
_NAME_ORIGIN = (
    "Add the origin of the site to `origins` in the settings of the list. A program without a page sends JSON."
)


class SignUpRequest(Schema):
    """A sign-up."""

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


class Accepted(Schema):
    """The answer for every address."""

    status: Literal["accepted"] = "accepted"
    detail: str = "A message that asks for confirmation is sent to the address, at most once a day."


class SubscribeApi:
    """The endpoint for sign-ups."""

    def __init__(self, app: App, guard: SignupGuard) -> None:
        self._app = app
        self._guard = guard

    async def subscribe(self, request: Request) -> Response:
        content_type = media_type(request)
        if content_type in _FORMS:
            fields = dict(await read_public_form(request))
            if fields.pop(HONEYPOT, ""):
                return _accepted()
            values: object = _from_form(fields)
        elif content_type == "application/json":
            try:
                values = json.loads((await read_body(request)).decode("utf-8"))
                if isinstance(values, dict) and values.pop(HONEYPOT, ""):
                    return _accepted()
            except (ValueError, RecursionError):
                return problem(400, "The body is not JSON.")
        else:
            return problem(415, "The content type of the body must be application/json or that of a form.")
        try:
            wanted = SignUpRequest.model_validate(values)
        except ValidationError as error:
            return problem(422, format_errors(error, SignUpRequest))
        if retry_after := self._guard.retry_after(request):
            return problem(
                429,
                "Too many sign-ups from this client address.",
                next_step=f"Repeat the request in {retry_after} seconds.",
                headers={"Retry-After": str(retry_after)},
            )
        return await run_in_threadpool(self._request_signup, request, wanted)

    def _request_signup(self, request: Request, wanted: SignUpRequest) -> Response:
        settings = public_list(self._app, wanted.list)
        if settings is None:
            return problem(404, "list: there is no such list with public sign-up.")
        if not settings.api:
            return problem(403, "This list takes sign-ups on its own page only.", next_step=_OWN_PAGE)
        if not self._is_allowed_origin(request, settings.origins):
            return problem(403, "Pages of this site cannot send sign-ups for this list.", next_step=_NAME_ORIGIN)
        try:
            address = parse_signup_address(wanted.email)
        except AddressError as error:
            return problem(422, f"email: this is not a valid address ({error.reason}).")
        for name in wanted.fields:
            if name not in settings.own_fields:
                hint = suggest(name, settings.own_fields)
                return problem(422, f"fields: this list has no such field{f'; {hint}' if hint else ''}.")
        ip = anonymize(self._guard.address(request))
        try:
            request_signup(self._app, settings, address, wanted.fields, form=SignupForm.API, ip=ip)
        except OwnFieldError as error:
            return problem(422, f"fields.{error.name}: web and e-mail addresses are not accepted.")
        return _accepted()

    def _is_allowed_origin(self, request: Request, origins: Collection[str]) -> bool:
        """Whether no page of another site sent the request, or a page of `origins`. Browsers say so in one of three headers."""
        base = urlsplit(self._app.settings.base_url.lower())
        allowed = {f"{base.scheme}://{base.netloc}", *origins}
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin is not None:
            return origin in allowed
        if site is not None:
            return site in _SAME_SITE
        return media_type(request) not in _FORMS or referring_origin(request) in allowed


def _accepted() -> Response:
    return respond(Accepted().model_dump_json(), "application/json", status=202, headers=NO_STORE)


def _from_form(fields: Mapping[str, str]) -> dict[str, object]:
    own = {name.removeprefix(_FIELDS): value for name, value in fields.items() if name.startswith(_FIELDS)}
    return {**{name: value for name, value in fields.items() if not name.startswith(_FIELDS)}, "fields": own}
