"""Reading the program's own cookies."""

import pytest
from starlette.requests import Request

from mailer.web.cookies import has_slow_cookie_parser, read_cookie


def request(*cookies: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", each.encode("latin-1")) for each in cookies]})


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("a=1", "1"),
        ("b=2; a=1", "1"),
        ("a=1; a=2", "1"),
        (' a="Zm9v=="; c', "Zm9v=="),
        ("aa=1", ""),
        ("a", ""),
        ("", ""),
        ("a=b c", ""),
        ('a="\\134\\134"', ""),
    ],
)
def test_our_own_cookie_is_read_by_its_pattern(header, value):
    assert read_cookie(request(header), "a") == value


def test_several_cookie_headers_are_read():
    assert read_cookie(request("b=2", "a=1"), "a") == "1"


@pytest.mark.parametrize(
    ("version", "slow"),
    [((3, 11, 7), True), ((3, 11, 10), False), ((3, 12, 0), True), ((3, 12, 6), False), ((3, 13, 0), False)],
)
def test_pythons_with_a_quadratic_cookie_parser_are_known(version, slow):
    assert has_slow_cookie_parser(version) is slow
