"""Delivery status parts, as servers write them: RFC 3464, RFC 6533, and less than that."""

import pytest

from mailer.feedback.delivery_status import parse_delivery_status, parse_recipient


def fields(text):
    return [(each.address, each.action, each.status, each.diagnostic) for each in parse_delivery_status(text).blocks]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822; ana@example.com", "ana@example.com"),
        ("RFC822;<ana@example.com>", "ana@example.com"),
        ("rfc822; ana+2Bnews@example.com", "ana+2Bnews@example.com"),
        ("rfc822; ana+news@example.com", "ana+news@example.com"),
        ("rfc822; ana+2024@example.com", "ana+2024@example.com"),
        ("rfc822; ana+0Ax@example.com", "ana+0Ax@example.com"),
        ("utf-8; \\x{E4}na@example.com", "äna@example.com"),
        ("utf-8; äna@example.com", "äna@example.com"),
        ("utf-8; \\x{110000}a@example.com", "\U0010ffffa@example.com"),
        ("ana@example.com", "ana@example.com"),
        ("rfc822; ana@example.com (forwarded)", "ana@example.com"),
        ("x-unix; |/bin/filter", ""),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_recipient_field(value, address):
    assert parse_recipient(value) == address


def test_each_block_after_an_empty_line_is_a_recipient():
    text = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1\n\n\nFinal-Recipient: rfc822; b@example.com\nAction: Delayed (later)\nStatus: 4.4.1\n"
    assert fields(text) == [("a@example.com", "failed", "5.1.1", ""), ("b@example.com", "delayed", "4.4.1", "")]


def test_a_second_recipient_field_begins_a_block_where_the_empty_line_is_missing():
    text = "Reporting-MTA: dns; mx\nAction: failed\nFinal-Recipient: rfc822; a@example.com\nStatus: 5.1.1\nFinal-Recipient: rfc822; b@example.com\nStatus: 5.2.2\n"
    assert [(address, status) for address, _, status, _ in fields(text)] == [
        ("a@example.com", "5.1.1"),
        ("b@example.com", "5.2.2"),
    ]


@pytest.mark.parametrize(
    "folded",
    ["550 5.1.1\n no such user", "550 5.1.1\n\tno such user", "550 5.1.1\nno such user", "550 5.1.1 no such user"],
)
def test_a_field_goes_on_in_the_next_line_also_where_the_blank_is_missing(folded):
    text = f"Final-Recipient: rfc822; a@example.com\nDiagnostic-Code: smtp; {folded}\nStatus: 5.1.1\n"
    assert fields(text) == [("a@example.com", "", "5.1.1", "550 5.1.1 no such user")]


def test_a_diagnostic_without_a_type_and_the_status_of_a_program_are_kept():
    for value, diagnostic in (
        ("550 no", "550 no"),
        ("smtp;550 a; b", "550 a; b"),
        ("X-Unix; 71", "X-Unix; 71"),
        ("smtp; ", ""),
    ):
        [(*_, found)] = fields(f"Final-Recipient: rfc822; a@example.com\nDiagnostic-Code: {value}\n")
        assert found == diagnostic


def test_the_envelope_id_is_decoded():
    assert parse_delivery_status("Original-Envelope-Id: abc+2Bdef\n").envelope_id == "abc+def"


def test_a_part_without_fields_has_no_blocks():
    assert fields("Nothing of this: is a field.\n\nhttps://example.com\n") == []


@pytest.mark.parametrize(
    ("text", "address", "forwarded"),
    [
        ("Final-Recipient: rfc822; ana+2024@example.com", "ana+2024@example.com", False),
        (
            "Original-Recipient: rfc822; ana+2B2024@x.example\nFinal-Recipient: rfc822; ana+2024@x.example",
            "ana+2024@x.example",
            False,
        ),
        (
            "Original-Recipient: rfc822; ana+2024@x.example\nFinal-Recipient: rfc822; ana+2024@x.example",
            "ana+2024@x.example",
            False,
        ),
        ("Original-Recipient: rfc822; ana@x.example\nFinal-Recipient: rfc822; bob@dead.example", "ana@x.example", True),
        ("Final-Recipient: rfc822; ana@x.example\nX-Actual-Recipient: rfc822; bob@dead.example", "ana@x.example", True),
        ("Final-Recipient: rfc822; ana@x.example\nX-Actual-Recipient: rfc822; ana@x.example", "ana@x.example", False),
    ],
)
def test_xtext_is_decoded_only_where_it_stands_and_a_forwarded_message_is_known(text, address, forwarded):
    [block] = parse_delivery_status(f"{text}\nAction: failed\nStatus: 5.1.1").blocks
    assert (block.address, block.is_forwarded) == (address, forwarded)
