import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.csv.columns.header_row import ColumnsError, field_name, read_columns


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("email", "email"),
        ("E-Mail-Adresse", "email"),
        ("Email Address", "email"),
        ("Correo electrónico", "email"),
        ("CORREO ELECTRONICO", "email"),
        ("Courriel", "email"),
        ("דוא״ל", "email"),
        ("البريد الإلكتروني", "email"),
        ("Электронная почта", "email"),
        ("Vorname", "first_name"),
        ("First Name", "first_name"),
        ("fname", "first_name"),
        ("given_name", "first_name"),
        ("Prénom", "first_name"),
        ("שם פרטי", "first_name"),
        ("Nachname", "last_name"),
        ("Last Name", "last_name"),
        ("Apellidos", "last_name"),
        ("Stadt", "city"),
        ("MEMBER_RATING", "member_rating"),
        ("  Porto -- (2nd) ", "porto_2nd"),
        ("Straße", "straße"),
        ("पसंदीदा शहर", "पसंदीदा_शहर"),
        ("Ｗide", "wide"),
        ("__init__", "init"),
        ("!?", ""),
        ("", ""),
    ],
)
def test_a_header_is_a_field(header, name):
    assert field_name(header) == name


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_field_name_is_plain_and_its_own_field_name(header):
    name = field_name(header)
    assert name == "" or (name[0] != "_" != name[-1] and "__" not in name)
    assert not any(character.isspace() or character in ".-'\"{}" for character in name)
    assert field_name(name) == name


def test_two_columns_of_one_field_are_named():
    with pytest.raises(ColumnsError, match="“Vorname” and “First name” both become the field “first_name”"):
        read_columns(["email", "Vorname", "First name"])


def test_columns_without_a_header_are_left_out():
    columns = read_columns(["", "Email", " ", "city"])
    assert columns.names == ("", "email", "", "city")
    assert columns.fields == {"email", "city"}
    assert (columns.address, columns.status) == (1, None)


def test_the_only_column_that_speaks_of_mail_holds_the_address():
    columns = read_columns(["Name", "Contact e-mail", "Mailing address", "Status"])
    assert columns.names == ("name", "email", "mailing_address", "status")
    assert (columns.address, columns.status) == (1, 3)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (["work email", "home email"], "several columns could contain the address: “work email”, “home email”"),
        (["ana@example.org", "Ana"], "the first line contains an address"),
        (["name", "emial"], r"no column contains the address \(did you mean “emial”\?\)"),
        (["name", "city"], "no column contains the address$"),
    ],
)
def test_without_one_address_column_the_error_helps(headers, message):
    with pytest.raises(ColumnsError, match=message) as caught:
        read_columns(headers)
    assert caught.value.next_step
