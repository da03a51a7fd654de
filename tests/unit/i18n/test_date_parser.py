import datetime as dt

import pytest

from mailer.i18n.date_parser import ends_in_date, is_month_first, read_date

DATES = [
    ("October 26, 2026", "2026-10-26"), ("Oct. 25, 2026", "2026-10-25"), ("Sunday, 25 October 2026", "2026-10-25"),
    ("25th of October, 2026", "2026-10-25"), ("26. Oktober 2026", "2026-10-26"), ("1er mars 2026", "2026-03-01"),
    ("3 de marzo de 2026", "2026-03-03"), ("3 de março de 2026", "2026-03-03"), ("26 באוקטובר 2026", "2026-10-26"),
    ("26 أكتوبر 2026", "2026-10-26"), ("26 октября 2026 г.", "2026-10-26"), ("2026-10-26", "2026-10-26"),
    ("26.10.2026", "2026-10-26"), ("26/10/2026", "2026-10-26"), ("10/26/2026", "2026-10-26"), ("Sept. 3, 2026", "2026-09-03"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "iso"), DATES)
def test_dates_are_parsed_in_usual_forms(text, iso):
    found = read_date(text)
    assert found is not None
    assert found.date.isoformat() == iso
    assert not found.is_ambiguous


@pytest.mark.parametrize(
    "text", ["", "October", "2026", "31 February 2026", "may be 2026 3", "12", "Article 5, 2026", "0/0/2026"]
)
def test_a_text_that_is_not_a_date_is_none(text):
    assert read_date(text) is None


def test_ambiguous_figures_are_marked():
    found = read_date("03/04/2026")
    assert found is not None
    assert (found.date, found.is_ambiguous) == (dt.date(2026, 4, 3), True)


def test_a_date_at_the_end_is_split_from_its_source():
    assert ends_in_date("The Times, of London, Oct. 25, 2026") is not None
    ended = ends_in_date("Harbour Times · 25 October 2026")
    assert ended is not None
    assert ended[0] == "Harbour Times"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("October 26, 2026", True),
        ("Oct. 26th 2026 and Sept 1, 2026, but 3 May 2026", True),
        ("26 October 2026", False),
        ("26th of October, 2026; October 27, 2026", False),
        ("26. Oktober 2026", False),
        ("mayor 12, 2026 May", False),
    ],
)
def test_english_dates_with_the_month_first_are_known(text, expected):
    assert is_month_first(text) is expected
