"""Problem documents: what a client is told to do."""

import json

import pytest

from mailer.audience.segments import SegmentError
from mailer.errors import MailerError, NeedsConfirmationError, SettingsError, UsageError
from mailer.ledger.types.errors import LedgerError, UnknownSendError
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.web.api.problem_details import NotAllowedError, mailer_problem

REMOVALS = "If that is meant: mailer list sync readers --allow-removals; see them with --plan."


def document(error: MailerError, **path: str) -> dict[str, str]:
    return json.loads(bytes(mailer_problem(error, path).body))


@pytest.mark.parametrize(
    ("error", "path", "next_step"),
    [
        (
            NeedsConfirmationError("Send 12 is scheduled.", "To cancel it: mailer cancel 12"),
            {"send": "12"},
            "GET /api/v1/sends/12 shows the state of the send.",
        ),
        (
            UsageError("No earlier sync.", "See: mailer list show a b"),
            {"list": "a b"},
            "GET /api/v1/lists/a%20b shows the list.",
        ),
        (
            NeedsConfirmationError("30 of 40 readers are gone.", REMOVALS),
            {"list": "readers"},
            'If that is intended, set "allow_removals" to true. GET /api/v1/lists/readers/plan shows the changes.',
        ),
        (
            UsageError("No list.", "Add lists: to the dispatch. Or name one with --to LIST."),
            {},
            "Add lists: to the dispatch.",
        ),
        (UnknownSendError(7), {"send": "7"}, "GET /api/v1/sends lists the sends."),
        (
            SettingsError("MAILER_FROM is missing.", "Set it in .env."),
            {},
            "Ask an admin to correct the settings of this program.",
        ),
        (NotAllowedError(Scope.SENDS_READ), {}, "Ask an admin for a token with the scope sends:read."),
        (LedgerError("The disk is full.", "Make room."), {}, "Make room."),
        (
            LedgerError("The disk is full.", "Make room, then: mailer resume 12"),
            {},
            "Wait as long as the header Retry-After says, then repeat the request. If it fails again, tell an admin.",
        ),
        (UsageError("Not an address."), {"email": "x"}, ""),
    ],
)
def test_the_next_step_names_requests_and_fields_and_no_command(error, path, next_step):
    assert document(error, **path).get("next_step", "") == next_step


def test_an_option_of_the_command_line_becomes_the_field():
    assert document(SegmentError("--where: “city” is not compared.", ""))["detail"] == "where: “city” is not compared."
