import pytest

from mailer.i18n.spreadsheet_dates import ParsedDay, parse_day


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("2024-01-31", "de", "2024-01-31"),
        ("2024-01-31T10:00:00.000Z", "en", "2024-01-31T10:00:00.000Z"),
        ("31/01/2024", "en", "2024-01-31"),
        ("1/31/2024", "en-GB", "2024-01-31"),
        ("03/04/2024", "en-GB", "2024-04-03"),
        ("3/4/2024", "en-US", "2024-03-04"),
        ("03.04.24", "de", "2024-04-03"),
        ("3. 4. 2024", "cs", "2024-04-03"),
        ("03/04/2024 10:30", "fr", "2024-04-03"),
        ("2024/4/3", "ja", "2024-04-03"),
        ("45322", "pt", "2024-01-31"),
        ("45322.5", "pt", "2024-01-31"),
        ("31-Jan-24", "en", "2024-01-31"),
        ("31. Januar 2024", "de", "2024-01-31"),
        ("Jan 31, 2024", "en-US", "2024-01-31"),
        ("31/12/1999", "xx", "1999-12-31"),
    ],
)
def test_a_day_of_a_spreadsheet_is_read_in_the_language(text, language, day):
    assert parse_day(text, language) == ParsedDay(day)


def test_english_without_a_region_leaves_day_and_month_open():
    assert parse_day("03/04/2024", "en") == ParsedDay("2024-03-04", is_ambiguous=True)
    assert parse_day("04/04/2024", "en") == ParsedDay("2024-04-04")
    assert [parse_day("04.05.2024", each) for each in ("en", "en-US", "de")] == [ParsedDay("2024-05-04")] * 3


@pytest.mark.parametrize(
    "text", ["yesterday", "2024", "31/02/2024", "99999", "123", "13/13/2024", "31-Foo-24", "Jan 2024", "1/2/200"]
)
def test_any_other_text_is_no_day(text):
    assert parse_day(text, "en") is None
