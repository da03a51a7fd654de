import email_validator
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.addresses import Address, AddressError, is_plain_address, mailbox_of, parse_address, parse_signup_address
from mailer.mailbox_address import MailboxError, check_syntax

GOOD = [
    ("ana.reis@example.com", "ana.reis@example.com", "ana.reis@example.com", "ana.reis@example.com"),
    ("OK@Example.COM ", "OK@example.com", "ok@example.com", "OK@example.com"),
    ("\ufeff\u200b\tana@example.org\u00a0\n", "ana@example.org", "ana@example.org", "ana@example.org"),
    ("o'hara+news/x=1@mail.example.org", "o'hara+news/x=1@mail.example.org", "o'hara+news/x=1@mail.example.org", None),
    ("root@localhost", "root@localhost", "root@localhost", None),
    ("a@host.test", "a@host.test", "a@host.test", None),
    ("a@EXÄMPLE.org", "a@xn--exmple-cua.org", "a@xn--exmple-cua.org", "a@exämple.org"),
    ("a@XN--exmple-cua.org", "a@xn--exmple-cua.org", "a@xn--exmple-cua.org", "a@exämple.org"),
    ("INFO@example.org", "INFO@example.org", "info@example.org", None),
]


@pytest.mark.parametrize(
    ("identity", "mailbox"),
    [
        ("victim+1@example.org", "victim@example.org"),
        ("victim@example.org", "victim@example.org"),
        ("v.ictim@example.org", "v.ictim@example.org"),
        ("v.ic.tim+a+b@gmail.com", "victim@gmail.com"),
        ("victim@googlemail.com", "victim@gmail.com"),
        ("+1@example.org", "+1@example.org"),
        ("...@gmail.com", "...@gmail.com"),
    ],
)
def test_the_spellings_of_a_mailbox_are_one(identity, mailbox):
    assert mailbox_of(identity) == mailbox


@pytest.mark.parametrize(("text", "envelope", "identity", "display"), GOOD)
def test_an_address_keeps_its_local_part_and_is_known_by_its_identity(text, envelope, identity, display):
    address = parse_address(text)
    assert (address.envelope, address.identity, address.smtputf8) == (envelope, identity, False)
    assert address.display == (display or envelope)


@pytest.mark.parametrize(
    "text",
    [
        "=cmd@example.org",
        "+1@example.org",
        "-1@example.org",
        "＝cmd@example.org",
        "－1@example.org",
        "a|b@example.org",
        "cmd!a1@example.org",
        "x@127.0.0.1",
        "nobody",
    ],
)
def test_a_stranger_enters_no_address_that_a_spreadsheet_would_run(text):
    with pytest.raises(AddressError):
        parse_signup_address(text)


@pytest.mark.parametrize("text", ["o'hara+news/x=1@mail.example.org", "a-b@example.org", "дом@example.org"])
def test_other_addresses_sign_up_as_they_are(text):
    assert parse_signup_address(text) == parse_address(text)


@pytest.mark.parametrize("text", ["rita@gmail", "rita@example", "root@localhost", "a@exämple"])
def test_an_address_whose_domain_has_no_dot_signs_up_nowhere(text):
    assert parse_address(text).envelope
    with pytest.raises(AddressError, match="no dot after the @"):
        parse_signup_address(text)


def test_an_international_local_part_needs_smtputf8():
    address = parse_address("दीपा@उदाहरण.example")
    assert address == Address(
        "दीपा@xn--p1b6ci4b4b3a.example", "दीपा@xn--p1b6ci4b4b3a.example", "दीपा@उदाहरण.example", smtputf8=True
    )
    assert address.domain == "xn--p1b6ci4b4b3a.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana@example.org", "ana@EXAMPLE.org"),
        ("Büro@example.org", "bu\u0308ro@example.org"),
        ("Straße@x.org", "STRASSE@x.org"),
    ],
)
def test_one_person_is_one_identity(one, other):
    assert parse_address(one).identity == parse_address(other).identity


def test_the_envelope_keeps_the_normal_form_it_was_written_in():
    assert parse_address("bu\u0308ro@example.org").envelope == "bu\u0308ro@example.org"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("not-an-address", "no @"),
        ("ana＠example.org", "a full-width @"),
        ("ana@@example.com", "two @"),
        ("a@b@c.example", "two @"),
        ("a@b@c@d", "3 @"),
        ("@example.org", "nothing before the @"),
        ("ana@", "nothing after the @"),
        ("an a@example.org", "spaces"),
        ("ana@exam\u00a0ple.org", "spaces"),
        ("ana\x00@example.org", "control characters"),
        ("ana@example.org\nBcc: eve@example.org", "control characters"),
        ("two@example.com,three@example.com", "several addresses"),
        ("two@example.com; three@example.com", "several addresses"),
        ("Ana <ana@example.org>", "angle brackets; write only the address"),
        ('"quoted local"@example.com', "a quoted name before the @, which is not supported"),
        ("ana@[192.0.2.1]", "an IP address instead of a domain"),
        ("l" * 65 + "@example.com", "more than 64 bytes before the @"),
        ("ü" * 33 + "@example.com", "more than 64 bytes before the @"),
        ("a@" + "b." * 130 + "org", "longer than 254 bytes"),
        ("a@" + "b" * 1_000_000, "longer than 254 bytes"),
    ],
)
def test_a_faulty_address_says_why_in_a_few_words(text, reason):
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text", ["a..b@example.org", ".a@example.org", "a@-b.org", "a@b..org", "a@ab--cd.org", "a@xn--zzzzzz.org", "a(b)@x.org",
             "a@b_c.org", "mailto:a@b.org", "\u202ea@b.org", "a@b.org.", "a@\ud800.org", "\ud800@x.org", "a@" + "l" * 64 + ".org"]
)  # fmt: skip
def test_other_faults_are_the_library_s_to_name(text):
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert caught.value.reason
    assert not caught.value.reason.endswith(".")


def test_a_message_shows_no_control_character_and_not_all_of_a_long_text():
    with pytest.raises(AddressError) as caught:
        parse_address("x\x1b[31m\u202e" * 100)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


LIBRARY_CASES = st.one_of(
    st.from_regex(r"[A-Za-z0-9.!#+_'-]{1,66}@[A-Za-z0-9.-]{1,70}", fullmatch=True),
    st.from_regex(r"[a-z.]{1,4}@([A-Za-z0-9x-]{1,5}\.){0,3}[a-zA-Z0-9-]{1,4}", fullmatch=True),
    st.text(st.characters(max_codepoint=127), max_size=30),
    st.tuples(st.integers(60, 66), st.integers(180, 195)).map(
        lambda n: "l" * n[0] + "@" + ("d" * 9 + ".") * (n[1] // 10) + "e" * (n[1] % 10 + 1)
    ),
)


@settings(deadline=None)
@given(LIBRARY_CASES)
def test_plain_ascii_is_taken_exactly_as_the_library_takes_it(text):
    try:
        expected = check_syntax(text)
    except MailboxError:
        expected = None
    if text.startswith('"') or text != text.strip() or not text.isascii():
        return
    try:
        address = parse_address(text)
    except AddressError:
        address = None
    assert (address is None) == (expected is None)
    if address and expected:
        assert address.identity == f"{expected.local_part.lower()}@{expected.ascii_domain}"


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(st.sampled_from('ab@.-,<>"\\ \x00\u200büÜاש१x'), max_size=20))
def test_any_text_is_an_address_or_an_address_error(text):
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert len(address.envelope.encode()) <= 254
    assert not any(character.isspace() or not character.isprintable() for character in address.envelope)
    assert parse_address(address.envelope).identity == address.identity
    assert parse_address(address.identity).identity == address.identity


def test_the_library_is_asked_for_any_domain():
    check_syntax("a@b.invalid")
    assert email_validator.SPECIAL_USE_DOMAIN_NAMES == []


@pytest.mark.parametrize("text", ["x@127.0.0.1", "x@1.2", "x@a.1", "x@0x7f.0x1", "x@[127.0.0.1]"])
def test_an_ip_address_is_no_domain(text):
    with pytest.raises(AddressError, match="an IP address instead of a domain"):
        parse_address(text)
    assert not is_plain_address(text)


def test_a_label_with_a_number_is_a_domain():
    assert parse_address("x@1.example.b1").domain == "1.example.b1"
