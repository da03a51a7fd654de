"""The desk's words: no command, setting, path or term of the protocol reaches an editor."""

import pytest

from mailer.audience.segments import SegmentError
from mailer.delivery.states import DeliveryState, SendState
from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.edition.template_loader import LayoutError
from mailer.errors import MailerError, SettingsError, UsageError
from mailer.ledger.types.errors import LedgerError, UnknownSendError
from mailer.lint.rule_catalogue import RULEBOOK
from mailer.web.desk.plain_language import (
    as_sentence,
    delivery_state,
    describe_error,
    finding_sentence,
    plain_reason,
    plain_text,
    send_state,
)

FOREIGN = ("MAILER_", "mailer ", " --", ".toml", ".j2", ".env", "dispatches/", "subscribers/", "templates/", "docs/")


def test_every_state_has_a_name_and_none_is_the_one_of_the_database():
    names = {delivery_state(each) for each in DeliveryState} | {send_state(each) for each in SendState}
    assert not names & {"deferred", "skipped", "uncertain", "pending", "claimed", "sending", "overdue"}


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            "connection lost after the dot",
            "connection lost after the message was handed over, before the relay confirmed",
        ),
        ("timeout after end of DATA", "timeout after the message was handed over, before the relay confirmed"),
        ("deferred at RCPT", "the server asked us to try again later"),
        ("relay does not support SMTPUTF8", "the relay does not support this kind of address"),
        ("relay lacks SMTPUTF8", "the relay does not support this kind of address"),
        ("relay does not support 8BITMIME", "the relay does not support this kind of message"),
        ("message too big", "the message is too big for the relay"),
        ("relay is closing the connection", "the relay closed the connection"),
        ("relay requires authentication", "the relay requires a login"),
        ("sender refused", "the relay refused the sender’s address"),
        ("too much mail for the relay", "the relay limits how much mail it accepts"),
        (
            "127.0.0.1:25 refused 10 messages in a row (550 5.7.1 no)",
            "the relay refused all messages; the reader was not the reason",
        ),
        ("expired", "retried for too long"),
        ("unsubscribed", "unsubscribed"),
        ("", ""),
    ],
)
def test_a_reason_is_shown_without_terms_of_the_protocol(reason, shown):
    assert plain_reason(reason) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nothing was sent. Check MAILER_RELAY, then run: mailer resume 12", "Nothing was sent. A setting of the server is in the way. Ask the person who runs the server to check it."),
        ("Send 3 is paused. Go on with: mailer resume 3", "Send 3 is paused."),
        ("Name one with --to LIST, or with lists: in the dispatch.", ""),
        ("/srv/letter/dispatches/2027-01-15-fog.md is there already.", "“2027-01-15-fog” is there already."),
        ("subscribers/harbour.toml: the language is unknown.", "“harbour”: the language is unknown."),
        ("readers.csv:118: “ana@@example.com” is not an address.", "“readers”, line 118: “ana@@example.com” is not an address."),
        ("Darken the text in templates/.", "Ask an admin to change the newsletter’s design."),
        ("Mend the spelling, or take it out; `docs/editor.md` has all.", "Mend the spelling, or take it out."),
        ("Use the filters listed in docs/editor.md, with straight quotes.", "Use the filters, with straight quotes."),
        ("Write `credit:` under `photo:`.", "Write `credit:` under `photo:`."),
        ("The file “/srv/letter/dispatches/photos/quay.jpg” is damaged.", "The file “/srv/letter/dispatches/photos/quay.jpg” is damaged."),
        ("The file “/srv/letter/dispatches/quay.jpg” is damaged.", "The file “quay.jpg” is damaged."),
        ("Copy it into the folder dispatches/.", "Copy it into the folder of the dispatches."),
        ("See https://example.org/dispatches/fog for more.", "See https://example.org/dispatches/fog for more."),
        ("", ""),
    ],
)  # fmt: skip
def test_commands_settings_and_paths_are_put_into_words(text, shown):
    assert plain_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Set MAILER_POSTAL_ADDRESS.", "The postal address is missing; many countries’ laws require it in every message. Ask the person who runs the server to set it."),
        ("Check MAILER_RELAY.", "A setting of the server is in the way. Ask the person who runs the server to check it."),
        ("Darken the text in templates/.", "Change the newsletter’s design."),
        ("Write it in full.", "Write it in full."),
    ],
)  # fmt: skip
def test_an_admin_is_not_told_to_ask_an_admin_and_sees_no_setting_either(text, shown):
    assert plain_text(text, is_admin=True) == shown


def test_a_missing_photo_is_called_by_its_name():
    finding = Diagnostic(
        path="dispatches/tide.md",
        line=5,
        column=9,
        rule="image-file",
        severity=Severity.ERROR,
        message="there is no image file “/srv/letter/dispatches/photo.jpg”",
        expected="Check its name; upper and lower case must match.",
    )
    assert finding_sentence(finding) == "There is no photo “photo.jpg”. Upload it with “Photo”."


@pytest.mark.parametrize("rule", sorted(RULEBOOK))
def test_no_remedy_names_what_an_editor_cannot_use(rule):
    shown = plain_text(RULEBOOK[rule].how)
    assert shown.endswith((".", "…"))
    assert not any(each in shown for each in FOREIGN)


@pytest.mark.parametrize(
    ("error", "message", "next_step"),
    [
        (LedgerError("The ledger /srv/mailer.db is locked.", "Close it."), "The database cannot be used at the moment.", "Try again in a minute. If it stays so, tell an admin."),
        (SettingsError("MAILER_FROM is not set."), "A setting of the server is missing or wrong.", "Tell an admin."),
        (LayoutError("dispatch.html.j2:3: unexpected '}'", "Mend the template."), "The newsletter’s design has an error.", "Tell an admin; the text of the dispatch is fine."),
        (UnknownSendError(99), "There is no send 99.", "All sends are listed under Sends."),
        (SegmentError("--where: “a ==” is not an expression (unexpected 'end').", "Compare fields."), "The filter is not valid: “a ==” is not an expression.", "Compare fields."),
        (UsageError("the image is broken", "Save it again as JPEG or PNG."), "The image is broken.", "Save it again as JPEG or PNG."),
        (UsageError("Run mailer doctor."), "This did not work.", "Tell an admin."),
    ],
)  # fmt: skip
def test_an_error_says_what_happened_and_what_to_do(error: MailerError, message, next_step):
    assert describe_error(error) == (message, next_step)


def test_a_finding_is_a_sentence_without_the_words_of_the_template_engine():
    finding = Diagnostic(
        path="dispatches/tide.md",
        line=3,
        column=1,
        rule="expression",
        severity=Severity.ERROR,
        message="“reader.” is not an expression (expected token 'name', got 'end')",
        expected="write {{ reader.city }}",
    )
    assert finding_sentence(finding) == "“reader.” is not an expression; write {{ reader.city }}."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("the list is empty", "The list is empty."),
        ("ana@example.com is not on any list.", "ana@example.com is not on any list."),
        ("subscribers/harbour.toml is missing", "subscribers/harbour.toml is missing."),
        ("did you mean “source”?", "Did you mean “source”?"),
    ],
)
def test_a_sentence_has_a_capital_unless_it_begins_with_a_path_or_an_address(text, sentence):
    assert as_sentence(text) == sentence
