"""The API as its OpenAPI document describes it: schemathesis sends requests that the document allows, and many that it forbids."""

from collections.abc import Iterator
from typing import Any

from mailer.ledger.types.roles_and_scopes import Scope
from mailer.web.api import guard
from mailer.web.api import routes as api_app
from mailer.web.app import create_app
from mailer.web.rate_limit import Rate
from tests.support.apicalls import fill_workspace, token_of
from tests.support.site import site_in

NEVER = {
    "POST /sends",  # takes an edition of this very day
    "POST /sends/{send}/pause",  # a send that was not cancelled just before
    "POST /sends/{send}/resume",
    "POST /sends/{send}/resend",  # one that failed to reach somebody
    "GET /lists/{list}/uploads/{upload}",  # a number that only the answer to an upload has
    "POST /lists/{list}/uploads/{upload}/apply",
    "DELETE /lists/{list}/uploads/{upload}",
    "POST /suppressions/remove",  # an address that was not erased just before
    "PATCH /lists/{list}/members",  # the same; an undo of the list does not bring it back
    "POST /feedback/{feedback}/decide",  # something that waits: test_feedback_pages.py
}
"""What these operations need is hardly to be guessed: test_api.py does them."""
UNLIMITED = Rate(burst=1_000_000, every=1)
SETTINGS = {
    "seed": 1,
    "generation": {"max-examples": 2, "deterministic": True, "database": "none", "no-shrink": True},
    "phases": {"stateful": {"enabled": False}},
    "checks": {
        "positive_data_acceptance": {"enabled": False},  # a well-formed wish may still be refused
        "missing_required_header": {"expected-statuses": [400, 401, 403, 404, 415, 422, 428]},
    },
}


def faults(schema: Any, done: set[str]) -> Iterator[str]:
    """What is wrong; into `done` goes each operation that did what it is for at least once."""
    from schemathesis.engine import events, from_schema

    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                if any(
                    each.response and each.response.status_code < 300 for each in event.recorder.interactions.values()
                ):
                    done.add(event.label)
                for checks in event.recorder.checks.values():
                    yield from (
                        f"{event.label}: {check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample[:2000]}"
                        for check in checks
                        if check.failure_info
                    )
            case events.NonFatalError() | events.FatalError():
                yield str(event)


def test_no_request_causes_an_internal_error(tmp_path, monkeypatch):
    import schemathesis  # only here: each process that collects tests would spend a second or two on it

    monkeypatch.setattr(guard, "BY_TOKEN", UNLIMITED)
    monkeypatch.setattr(guard, "BY_ALL_TOKENS", UNLIMITED)
    with site_in(tmp_path) as site:
        fill_workspace(site)
        site.send()
        headers = {"Authorization": f"Bearer {token_of(site, *Scope)}"}
        config = schemathesis.Config.from_dict({**SETTINGS, "headers": headers})
        schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(site.app), config=config)
        done = set[str]()
        assert list(faults(schema, done)) == []
        assert {f"{route.method} {route.path}" for route in api_app.ROUTES} - done <= NEVER
