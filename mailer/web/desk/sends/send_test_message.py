"""Test messages: sending the real message to oneself and to colleagues, and the results.

Recipients are users of the desk who have an address, and, for editors, addresses that are typed, MAX_ADDRESSES at a time. A test
of a writer has the fields of a made-up reader. `mailer serve` delivers a test. The unsubscribe link of a test message
unsubscribes nobody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from mailer.addresses import AddressError, mask_address, parse_address
from mailer.delivery.states import OPEN_STATES
from mailer.dispatch.diagnostics import Severity
from mailer.errors import UsageError
from mailer.ledger.types.deliveries import ReportRow
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.sends import Send
from mailer.service.dispatches.check_and_compile import DispatchError, check_dispatch
from mailer.service.dispatches.files import dispatch_path
from mailer.service.sends.start import start_test
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.send_form_tokens import new_form_token, read_order

MAX_ADDRESSES = 25  # of one test
_MAX_TESTS = 8  # shown


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test, with the result for each address."""

    send: Send
    rows: tuple[ReportRow, ...]


def _show(request: DeskRequest) -> Response:
    return _form(request)


def _form(request: DeskRequest, *, status: int = 200, typed: str = "", wrong: str = "") -> Response:
    """Returns the page. `typed` is in its field for addresses already, and `wrong` says what is wrong with it."""
    users = [each for each in request.app.ledger.users.all() if each.email]
    mine = [each for each in users if each.id == request.user.id]
    others = [each for each in users if each.id != request.user.id]
    return request.page(
        "test",
        status=status,
        users=[*mine, *others],
        form_token=new_form_token(),
        typed=typed,
        wrong=wrong,
        **_results(request),
    )


def _results_fragment(request: DeskRequest) -> Response:
    return request.page("test-results", **_results(request))


def _results(request: DeskRequest) -> dict[str, Any]:
    """Returns the dispatch and its latest tests; `is_open` while a delivery of them is open."""
    ledger, path = request.app.ledger, str(dispatch_path(request.app, request.path["name"]))
    dispatch = check_dispatch(request.app, path).partial
    sends = ledger.sends.tests(dispatch.slug, limit=_MAX_TESTS) if dispatch else ()
    tests = [TestResult(send, tuple(ledger.report.rows(send.id))) for send in sends]
    is_open = any(row.state in OPEN_STATES for test in tests if not test.send.is_ended for row in test.rows)
    heading = f"Test: {dispatch.title}" if dispatch else f"Test: {request.path['name']}"
    return {
        "heading": heading,
        "name": request.path["name"],
        "tests": tests,
        "is_open": is_open,
        "shown_address": str if request.may(Role.EDITOR) else _mask_strangers(request),
        "open_states": OPEN_STATES,
    }


def _mask_strangers(request: DeskRequest) -> Callable[[str], str]:
    """Returns a function that masks all addresses but those of users, because others may be readers'."""
    users = {each.email for each in request.app.ledger.users.all()}
    return lambda email: email if email in users else mask_address(email) or email


def _test(request: DeskRequest) -> Response:
    name = request.path["name"]
    typed = " ".join(request.form.texts("typed")).replace(",", " ").replace(";", " ").split()
    emails = [*request.form.texts("to"), *typed]
    order, path = read_order(request), str(dispatch_path(request.app, name))
    made_up = not request.may(Role.EDITOR)
    missing = f"No recipient was chosen. {'Choose a person' if made_up else 'Enter an address'}."
    if wrong := _typed_fault(typed) if emails else missing:
        return _form(request, status=422, typed=", ".join(typed), wrong=wrong)
    if len(emails) > MAX_ADDRESSES:
        raise UsageError(f"A test can go to at most {MAX_ADDRESSES} addresses.", "Send another test to the rest.")
    reader = request.form.text("as") or None
    try:
        send = start_test(request.app, path, emails, reader=reader, made_up=made_up, only_users=made_up, ordered=order)
    except DispatchError as error:
        count = sum(each.severity is Severity.ERROR for each in error.checked.problems)
        message = f"Nothing was sent. Fix {count} error{'s' if count > 1 else ''} first."
        return request.redirect(f"{HERE}/{name}", message, bad=True)
    filled = f" as {mask_address(reader)}" if reader and not made_up else ""
    request.record("dispatch.test", name, f"send {send.id} to {', '.join(map(mask_address, emails))}{filled}")
    shown = f", as {reader} would get it," if reader else ""
    message = f"The test{shown} is on its way to {', '.join(emails)}. Check the inbox."
    return request.redirect(f"{HERE}/{name}/test", message)


def _typed_fault(typed: Sequence[str]) -> str:
    """Returns what is wrong with the first address that is invalid or seems to lack its end; "" if none does."""
    for email in typed:
        try:
            parse_address(email)
        except AddressError as error:
            return f"{error.message} {error.next_step}"
        domain = email.rpartition("@")[2]
        if "." not in domain and domain != "localhost" and not domain.startswith("["):
            return f"{email} looks incomplete: is something missing after “{domain}”?"
    return ""


ROUTES = (
    DeskRoute("GET", f"{ONE}/test", Role.WRITER, _show),
    DeskRoute("GET", f"{ONE}/test/outcomes", Role.WRITER, _results_fragment),
    DeskRoute("POST", f"{ONE}/test", Role.WRITER, _test),
)
