"""Tests: the real message to oneself and to colleagues, and what became of each.

A test goes to people of the desk who have given an address, and to addresses that are typed, MOST at a time; `serve` carries
it. Its unsubscribe link unsubscribes nobody.
"""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from mailer.addresses import mask_address
from mailer.delivery.states import OPEN_STATES
from mailer.dispatch.diagnostics import Severity
from mailer.errors import UsageError
from mailer.ledger.types.accounts import Role
from mailer.ledger.types.deliveries import ReportRow
from mailer.ledger.types.sends import Send
from mailer.service.dispatches.compile import DispatchError, check_dispatch
from mailer.service.dispatches.files import dispatch_path
from mailer.service.sends.start import start_test
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.form_tokens import new_token, ordered
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

MOST = 25  # addresses of one test
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Tested:
    """One test, and what became of it for each address."""

    send: Send
    rows: tuple[ReportRow, ...]


def _show(request: DeskRequest) -> Response:
    people = [each for each in request.app.ledger.users.all() if each.email]
    mine = [each for each in people if each.id == request.user.id]
    others = [each for each in people if each.id != request.user.id]
    return request.page("test", people=[*mine, *others], once=new_token(), **_outcomes(request))


def _watch(request: DeskRequest) -> Response:
    return request.page("tested", **_outcomes(request))


def _outcomes(request: DeskRequest) -> dict[str, Any]:
    """The dispatch and its latest tests; `moving` while something of them is under way."""
    ledger, path = request.app.ledger, str(dispatch_path(request.app, request.path["name"]))
    guess = check_dispatch(request.app, path).partial
    sends = ledger.sends.tests(guess.slug, limit=_SHOWN) if guess else ()
    tests = [Tested(send, tuple(ledger.report.rows(send.id))) for send in sends]
    moving = any(row.state in OPEN_STATES for test in tests if not test.send.is_ended for row in test.rows)
    heading = f"Test: {guess.title}" if guess else f"Test: {request.path['name']}"
    return {"heading": heading, "name": request.path["name"], "tests": tests, "moving": moving, "undone": OPEN_STATES}


def _test(request: DeskRequest) -> Response:
    name = request.path["name"]
    typed = " ".join(request.form.texts("typed")).replace(",", " ").replace(";", " ").split()
    emails = [*request.form.texts("to"), *typed]
    order, path = ordered(request), str(dispatch_path(request.app, name))
    if not emails:
        raise UsageError("Nobody is chosen for the test.", "Choose somebody, or type an address.")
    if len(emails) > MOST:
        raise UsageError(f"A test goes to {MOST} addresses at most.", "Send a second one to the others.")
    try:
        send = start_test(request.app, path, emails, reader=request.form.text("as") or None, ordered=order)
    except DispatchError as error:
        count = sum(each.severity is Severity.ERROR for each in error.checked.problems)
        said = f"Nothing was sent: {count} thing{'s' if count > 1 else ''} must be mended first."
        return request.redirect(f"{HERE}/{name}", said, bad=True)
    request.record("dispatch.test", name, f"send {send.id} to {', '.join(map(mask_address, emails))}")
    return request.redirect(
        f"{HERE}/{name}/test", f"A test is on its way to {', '.join(emails)}. Look in the inbox there."
    )


ROUTES = (
    DeskRoute("GET", f"{ONE}/test", Role.WRITER, _show),
    DeskRoute("GET", f"{ONE}/test/outcomes", Role.WRITER, _watch),
    DeskRoute("POST", f"{ONE}/test", Role.WRITER, _test),
)
