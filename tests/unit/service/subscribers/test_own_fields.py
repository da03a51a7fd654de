"""What readers may write into their own fields."""

import pytest

from mailer.service.subscribers.own_fields import (
    LONGEST_VALUE,
    OwnFieldError,
    has_web_address,
    own_field_values,
    require_no_web_address,
)


@pytest.mark.parametrize(
    "value",
    [
        "Fay, pay at http://evil.example",
        "HTTPS://EVIL.EXAMPLE",
        "//evil.example/x",
        "tel:/x",
        "www.evil",
        "pay at evil.example",
        "evil.example/pay",
        "fay@evil.example",
        "xn--80ak6aa92e.com",
        "пример.рф",
        "ｅｖｉｌ．ｃｏｍ",
        "evil。com",
        "203.0.113.9",
    ],
)
def test_a_web_address_is_found(value):
    assert has_web_address(value)
    with pytest.raises(OwnFieldError):
        require_no_web_address({"city": "Faro", "first_name": value})


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Ana",
        "J. R. Smith",
        "J.R. Smith",
        "Ph.D.",
        "St. Gallen",
        "O'Hara-Reis",
        "c/o Reis",
        "1.5",
        "26.10.2026",
        "@ana",
        "…",
        "李",
    ],
)
def test_names_and_places_are_not_refused(value):
    assert not has_web_address(value)
    require_no_web_address({"first_name": value})


def test_values_are_one_short_line_without_invisible_characters():
    given = {"city": " Por\u202eto\r\nNovo ", "first_name": "x" * 999, "name": " \t", "status": "y"}
    assert own_field_values(("first_name", "city", "name"), given) == {
        "first_name": "x" * LONGEST_VALUE,
        "city": "Porto Novo",
    }
